"""The explorer: all views of one session in one widget."""

from __future__ import annotations

import base64
import io
import os
import sys
import weakref
from collections.abc import Sequence
from typing import Any

import ipywidgets

from ..analysis.result import AnalysisResult
from ..analysis.run import load_result
from ..errors import CryoAnisoError, MapError, ResultError, SettingsError
from ..geometry.directions import LEVELS
from ..inputs.discovery import find_pairs
from ._comparison import ComparisonLine
from ._history import HistoryButtons
from ._loop import answer_on_subshells
from ._session import LiveSession
from ._shown import figure_options
from ._tree import close_tree, tree
from ._view import View
from .controls import ComparePanel, ConeControls, ExportPanel, FilePanel
from .curves import FSOView
from .distribution import DistributionView
from .fan import FanView
from .header import RunBar
from .maps import MapEntry, MapsPanel, entries_of
from .poses import PosesView
from .slices import MapSlicesView, ThreeDFSCView
from .sources import Source, code, source_of
from .sphere import SphereView
from .statistics import StaleLine, StatisticsView
from .summary_view import SummaryView

__all__ = ["Explorer", "explore"]

TABS = ("Directions", "Statistics", "3DFSC", "Map slices", "Poses, tilt", "Summary", "Compare, export")

# Explorers of the cell that made them, by cell: running it again closes the old ones.
_of_cell: dict[str, tuple[str, list[weakref.ref[Explorer]]]] = {}


MOST_FOLDERS = 500  # looked through for half maps to offer


def _first_halves() -> list[str]:
    """Half maps in and below the present folder."""
    try:
        return [os.path.normpath(pair.half1) for pair in find_pairs(os.curdir, most_folders=MOST_FOLDERS)]
    except (CryoAnisoError, OSError):
        return []  # nothing to offer: paths can be typed


