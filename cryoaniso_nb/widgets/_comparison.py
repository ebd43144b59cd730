"""The sentence on two maps that are shown beside each other."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import ipywidgets

from ..errors import CryoAnisoError
from ._session import LiveSession
from .header import quiet

__all__ = ["ComparisonLine"]


class ComparisonLine(ipywidgets.HTML):  # type: ignore[misc]
    """Which of the two maps shown is better, where, and whether beyond noise; empty where there is one.

    Parameters
    ----------
    session : LiveSession
        Shows them.
    names : callable
        Returns what they are called, the selected one first.
    """

    def __init__(self, session: LiveSession, names: Callable[[], tuple[str, str]]) -> None:
        self.session, self._names = session, names
        super().__init__(layout={"width": "100%"})
        self.add_class("cryoaniso-comparison")
        session.state.observe(self._follow, names=["other", "result"])

    def _follow(self, _change: Any) -> None:
        result, other = self.session.state.result, self.session.state.other
        if result is None or other is None or result.partial:
            quiet(self, value="")
            return
        first, second = self._names()

        def text() -> str:
            s = result.settings
            same = other.settings.cone_half_angle == s.cone_half_angle and other.settings.threshold == s.threshold
            try:
                cut = other if same else other.with_cones(cone_half_angle=s.cone_half_angle, threshold=s.threshold)
                return str(result.comparison_text(cut, first, second))
            except CryoAnisoError as error:
                return str(error)

        self.session.compute("comparison", text, self._say)

    def _say(self, text: str | None) -> None:
        if text is not None and self.session.state.other is not None:
            quiet(self, value=f'<b style="font-size:13px" role="status">{html.escape(text)}</b>')
