"""The explorer's controls: cones, files to open, export, compare, code."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ipywidgets

from ..analysis.run import load_result
from ..engine.blocks import smallest_cone
from ..errors import CryoAnisoError, OutputError, ResultError
from ..geometry.directions import LEVELS
from ..results.staging import free_name
from ..results.system import reason
from ._comparison import ComparisonLine
from ._page import Page
from ._session import LiveSession
from ._shown import figure_options
from .header import quiet
from .sources import Source, code

__all__ = ["ComparePanel", "ConeControls", "ExportPanel", "FilePanel"]


class ConeControls(ipywidgets.HBox):  # type: ignore[misc]
    """Sliders for the cone and chi, choice of axes.

    Parameters
    ----------
    session : LiveSession
        Whose cones are cut.
    settings : dict
        First values; those chosen are written into it, for the next run.
    """

    def __init__(self, session: LiveSession, settings: dict[str, Any]) -> None:
        self.session, self.settings = session, settings
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
            layout={"flex": "1 1 262px", "max_width": "340px"},
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
            layout={"flex": "1 1 190px", "max_width": "270px"},
        )
        self.chi.add_class("cryoaniso-chi")
        choices = [level for level in LEVELS if level <= 1281]
        self.axes = ipywidgets.Dropdown(
            options=sorted({*choices, settings["n_axes"]}),
            value=settings["n_axes"],
            description="Axes",
            style=style,
            layout={"width": "120px"},
        )
        self.note = ipywidgets.HTML()
        # a page sends 30.500000000000004 for 30.5
        self.cone.observe(lambda change: self._ask(cone_half_angle=round(change["new"], 6)), names="value")
        self.chi.observe(lambda change: self._ask(threshold=round(change["new"], 6)), names="value")
        self.axes.observe(lambda change: self._ask(n_axes=change["new"]), names="value")
        super().__init__(
            [self.cone, self.chi, self.axes, self.note],
            layout={"flex_flow": "row wrap", "align_items": "center", "width": "100%"},
        )
        session.state.observe(self._show, names="result")
        self._show(None)

    def _ask(self, **settings: Any) -> None:
        if not self._following:
            self.settings.update(settings)
            self.session.recut(**settings)

    def put(self, **settings: Any) -> None:
        """Show and compute other cones; on the loop.

        Parameters
        ----------
        **settings
            cone_half_angle, threshold, n_axes.
        """
        named = {"cone_half_angle": self.cone, "threshold": self.chi, "n_axes": self.axes}
        self._following = True
        for name, value in settings.items():
            quiet(named[name], value=value)
        self._following = False
        self._ask(**settings)

    def _show(self, _change: Any) -> None:
        result = self.session.state.result
        if result is None:
            return
        fixed = result.histogram is None
        if not fixed:
            least = smallest_cone(result.histogram.nodes_per_face)
            quiet(self.cone, min=min(least, self.cone.value))
        for widget in (self.cone, self.chi, self.axes):
            quiet(widget, disabled=fixed)
        quiet(self.note, value="<span style='font-size:12px'>exact sums: cones are fixed</span>" if fixed else "")


class FilePanel(ipywidgets.VBox):  # type: ignore[misc]
    """Paths of half maps, or of a saved result.

    Parameters
    ----------
    opened : callable
        Called when they are to be opened, from any thread.
    edited : callable
        Called when one changes, from any thread.
    """

    def __init__(self, opened: Callable[[], None], edited: Callable[[], None]) -> None:
        wide = {"width": "min(100%, 620px)"}
        style = {"description_width": "150px"}
        self.half1 = ipywidgets.Combobox(
            description="Half map 1",
            placeholder="half1.mrc, a job's folder, or EMD-11638; or choose",
            layout=wide,
            style=style,
        )
        self.half2 = ipywidgets.Text(
            description="Half map 2", placeholder="half2.mrc; found if empty", layout=wide, style=style
        )
        self.mask = ipywidgets.Text(
            description="Mask (optional)",
            placeholder="mask.mrc, auto or none; found if empty",
            layout=wide,
            style=style,
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
        texts = [self.half1, self.half2, self.mask, self.voxel, self.result]
        for text in texts:
            text.observe(lambda _change: edited(), names="value")
        super().__init__([*texts, self.go])

    def offer(self, found: Sequence[str] | None) -> None:
        """Let half maps be chosen; on the loop.

        Parameters
        ----------
        found : sequence of str or None
            First half maps, as paths from the present folder.
        """
        if found:
            self.half1.options = tuple(found)


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
        self.copy_button = ipywidgets.Button(
            description="Copy code", tooltip="Put it into the clipboard", layout={"width": "100px", "display": "none"}
        )
        self.copy_button.add_class("cryoaniso-copy")
        self.copy_button.on_click(self._copy_code)
        self.page: Page = Page()
        self._last = Path()
        self.download = ipywidgets.Button(
            description="Download", tooltip="Save what was written on your own machine", layout={"display": "none"}
        )
        self.download.add_class("cryoaniso-download")
        self.download.on_click(lambda _button: self.session.compute("download", self._handed_over, self._say))
        self.code = ipywidgets.Textarea(layout={"width": "100%", "height": "170px", "display": "none"}, disabled=False)
        self.message = ipywidgets.HTML()
        row = ipywidgets.HBox(
            [self.folder, *self.buttons.values(), self.code_button],
            layout={"flex_flow": "row wrap", "align_items": "center"},
        )
        outcome = ipywidgets.HBox([self.message, self.download], layout={"align_items": "center"})
        super().__init__([row, outcome, self.code, self.copy_button, self.page])
        session.state.observe(self._refresh_code, names=["result", "bingham", "projection", "limits"])

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
        result, folder = self.session.state.result, Path(self.folder.value or ".").expanduser()
        if result is None or self.session.state.stale:
            self._say("There is nothing to write yet.")
            return
        drawn = figure_options(self.session.state, result)
        self._say("Writing …")
        self.download.layout.display = "none"
        maps = self._source().maps if kind == "report" else None

        def write() -> Path | str:
            try:
                return write_file(result, folder, kind, drawn, maps)
            except CryoAnisoError as error:
                return str(error)
            except Exception as error:
                return self.session.describe(error)

        self.session.compute(f"export {kind}", write, self._written)

    def _written(self, outcome: Path | str | None) -> None:
        if isinstance(outcome, Path):
            self._last = outcome
            self.download.layout.display = None
        self._say(f"Wrote {outcome}" if isinstance(outcome, Path) else outcome)

    def _copy_code(self, _button: Any) -> None:
        self.page.copy_text(self.code.value)

    def _handed_over(self) -> str:
        try:
            self.page.download(self._last)
        except OSError as error:
            return f"Can't read {self._last} again: {reason(error)}."
        return f"Wrote {self._last}, and handed it to the browser"

    def _say(self, text: str | None) -> None:
        if text is None:
            return
        self.message.value = f'<span class="cryoaniso-message" style="font-size:12px">{html.escape(text)}</span>'

    def _toggle_code(self) -> None:
        for widget in (self.code, self.copy_button):
            widget.layout.display = "none" if widget.layout.display is None else None
        self._refresh_code(None)

    def _refresh_code(self, _change: Any) -> None:
        result = self.session.state.result
        if result is not None and self.code.layout.display is None:
            quiet(self.code, value=code(self._source(), result, figure_options(self.session.state, result)))


def write_file(result: Any, folder: Path, kind: str, drawn: dict[str, Any], maps: Any = None) -> Path:
    """Write one kind of file under a name that is still free.

    Parameters
    ----------
    result : AnalysisResult
        What to write.
    folder : Path
        An existing folder.
    kind : str
        'png', 'svg', 'tables', 'report' or 'result'.
    drawn : dict
        Arguments of `figure`: how it looks on the screen.
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
    path = free_name(folder / f"anisotropy{ending}")
    if kind == "result":
        return Path(result.save(path))
    if kind == "report":
        from ..outputs.report import write_report

        return write_report(result, path, maps=maps, bingham=drawn["bingham"], overwrite=False)
    if kind == "tables":
        from ..outputs.folder import write_analysis

        return Path(write_analysis(result, path, figure=False))
    from ..plots.figures import figure, save_figure

    return save_figure(figure(result, **drawn), path)


class ComparePanel(ipywidgets.HBox):  # type: ignore[misc]
    """A second result beside the first.

    Parameters
    ----------
    session : LiveSession
        Gets the second result.
    verdict : ComparisonLine
        Says which of the two is better.
    """

    def __init__(self, session: LiveSession, verdict: ComparisonLine) -> None:
        self.session, self.verdict = session, verdict
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
        children: Sequence[ipywidgets.Widget] = [self.path, self.load, self.clear, self.message, self.verdict]
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
