"""Undo and reset of what was chosen in an explorer: cones, shell, direction, colours."""

from __future__ import annotations

import time
from typing import Any

import ipywidgets

from ._session import LiveSession
from .controls import ConeControls
from .header import quiet

__all__ = ["HistoryButtons"]

SELECTED = ("shell", "direction", "bingham", "projection", "limits", "dfsc_limits")
CONES = ("cone_half_angle", "threshold", "n_axes")
TOGETHER = 0.8  # seconds: a slider that is dragged is one step
PATIENCE = 10.0  # seconds that an undone step may take to be shown
KEPT = 100

Step = tuple[tuple[Any, ...], tuple[Any, ...]]


class HistoryButtons(ipywidgets.HBox):  # type: ignore[misc]
    """Buttons that take back the last choice, or all of them.

    Parameters
    ----------
    session : LiveSession
        Whose choices.
    cones : ConeControls
        Sliders that follow.
    """

    def __init__(self, session: LiveSession, cones: ConeControls) -> None:
        self.session, self._cones = session, cones
        self._past: list[Step] = []
        self._first = self._now = self._step()
        self._last: tuple[str, float] = ("", 0.0)
        self._awaited: tuple[Step, float] | None = None
        self.undo, self.reset = (
            ipywidgets.Button(description=word, tooltip=tip, layout={"width": "58px"}, disabled=True)
            for word, tip in (
                ("Undo", "Take back the last choice of cones, shell, direction or colours"),
                ("Reset", "Take back all choices"),
            )
        )
        self.undo.add_class("cryoaniso-undo")
        self.reset.add_class("cryoaniso-reset")
        self.undo.on_click(lambda _button: session.post(self._undo))
        self.reset.on_click(lambda _button: session.post(self._reset))
        super().__init__([self.undo, self.reset])
        session.state.observe(lambda change: self._changed(change["name"]), names=[*SELECTED, "result"])

    def _step(self) -> Step:
        """What is chosen now."""
        state = self.session.state
        settings = getattr(state.result, "settings", None)
        return tuple(getattr(settings, name, None) for name in CONES), tuple(getattr(state, name) for name in SELECTED)

    def _changed(self, name: str) -> None:
        now, moment = self._step(), time.monotonic()
        if self._awaited is not None:
            if now == self._awaited[0] or moment > self._awaited[1]:
                self._awaited = None
            self._now = now
            return
        if self.session.state.status == "running" and self.session.state.place == "":
            self._past, self._first = [], now  # a run begins anew
        elif now != self._now:
            if (name, True) != (self._last[0], moment - self._last[1] < TOGETHER):
                self._past = [*self._past[1 - KEPT :], self._now]
            self._last = (name, moment)
        self._now = now
        self._enable()

    def _undo(self) -> None:
        if self._past:
            self._go(self._past.pop())

    def _reset(self) -> None:
        if self._now != self._first:
            self._past.append(self._now)
            self._go(self._first)

    def _go(self, step: Step) -> None:
        cones, selected = step
        self._last = ("", 0.0)
        self._awaited = (step, time.monotonic() + PATIENCE)
        self.session.select(**dict(zip(SELECTED, selected, strict=True)))
        if cones != self._now[0]:
            self._cones.put(**dict(zip(CONES, cones, strict=True)))
        self._now = step
        self._enable()

    def _enable(self) -> None:
        quiet(self.undo, disabled=not self._past)
        quiet(self.reset, disabled=self._now == self._first)