class Explorer(ipywidgets.VBox):  # type: ignore[misc]
    """Curves, sphere, fan, distribution, slices and summary of one session.

    Parameters
    ----------
    session : LiveSession
        What is shown.
    source : Source
        What it runs on.
    choose : bool
        Whether to begin with a panel to choose files.
    entries : sequence of MapEntry
        Where there are several maps; the source is that of the first.
    """

    def __init__(
        self, session: LiveSession, source: Source, *, choose: bool = False, entries: Sequence[MapEntry] = ()
    ) -> None:
        self.session, self.source = session, source
        self.run_bar = RunBar(session)
        self.cones = ConeControls(session, source.settings)
        self.stale_line = StaleLine(session, lambda: self.source.maps)
        self.history = HistoryButtons(session, self.cones)
        self.cones.children = [*self.cones.children, self.history, self.stale_line]
        self.files = FilePanel(lambda: session.post(self._open), lambda: session.mend("files", "run"))
        self.files.layout.display = None if choose else "none"
        self.other_maps = ipywidgets.Button(
            description="Open …", tooltip="Choose other half maps, or a saved result", layout={"width": "80px"}
        )
        self.other_maps.add_class("cryoaniso-other-maps")
        self.other_maps.on_click(lambda _button: session.post(self._toggle_files))
        self.run_bar.buttons.children = [self.run_bar.badge, self.other_maps, self.run_bar.stop]
        self.curves = FSOView(session)
        self.sphere = SphereView(session)
        self.other_sphere = SphereView(session, beside=self.sphere)
        self.fan, self.distribution = FanView(session), DistributionView(session)
        self.threedfsc = _hidden(ThreeDFSCView, session)
        self.slices = _hidden(MapSlicesView, session, lambda: self.source.maps)
        self.statistics = StatisticsView(
            session,
            lambda: self.source.maps,
            active=False,
        )
        self.poses = _hidden(PosesView, session)
        self.summary = _hidden(SummaryView, session)
        self.export = ExportPanel(session, lambda: self.source)
        comparison = ComparisonLine(session, self._shown_names)  # one, though two panels show it
        self.compare_panel = ComparePanel(session, comparison)
        for view in (self.curves, self.fan):
            view.layout.flex = "1.35 1 380px"
        for view in (self.sphere, self.other_sphere, self.distribution):
            view.layout.flex = "1 1 290px"
        self.top = ipywidgets.HBox([self.curves, self.sphere])
        self.top.add_class("cryoaniso-top")
        directions = ipywidgets.HBox([self.fan, self.distribution])
        for pair in (self.top, directions):
            pair.add_class("cryoaniso-pair")
        tools = ipywidgets.VBox([self.compare_panel, self.export])
        # A pane is filled when it is first shown: figures drawn out of sight log errors in the console.
        self._panes = [directions, self.statistics, self.threedfsc, self.slices, self.poses, self.summary, tools]
        self.tabs = ipywidgets.Tab([ipywidgets.VBox([pane] if i == 0 else []) for i, pane in enumerate(self._panes)])
        self.tabs.layout.width = "calc(100% - 4px)"
        self.tabs.titles = TABS
        self.tabs.observe(lambda _change: session.post(self._show_tab), names="selected_index")
        self.body = ipywidgets.VBox([self.cones, self.top, self.tabs], layout={"width": "100%"})
        #: Of several maps.
        self.maps = MapsPanel(session, entries, self._show_entry, comparison) if entries else None
        head = [self.run_bar, self.files] if self.maps is None else [self.run_bar, self.files, self.maps]
        super().__init__([*head, self.body], layout={"width": "100%", "max_width": "1400px"})
        self.add_class("cryoaniso-explorer")
        session.state.observe(self._compare_changed, names="other")
        session.on_close(self._let_go)
        _replace_old(self)
        for part in (*self._panes, self.other_sphere, self):
            answer_on_subshells(tree(part))
        if choose:
            self._offer()
        session.state.observe(self._put_files_away, names="status")
        self._show_body()
        session.state.observe(self._show_body, names=["result", "status", "stale"])

    # --- for people ------------------------------------------------------------------------

    def result(self, timeout: float | None = None) -> AnalysisResult:
        """Wait for the run and return what is shown.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait at most.

        Returns
        -------
        AnalysisResult
            A partial one if the run was stopped.

        Raises
        ------
        CryoAnisoError
            What ended the run.
        TimeoutError
            When it takes longer than `timeout`.
        """
        found: AnalysisResult = self.session.result(timeout)
        return found

    def compare(self, other: AnalysisResult | str | os.PathLike[str] | None) -> None:
        """Show a second result beside the first.

        Parameters
        ----------
        other : AnalysisResult, path or None
            None removes it.

        Raises
        ------
        ResultError
            For something that is not a result.
        """
        if isinstance(other, (str, os.PathLike)):
            other = load_result(other)
        if other is not None and not isinstance(other, AnalysisResult):
            raise ResultError(
                f"A {type(other).__name__} can't be compared with; give a result of analyze, or its file."
            )
        self.session.select(other=other)

    def code(self) -> str:
        """Python that reproduces the present view.

        Returns
        -------
        str
            A few lines.
        """
        result = self.result()
        return code(self.source, result, figure_options(self.session.state, result))

    def close(self) -> None:
        """Stop the run and free what it holds."""
        if sys.is_finalizing():
            return
        if self.session.closed:
            super().close()
        else:
            self.session.close()

    # --- on the loop ----------------------------------------------------------------------

    def _open(self) -> None:
        panel = self.files
        try:
            size = float(panel.voxel.value) if panel.voxel.value.strip() else None
        except ValueError:
            self.session.complain(
                f"The voxel size is '{panel.voxel.value}', but it must be a number in Å, or empty.", "files"
            )
            return
        settings = {
            **self.source.settings,
            "cone_half_angle": self.cones.cone.value,
            "threshold": self.cones.chi.value,
            "n_axes": self.cones.axes.value,
        }
        names = [w.value.strip() or None for w in (panel.half1, panel.half2, panel.mask)]
        path = panel.result.value.strip()
        try:
            if path:
                source, result = source_of(path, None, None, None, None, settings)
                self.source, self.cones.settings = source, settings
                self.session.show(result)
                return
            if names[0] is None:
                raise MapError("There is no half map 1; fill in a path, an EMDB code, or a saved result.")
            self.source, _ = source_of(names[0], names[1], names[2], size, None, settings)
            self.cones.settings = settings
        except Exception as error:
            self.session.complain(self.session.describe(error), "files")
            return
        self.session.start(self.source.stream)

    def _show_tab(self) -> None:
        chosen = self.tabs.selected_index or 0
        holder = self.tabs.children[chosen]
        if not holder.children:
            holder.children = [self._panes[chosen]]
        views = {1: self.statistics, 2: self.threedfsc, 3: self.slices, 4: self.poses, 5: self.summary}
        for index, view in views.items():
            view.active = chosen == index
        for view in (self.fan, self.distribution):
            view.active = chosen == 0

    def _compare_changed(self, _change: Any) -> None:
        spheres = [self.sphere] if self.session.state.other is None else [self.sphere, self.other_sphere]
        self.top.children = [self.curves, *spheres]

    def _show_body(self, _change: Any = None) -> None:
        shown = self.session.state.result is not None or self.session.state.status == "running"
        display = None if shown else "none"
        if self.body.layout.display != display:
            self.body.layout.display = display
        state = self.session.state
        for kind, holds in (("cryoaniso-stale", state.stale), ("cryoaniso-unusable", state.status == "failed")):
            (self.body.add_class if holds else self.body.remove_class)(kind)

    def _shown_names(self) -> tuple[str, str]:
        return ("this map", "the other") if self.maps is None else self.maps.shown_names

    def _show_entry(self, entry: MapEntry) -> None:
        self.source, self.cones.settings = entry.source, entry.source.settings

    def _toggle_files(self) -> None:
        shown = self.files.layout.display is None
        self.files.layout.display = "none" if shown else None
        if not shown:
            self._offer()

    def _offer(self) -> None:
        self.session.compute("offer", _first_halves, self.files.offer)

    def _put_files_away(self, change: Any) -> None:
        if change["new"] == "done":
            self.files.layout.display = "none"

    def _let_go(self) -> None:
        self.source.forget()
        for part in (*self._panes, self.other_sphere, self):  # some may never have been shown
            close_tree(part)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """The widget, and a figure for pages without a front end."""
        bundle = super()._repr_mimebundle_(**kwargs)
        if not isinstance(bundle, dict) or self.session.closed:
            return bundle
        if self.session.running and not _someone_watches():
            try:
                self.session.result()
            except Exception:
                return bundle  # session.result() raises it again for whoever asks
        result = self.session.latest
        if result is not None and not self.session.running:
            bundle["image/png"] = _picture(result, figure_options(self.session.state, result))
        return bundle


