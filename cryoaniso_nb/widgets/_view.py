"""What views have in common: their session, and when they draw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import ipywidgets

from ._panels import Panel
from ._session import LiveSession
from ._style import STYLE
from ._tree import close_tree

__all__ = ["View", "close_tree"]


class View(ipywidgets.VBox):  # type: ignore[misc]
    """A widget that shows a session, or a result alone.

    Parameters
    ----------
    source : LiveSession or AnalysisResult
        What to show; several views may share a session.
    active : bool
        Whether to draw at once; set `active` later otherwise.
    """

    #: Parts of the state this view draws besides the result.
    watches: ClassVar[tuple[str, ...]] = ()

    def __init__(self, source: Any, *, active: bool = True, **kwargs: Any) -> None:
        self.session = source if isinstance(source, LiveSession) else LiveSession(result=source)
        self._active = active
        self._stale: set[str] = set()
        super().__init__(**kwargs)
        self.add_class("cryoaniso-view")
        self.children = [ipywidgets.HTML(STYLE, layout={"display": "none"}), *self.build()]
        self.session.state.observe(self._changed, names=["result", "other", *self.watches])
        self.session.on_close(self._let_go)
        self._draw({"result"})

    @property
    def state(self) -> Any:
        """The session's state."""
        return self.session.state

    @property
    def active(self) -> bool:
        """Whether the view draws; a hidden one catches up when it is shown."""
        return self._active

    @active.setter
    def active(self, value: bool) -> None:
        self._active = value
        if value and self._stale:
            self._draw(self._stale)

    def build(self) -> Sequence[ipywidgets.Widget]:
        """Make the children, once."""
        raise NotImplementedError

    def draw(self, result: Any) -> None:
        """Show a result."""
        raise NotImplementedError

    def draw_selection(self, result: Any, names: set[str]) -> None:
        """Show what changed in the selection alone."""

    def _changed(self, change: Any) -> None:
        self._draw({change["name"]})

    def _draw(self, names: set[str]) -> None:
        result = self.state.result
        if not self._active or result is None:
            self._stale |= names
            return
        self._stale = set()
        if names & {"result", "other"}:
            self.draw(result)
        else:
            self.draw_selection(result, names)

    def _let_go(self) -> None:
        for part in vars(self).values():
            for panel in part if isinstance(part, list) else [part]:
                if isinstance(panel, Panel):
                    panel.close()
        close_tree(self)
