"""The top of an explorer: what was found, of which maps, warnings, progress, errors."""

from __future__ import annotations

import html
from typing import Any

import ipywidgets

from ._session import LiveSession

__all__ = ["ProgressLine", "RunBar", "provenance", "quiet"]

IDLE = {"idle": "choose maps", "done": "done", "stopped": "stopped", "failed": "failed", "closed": "closed"}
KEYS = "data-lm-suppress-shortcuts='true'"  # JupyterLab leaves keys pressed in here to the page


def quiet(widget: Any, **traits: Any) -> None:
    """Set traits that differ.

    Parameters
    ----------
    widget : Widget or Layout
        What to change.
    **traits
        Wanted values.

    Examples
    --------
    >>> box = ipywidgets.HTML("a")
    >>> quiet(box, value="b")
    >>> box.value
    'b'
    """
    for name, value in traits.items():
        if getattr(widget, name) != value:
            setattr(widget, name, value)


def provenance(result: Any, label: str = "") -> str:
    """Of which maps a result is, in a line.

    Parameters
    ----------
    result : AnalysisResult
        An analysis.
    label : str
        The name the maps go by, in place of their files.

    Returns
    -------
    str
        Names, box, voxel size, mask, symmetry.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> provenance(ca.analyze(ca.simulate_half_maps(box=32, voxel_size=2.0, seed=0)), "simulated")
    'simulated · 32³ voxels of 2 Å · no mask · C1'
    """
    s = result.settings
    names = [item.name for item in result.inputs if item.role != "mask" and item.name]
    z, y, x = s.box
    box = f"{z}³" if z == y == x else f"{z} × {y} × {x} (z, y, x)"
    mask = {"none": "no mask", "auto": "automatic mask", "array": "mask given"}.get(s.mask, f"mask {s.mask}")
    said = label or " and ".join(names)
    return " · ".join([*([said] if said else []), f"{box} voxels of {s.voxel_size:.4g} Å", mask, s.symmetry])


class ProgressLine(ipywidgets.HBox):  # type: ignore[misc]
    """How a run stands; keeps its place when there is none.

    Parameters
    ----------
    session : LiveSession
        What runs.
    place : str
        Where the run was started: one started elsewhere doesn't show here.
    """

    def __init__(self, session: LiveSession, place: str = "") -> None:
        self.session, self.place = session, place
        self.stage = ipywidgets.HTML()
        self.bar = ipywidgets.IntProgress(min=0, max=1, value=0, layout={"width": "90px", "height": "14px"})
        super().__init__([self.stage, self.bar])
        self.add_class("cryoaniso-progress")
        session.state.observe(self._show, names=["status", "progress", "place"])
        self._show(None)

    def _show(self, _change: Any) -> None:
        state = self.session.state
        here = state.place == self.place
        running = state.status == "running" and here
        stage, done, total = state.progress
        words = (f"{stage} {done}/{total}" if total > 1 else stage) if running else IDLE.get(state.status, "")
        kind = f'class="cryoaniso-stage" data-status="{state.status}"' if self.place == "" else ""
        quiet(self.stage, value=f"<div {kind} role='status'>{html.escape(words)}</div>")
        with self.bar.hold_sync():
            quiet(self.bar, max=max(total, 1), value=done if running else 0)
        quiet(self.bar.layout, visibility="visible" if running else "hidden")
        said = running or (self.place == "" and state.status in ("stopped", "failed", "idle"))
        quiet(self.stage.layout, visibility="visible" if said else "hidden")