def _hidden(kind: type[View], *arguments: Any) -> View:
    """A view on a tab that isn't shown yet: it computes nothing until then."""
    return kind(*arguments, active=False)


def _picture(result: AnalysisResult, options: dict[str, Any]) -> str:
    from ..plots.figures import figure

    buffer = io.BytesIO()
    figure(result, **options).savefig(buffer, format="png", dpi=110)
    return base64.b64encode(buffer.getvalue()).decode()


def _request() -> Any:
    """The request that runs the present cell, {} outside of a kernel."""
    try:
        from IPython.core.getipython import get_ipython

        return getattr(get_ipython(), "kernel").get_parent("shell") or {}  # noqa: B009 - shells of a terminal have none
    except (ImportError, AttributeError):
        return {}


def _someone_watches() -> bool:
    """Whether a page shows results as they come: not so under nbconvert and its like."""
    if os.environ.get("SERVER_SOFTWARE", "").startswith("voila"):
        return True
    return bool(_request().get("content", {}).get("allow_stdin", True))


def _replace_old(explorer: Explorer) -> None:
    """Close what an earlier run of the same cell made."""
    request = _request()
    cell = request.get("metadata", {}).get("cellId")
    if not cell:
        return
    message = request.get("header", {}).get("msg_id", "")
    before, made = _of_cell.get(cell, ("", []))
    if before != message:
        for old in (reference() for reference in made):
            if old is not None:
                old.close()
        made = []
    _of_cell[cell] = (message, [*made, weakref.ref(explorer)])


