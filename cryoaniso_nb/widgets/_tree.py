"""Closing a widget with all that it is made of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import ipywidgets

__all__ = ["close_tree", "tree"]


def close_tree(widget: ipywidgets.Widget) -> None:
    """Close a widget and all it is made of.

    Parameters
    ----------
    widget : Widget
        The root.
    """
    for part in tree(widget):
        part.unobserve_all()
        part.close()


def tree(widget: ipywidgets.Widget) -> list[ipywidgets.Widget]:
    """A widget and all it is made of.

    Parameters
    ----------
    widget : Widget
        The root.

    Returns
    -------
    list of Widget
        The root first.

    Examples
    --------
    >>> [type(part).__name__ for part in tree(ipywidgets.VBox([ipywidgets.HTML()]))][:2]
    ['VBox', 'HTML']
    """
    queue, seen = [widget], {id(widget)}
    for current in queue:
        for name in current.keys:
            for part in _widgets_in(getattr(current, name, None)):
                if id(part) not in seen:
                    seen.add(id(part))
                    queue.append(part)
    return queue


def _widgets_in(value: Any) -> Iterable[ipywidgets.Widget]:
    if isinstance(value, ipywidgets.Widget):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _widgets_in(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _widgets_in(item)