class RunBar(ipywidgets.VBox):  # type: ignore[misc]
    """Headline, provenance, warnings, progress, Stop and the error panel.

    Parameters
    ----------
    session : LiveSession
        What runs.
    label : callable, optional
        Returns the name that the maps go by.
    """

    def __init__(self, session: LiveSession, label: Any = None) -> None:
        self.session = session
        self._label = label or (lambda: "")
        self.headline = ipywidgets.HTML()
        self.headline.add_class("cryoaniso-headline")
        self.about = ipywidgets.HTML()
        self.about.add_class("cryoaniso-about")
        self.badge = ipywidgets.HTML(layout={"flex": "0 0 auto"})
        self.badge.add_class("cryoaniso-badge")
        self.progress = ProgressLine(session)
        self.stage, self.bar = self.progress.stage, self.progress.bar
        self.stop = ipywidgets.Button(
            description="Stop", tooltip="Stop the run and keep what it has found", layout={"width": "96px"}
        )
        self.stop.add_class("cryoaniso-stop")
        self.stop.on_click(self._pressed)
        self.error = ipywidgets.HTML(layout={"display": "none"})
        self.error.add_class("cryoaniso-error")
        self.buttons = ipywidgets.HBox([self.badge, self.stop])
        right = ipywidgets.VBox([self.buttons, self.progress], layout={"flex": "0 0 auto", "align_items": "flex-end"})
        left = ipywidgets.VBox([self.headline, self.about], layout={"flex": "1 1 260px", "min_width": "0"})
        line = ipywidgets.HBox([left, right])
        line.add_class("cryoaniso-head")
        super().__init__([line, self.error])
        self.add_class("cryoaniso-runbar")
        session.state.observe(self._show, names=["status", "error", "result", "stale"])
        self._show(None)

    def _pressed(self, _button: Any) -> None:
        if self.session.running:
            self.session.stop()
        else:
            self.session.post(self._again)

    def _again(self) -> None:
        if self.session.can_run:
            self.session.start()

    def _show(self, _change: Any) -> None:
        state = self.session.state
        running = state.status == "running"
        quiet(self.stop, description="Stop" if running else "Run again", disabled=not (running or self.session.can_run))
        text = html.escape(state.error)
        quiet(self.error, value=f'<div role="alert">{text}</div>' if text else "")
        quiet(self.error.layout, display=None if text else "none")
        quiet(self.headline, value=self._headline(state))
        quiet(self.about, value=self._about(state))
        quiet(self.badge, value=_warnings(getattr(state.result, "warnings", ())))
        for part in (self.headline, self.about, self.badge):
            (part.add_class if state.stale else part.remove_class)("cryoaniso-stale")

    @staticmethod
    def _headline(state: Any) -> str:
        """What was found in a bold line, what it comes of in another, all of it on a click."""
        from ..summary.verdict import headline_sentences

        if state.result is None:
            return '<div class="cryoaniso-line">…</div>' if state.status == "running" else ""
        result = state.result
        first, *more = map(html.escape, headline_sentences(result))
        if result.partial:
            done, total = int(result.dfsc.done.sum()), result.dfsc.done.size
            more = [f"partial: {done} of {total} directions", *more]
        detail = " ".join(more)
        return (
            f'<details class="cryoaniso-more" {KEYS}><summary title="Click for all of it">'
            f'<div class="cryoaniso-line"><b>{first}</b></div>'
            f'<div class="cryoaniso-line cryoaniso-detail">{detail or "&nbsp;"}</div></summary>'
            f'<div class="cryoaniso-sheet"><p><b>{first}</b></p><p>{detail}</p></div></details>'
        )

    def _about(self, state: Any) -> str:
        if getattr(state.result, "settings", None) is None:
            return ""
        old = "<b>Of the maps before:</b> " if state.stale else ""
        words = html.escape(provenance(state.result, self._label()))
        return f'<div class="cryoaniso-line" title="{words}">{old}{words}</div>'


def _warnings(warnings: Any) -> str:
    """A badge with the number of warnings, which opens them."""
    if not warnings:
        return ""
    items = "".join(f"<li>{html.escape(str(text))}</li>" for text in warnings)
    count = f"{len(warnings)} warning{'s' if len(warnings) > 1 else ''}"
    return (
        f'<details class="cryoaniso-more" {KEYS}><summary>▲ {count}</summary>'
        f'<div class="cryoaniso-sheet"><ul>{items}</ul></div></details>'
    )
