"""The explorer's controls: run and stop, cones, files to open, export, compare, code."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ipywidgets

from ..analysis import load_result
from ..directions import LEVELS
from ..engine import smallest_cone
from ..errors import CryoAnisoError, OutputError, ResultError
from ._session import LiveSession, sentence
from .sources import Source, code

__all__ = ["ComparePanel", "ConeControls", "ExportPanel", "FilePanel", "RunBar"]


def _quiet(widget: Any, **traits: Any) -> None:
    """Set traits that differ."""
    for name, value in traits.items():
        if getattr(widget, name) != value:
            setattr(widget, name, value)


class RunBar(ipywidgets.VBox):  # type: ignore[misc]
    """Headline, progress, Stop and the error panel.

    Parameters
    ----------
    session : LiveSession
        What runs.
    """

    def __init__(self, session: LiveSession) -> None:
        self.session = session
        self.headline = ipywidgets.HTML(layout={"flex": "1 1 auto", "min_width": "0"})
        self.bar = ipywidgets.IntProgress(min=0, max=1, value=0, layout={"width": "130px"})
        self.stage = ipywidgets.HTML(layout={"width": "170px"})
        self.stop = ipywidgets.Button(
            description="Stop", tooltip="Stop the run and keep what it has found", layout={"width": "96px"}
        )
        self.stop.add_class("cryoaniso-stop")
        self.stop.on_click(self._pressed)
        self.error = ipywidgets.HTML(layout={"display": "none"})
        self.error.add_class("cryoaniso-error")
        right = ipywidgets.HBox([self.stage, self.bar, self.stop], layout={"flex": "0 0 auto", "align_items": "center"})
        line = ipywidgets.HBox(
            [self.headline, right], layout={"align_items": "center", "justify_content": "space-between"}
        )
        super().__init__([line, self.error])
        session.state.observe(self._show, names=["status", "progress", "error", "result"])
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
        stage, done, total = state.progress
        if running:
            words = f"{stage} {done}/{total}" if total > 1 else stage
        else:
            words = {
                "idle": "choose maps",
                "done": "done",
                "stopped": "stopped",
                "failed": "failed",
                "closed": "closed",
            }[state.status]
        _quiet(
            self.stage,
            value=f'<div class="cryoaniso-stage" data-status="{state.status}" style="font-size:12px;text-align:right;'
            f'padding-right:8px">{html.escape(words)}</div>',
        )
        with self.bar.hold_sync():
            _quiet(
                self.bar, max=max(total, 1), value=done if running else max(total, 1) if state.status == "done" else 0
            )
            _quiet(
                self.bar,
                bar_style={"done": "success", "stopped": "warning", "failed": "danger"}.get(state.status, "info"),
            )
        _quiet(
            self.stop, description="Stop" if running else "Run again", disabled=not (running or self.session.can_run)
        )
        text = html.escape(state.error)
        _quiet(
            self.error,
            value=f'<div role="alert" style="border-left:4px solid #d33;padding:4px 10px;font-size:13px">{text}</div>'
            if text
            else "",
        )
        _quiet(self.error.layout, display=None if text else "none")
        _quiet(self.headline, value=self._headline(state))

    @staticmethod
    def _headline(state: Any) -> str:
        from ..headline import headline

        if state.result is None:
            return '<span style="font-size:14px">…</span>' if state.status == "running" else ""
        result = state.result
        partial = ""
        if result.partial:
            done, total = int(result.dfsc.done.sum()), result.dfsc.done.size
            partial = f" <span style='opacity:0.75'>(partial: {done} of {total} directions)</span>"
        text = f"<b>{html.escape(headline(result))}</b>{partial}"
        return f'<div style="font-size:14px;line-height:19px;white-space:normal">{text}</div>'


class ConeControls(ipywidgets.HBox):  # type: ignore[misc]
    """Sliders for the cone and chi, choice of axes.

    Parameters
    ----------
    session : LiveSession
        Whose cones are cut.
    settings : dict
        First values.
    """

    def __init__(self, session: LiveSession, settings: dict[str, Any]) -> None:
        self.session = session
        self._following = False
        style = {"description_width": "initial"}
        self.cone = ipywidgets.FloatSlider(
            value=settings["cone_half_angle"],
            min=min(10.0, settings["cone_half_angle"]),
            max=max(40.0, settings["cone_half_angle"]),
            step=0.5,
            description="Cone half-angle (°)",
            readout_format=".1f",
            style=style,
            layout={"width": "330px"},
        )
        self.cone.add_class("cryoaniso-cone")
        self.chi = ipywidgets.FloatSlider(
            value=settings["threshold"],
            min=0.01,
            max=0.9,
            step=0.001,
            description="chi",
            readout_format=".3f",
            style=style,
            layout={"width": "290px"},
        )
        self.chi.add_class("cryoaniso-chi")
        choices = [level for level in LEVELS if level <= 1281]
        self.axes = ipywidgets.Dropdown(
            options=sorted({*choices, settings["axes"]}),
            value=settings["axes"],
            description="Axes",
            style=style,
            layout={"width": "120px"},
        )
        self.note = ipywidgets.HTML()
        # a page sends 30.500000000000004 for 30.5
        self.cone.observe(lambda change: self._ask(cone_half_angle=round(change["new"], 6)), names="value")
        self.chi.observe(lambda change: self._ask(threshold=round(change["new"], 6)), names="value")
        self.axes.observe(lambda change: self._ask(axes=change["new"]), names="value")
        super().__init__(
            [self.cone, self.chi, self.axes, self.note], layout={"flex_flow": "row wrap", "align_items": "center"}
        )
        session.state.observe(self._show, names="result")
        self._show(None)

    def _ask(self, **settings: Any) -> None:
        if not self._following:
            self.session.recut(**settings)

    def _show(self, _change: Any) -> None:
        result = self.session.state.result
        if result is None:
            return
        fixed = result.histogram is None
        if not fixed:
            least = smallest_cone(result.histogram.nodes_per_face)
            _quiet(self.cone, min=min(least, self.cone.value))
        for widget in (self.cone, self.chi, self.axes):
            _quiet(widget, disabled=fixed)
        _quiet(self.note, value="<span style='font-size:12px'>exact sums: cones are fixed</span>" if fixed else "")


class FilePanel(ipywidgets.VBox):  # type: ignore[misc]
    """Paths of half maps, or of a saved result.

    Parameters
    ----------
    opened : callable
        Gets (half1, half2, mask, voxel_size) or (result path,), from any thread.
    """

    def __init__(self, opened: Callable[..., None]) -> None:
        wide = {"width": "min(100%, 620px)"}
        style = {"description_width": "150px"}
        self.half1 = ipywidgets.Text(description="Half map 1", placeholder="half1.mrc", layout=wide, style=style)
        self.half2 = ipywidgets.Text(description="Half map 2", placeholder="half2.mrc", layout=wide, style=style)
        self.mask = ipywidgets.Text(
            description="Mask (optional)", placeholder="mask.mrc, or auto", layout=wide, style=style
        )
        self.voxel = ipywidgets.Text(
            description="Voxel size (optional)", placeholder="Å; from the header if empty", layout=wide, style=style
        )
        self.result = ipywidgets.Text(
            description="… or saved result", placeholder="result.npz", layout=wide, style=style
        )
        self.go = ipywidgets.Button(
            description="Analyze", button_style="primary", tooltip="Analyze these half maps, or show the saved result"
        )
        self.go.add_class("cryoaniso-open")
        self.go.on_click(lambda _button: opened())
        super().__init__([self.half1, self.half2, self.mask, self.voxel, self.result, self.go])


class ExportPanel(ipywidgets.VBox):  # type: ignore[misc]
    """Figure, tables and result as files; the Python of the present view.

    Parameters
    ----------
    session : LiveSession
        Whose result is written.
    source : callable
        Returns the present `Source`.
    """

    def __init__(self, session: LiveSession, source: Callable[[], Source]) -> None:
        self.session, self._source = session, source
        self.folder = ipywidgets.Text(
            value=".", description="Folder", layout={"width": "340px"}, style={"description_width": "50px"}
        )
        self.buttons = {
            kind: self._button(kind, text, tip)
            for kind, text, tip in (
                ("png", "Figure PNG", "The figure with the present settings, 300 dpi"),
                ("svg", "Figure SVG", "The same as vectors"),
                ("tables", "CSV and JSON", "A new folder with curves, directions and summary"),
                ("report", "Report", "One HTML page: figures, tables, warnings, settings, how to read it"),
                ("result", "Result file", "result.npz, to load again with ca.load_result"),
            )
        }
        self.code_button = ipywidgets.Button(
            description="Code", tooltip="Python that reproduces the present view", layout={"width": "100px"}
        )
        self.code_button.add_class("cryoaniso-code")
        self.code_button.on_click(lambda _button: self.session.post(self._toggle_code))
        self.code = ipywidgets.Textarea(layout={"width": "100%", "height": "170px", "display": "none"}, disabled=False)
        self.message = ipywidgets.HTML()
        row = ipywidgets.HBox(
            [self.folder, *self.buttons.values(), self.code_button],
            layout={"flex_flow": "row wrap", "align_items": "center"},
        )
        super().__init__([row, self.message, self.code])
        session.state.observe(self._refresh_code, names=["result", "bingham"])

    def _button(self, kind: str, text: str, tip: str) -> ipywidgets.Button:
        button = ipywidgets.Button(description=text, tooltip=tip, layout={"width": "120px"})
        button.add_class(f"cryoaniso-export-{kind}")
        button.on_click(lambda _button: self.session.post(self.export, kind))
        return button

    def export(self, kind: str) -> None:
        """Write one kind of file in the background.

        Parameters
        ----------
        kind : str
            'png', 'svg', 'tables', 'report' or 'result'.
        """
        result, folder, bingham = (
            self.session.state.result,
            Path(self.folder.value or ".").expanduser(),
            self.session.state.bingham,
        )
        if result is None:
            self._say("There is nothing to write yet.")
            return
        self._say("Writing …")
        maps = self._source().maps if kind == "report" else None

        def write() -> tuple[bool, str]:
            try:
                return True, str(write_file(result, folder, kind, bingham, maps))
            except CryoAnisoError as error:
                return False, str(error)
            except Exception as error:
                return False, sentence(error)

        self.session.compute(f"export {kind}", write, self._written)

    def _written(self, outcome: tuple[bool, str] | None) -> None:
        if outcome is not None:
            self._say(f"Wrote {outcome[1]}" if outcome[0] else outcome[1])

    def _say(self, text: str) -> None:
        self.message.value = f'<span class="cryoaniso-message" style="font-size:12px">{html.escape(text)}</span>'

    def _toggle_code(self) -> None:
        self.code.layout.display = "none" if self.code.layout.display is None else None
        self._refresh_code(None)

    def _refresh_code(self, _change: Any) -> None:
        result = self.session.state.result
        if result is not None and self.code.layout.display is None:
            _quiet(self.code, value=code(self._source(), result, self.session.state.bingham))


def write_file(result: Any, folder: Path, kind: str, bingham: str, maps: Any = None) -> Path:
    """Write one kind of file under a name that is still free.

    Parameters
    ----------
    result : AnalysisResult
        What to write.
    folder : Path
        An existing folder.
    kind : str
        'png', 'svg', 'tables', 'report' or 'result'.
    bingham : str
        The Bingham curve of the figure.
    maps : HalfMaps, optional
        Adds slices of the map to a report.

    Returns
    -------
    Path
        What was written.

    Raises
    ------
    OutputError
        When the folder is missing or can't be written to.
    """
    if not folder.is_dir():
        raise OutputError(f"There is no folder {folder}; make it, or choose another one.")
    ending = {"png": ".png", "svg": ".svg", "tables": "", "report": ".html", "result": ".npz"}[kind]
    name = f"anisotropy{ending}"
    path, number = folder / name, 2
    while path.exists():
        path, number = folder / f"{Path(name).stem}-{number}{Path(name).suffix}", number + 1
    if kind == "result":
        return Path(result.save(path))
    if kind == "report":
        from ..report import write_report

        return write_report(result, path, maps=maps, overwrite=False)
    if kind == "tables":
        from ..export import write_analysis

        return Path(write_analysis(result, path, figure=False))
    from ..plots import figure, save_figure

    return save_figure(figure(result, bingham=bingham), path)


class ComparePanel(ipywidgets.HBox):  # type: ignore[misc]
    """A second result beside the first.

    Parameters
    ----------
    session : LiveSession
        Gets the second result.
    """

    def __init__(self, session: LiveSession) -> None:
        self.session = session
        self.path = ipywidgets.Text(
            description="Compare with",
            placeholder="result.npz of another run",
            layout={"width": "420px"},
            style={"description_width": "100px"},
        )
        self.load = ipywidgets.Button(
            description="Show", tooltip="Overlay its FSO and BT, and show its sphere", layout={"width": "80px"}
        )
        self.clear = ipywidgets.Button(
            description="Remove", tooltip="Show the first result alone", layout={"width": "80px"}
        )
        self.message = ipywidgets.HTML()
        self.load.on_click(lambda _button: self.session.post(self._load))
        self.clear.on_click(lambda _button: self.session.select(other=None))
        children: Sequence[ipywidgets.Widget] = [self.path, self.load, self.clear, self.message]
        super().__init__(children, layout={"flex_flow": "row wrap", "align_items": "center"})

    def _load(self) -> None:
        path = Path(self.path.value.strip()).expanduser()
        self.message.value = ""

        def read() -> Any:
            try:
                return load_result(path)
            except ResultError as error:
                return error

        self.session.compute("compare", read, self._loaded)

    def _loaded(self, found: Any) -> None:
        if isinstance(found, ResultError):
            self.message.value = f'<span style="font-size:12px">{html.escape(str(found))}</span>'
        elif found is not None:
            self.session.select(other=found)