def explore(
    half1: Any = None,
    half2: Any = None,
    *,
    mask: Any = None,
    voxel_size: float | None = None,
    maps: Any = None,
    compare: AnalysisResult | str | os.PathLike[str] | None = None,
    cone_half_angle: float = 17.0,
    threshold: float = 0.143,
    n_axes: int = 321,
    scheduler: Any = "threads",
    **options: Any,
) -> Explorer:
    """Explore the anisotropy of two half maps, or of a result, with the mouse.

    Parameters
    ----------
    half1 : HalfMaps, AnalysisResult, path, ndarray, list or dict, optional
        Half maps, the first of two, or a result (or its .npz, or its folder). Alone also one
        half map, a job's folder of RELION or cryoSPARC, or an EMDB code: what belongs to it is
        found or fetched. Several of these in a list, or in a dict by name, get a row each in a
        table; two half maps of one map are a tuple there. Without it, files are chosen in the widget.
    half2 : path or ndarray, optional
        The second half map.
    mask : path, ndarray or 'auto', optional
        For maps given as paths or arrays.
    voxel_size : float, optional
        Å; overrides headers, needed for arrays.
    maps : HalfMaps, optional
        The maps of a result, for the map slices.
    compare : AnalysisResult or path, optional
        A second result to show beside the first.
    cone_half_angle : float
        Degrees.
    threshold : float
        chi.
    n_axes : int
        6, 21, 81, 321, 1281 or 5121.
    scheduler : str or distributed.Client
        Where to compute.
    **options
        More arguments of `iter_analysis`, but for `execution`, which is the explorer's own.

    Returns
    -------
    Explorer
        A widget; its ``result()`` waits for the run.

    Raises
    ------
    MapError
        When only half of an input is given.
    SettingsError
        For settings out of range.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> explorer = explore(ca.analyze(ca.simulate_half_maps(box=32, seed=0)))
    >>> explorer.result().settings.n_axes
    321
    >>> explorer.close()
    """
    if n_axes not in LEVELS:
        raise SettingsError(f"The number of axes is {n_axes}, but it must be one of {', '.join(map(str, LEVELS))}.")
    settings = {
        "cone_half_angle": cone_half_angle,
        "threshold": threshold,
        "n_axes": n_axes,
        **options,
    }
    entries: list[MapEntry] = []
    if isinstance(half1, (list, dict)):
        if half2 is not None or maps is not None:
            raise MapError("explore was given several maps and more beside them; put each into the list.")
        entries = entries_of(half1, mask, voxel_size, settings)
        source, result = entries[0].source, entries[0].result
    else:
        source, result = source_of(half1, half2, mask, voxel_size, maps, settings)
    if result is not None:
        settings.update(
            cone_half_angle=result.settings.cone_half_angle,
            threshold=result.settings.threshold,
            n_axes=result.settings.n_axes,
        )
    runs = result is None and (source.maps is not None or source.half1 is not None)
    session = LiveSession(source.stream if runs else None, result=result, scheduler=scheduler)
    explorer = Explorer(session, source, choose=half1 is None, entries=entries)
    if compare is not None:
        explorer.compare(compare)
    if runs:
        session.start()
    return explorer
