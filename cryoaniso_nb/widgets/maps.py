"""Several maps or classes in one explorer: a table of them, one selected, another beside it."""

from __future__ import annotations

import html
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ipywidgets

from ..analysis.result import AnalysisResult
from ..errors import CryoAnisoError, MapError
from ..inputs.half_maps import HalfMaps
from ..summary.verdict import percentile_texts, verdict
from ..surveys.index_page import curves_style, small_curves
from ..surveys.pair import curves_of
from ._comparison import ComparisonLine
from ._session import LiveSession
from .header import quiet
from .sources import Source, source_of

__all__ = ["MapEntry", "MapsPanel", "entries_of"]

CONES = ("cone_half_angle", "threshold", "n_axes")
UNKNOWN = "not analyzed yet: click its name"


@dataclass(slots=True, eq=False)
class MapEntry:
    """One of the maps: what it is called, what it runs on, and its result once there is one."""

    name: str
    source: Source
    result: AnalysisResult | None = None


class MapsPanel(ipywidgets.VBox):  # type: ignore[misc]
    """A row for each map: its name selects it, its numbers, its FSO, a button that puts it beside the selected one.

    Parameters
    ----------
    session : LiveSession
        Shows the selected map.
    entries : sequence of MapEntry
        The maps; the first is selected.
    chosen : callable
        Gets the entry that is selected now.
    comparison : ComparisonLine
        Says which of the two shown is better.
    """

    def __init__(
        self,
        session: LiveSession,
        entries: Sequence[MapEntry],
        chosen: Callable[[MapEntry], None],
        comparison: ComparisonLine,
    ) -> None:
        self.session, self.entries, self._chosen, self.comparison = session, list(entries), chosen, comparison
        self.selected, self.beside = 0, -1
        self._of_others: Any = None  # what was shown when the selected map was chosen
        self.names = [
            ipywidgets.Button(
                description=entry.name, tooltip=f"Show {entry.name}", layout={"width": "180px", "flex": "0 0 auto"}
            )
            for entry in self.entries
        ]
        self.numbers = [ipywidgets.HTML(layout={"flex": "1 1 300px"}) for _ in self.entries]
        self.overlays = [
            ipywidgets.ToggleButton(
                description="Beside", tooltip=f"Show {entry.name} beside the selected map", layout={"width": "76px"}
            )
            for entry in self.entries
        ]
        rows = []
        for number, parts in enumerate(zip(self.names, self.numbers, self.overlays, strict=True)):
            name, _, overlay = parts
            name.on_click(lambda _button, number=number: session.post(self.choose, number))
            overlay.observe(lambda change, number=number: session.post(self._toggled, number, change["new"]), "value")
            rows.append(ipywidgets.HBox(parts, layout={"align_items": "center", "flex_flow": "row wrap"}))
        style = ipywidgets.HTML(f"<style>{curves_style('.cryoaniso-maps')}</style>")
        super().__init__([style, *rows, self.comparison], layout={"width": "100%"})
        self.add_class("cryoaniso-maps")
        session.state.observe(self._follow, names=["result", "status"])
        self._show_buttons()
        for row in range(len(self.entries)):
            self._show_numbers(row)

    # --- on the loop ----------------------------------------------------------------------

    def choose(self, number: int) -> None:
        """Select a map; one without a result is analyzed with the cones shown.

        Parameters
        ----------
        number : int
            Its row, from 0.
        """
        if number == self.selected:
            return
        shown = self.session.state.result
        cones = {} if shown is None else {name: getattr(shown.settings, name) for name in CONES}
        if number == self.beside:
            self._put_beside(-1)
        self.selected, entry, self._of_others = number, self.entries[number], shown
        entry.source.settings.update(cones)
        self._chosen(entry)
        if entry.result is None:
            self.session.start(entry.source.stream)
        else:
            self.session.show(entry.result)
            if any(getattr(entry.result.settings, name) != value for name, value in cones.items()):
                self.session.recut(**cones)
        self._show_buttons()

    @property
    def shown_names(self) -> tuple[str, str]:
        """What the selected map is called, and the one beside it."""
        beside = self.entries[self.beside].name if self.beside >= 0 else "the other"
        return self.entries[self.selected].name, beside

    def _toggled(self, number: int, wanted: bool) -> None:
        if wanted and number != self.beside:
            known = self.entries[number].result is not None and number != self.selected
            self._put_beside(number if known else -1)
        elif not wanted and number == self.beside:
            self._put_beside(-1)

    def _put_beside(self, number: int) -> None:
        self.beside = number
        for row, overlay in enumerate(self.overlays):
            quiet(overlay, value=row == number)
        if number < 0:
            self.session.select(other=None)
        else:
            self._cut_beside()

    def _cut_beside(self) -> None:
        """Show the map beside with the cones of the selected one."""
        other, shown = self.entries[self.beside].result, self.session.state.result
        if other is None or shown is None:
            return
        cones = {name: getattr(shown.settings, name) for name in CONES}
        if all(getattr(other.settings, name) == value for name, value in cones.items()):
            self.session.select(other=other)
            return

        def cut() -> AnalysisResult | None:
            try:
                return other.with_cones(**cones)
            except CryoAnisoError:  # of exact sums, whose cones are fixed
                return other

        self.session.compute("beside", cut, self._beside_is_cut)

    def _beside_is_cut(self, found: AnalysisResult | None) -> None:
        if found is not None and self.beside >= 0:
            self.session.select(other=found)

    def _follow(self, _change: Any) -> None:
        state, entry = self.session.state, self.entries[self.selected]
        whole = state.status == "done" and state.result is not None and not state.stale and not state.result.partial
        if not whole or state.result is self._of_others or state.result is entry.result:
            return
        entry.result = state.result
        self._show_numbers(self.selected)
        self._show_buttons()
        if self.beside >= 0:
            self._cut_beside()

    def _show_buttons(self) -> None:
        for row, (entry, name, overlay) in enumerate(zip(self.entries, self.names, self.overlays, strict=True)):
            quiet(name, button_style="primary" if row == self.selected else "")
            quiet(overlay, disabled=entry.result is None or row == self.selected)

    def _show_numbers(self, row: int) -> None:
        quiet(self.numbers[row], value=_row(self.entries[row].result))


def entries_of(
    given: list[Any] | dict[str, Any], mask: Any, voxel_size: float | None, settings: dict[str, Any]
) -> list[MapEntry]:
    """Sort out several maps for an explorer.

    Parameters
    ----------
    given : list, or dict by name
        Of each what `explore` takes alone, or a tuple of two half maps.
    mask : path, ndarray or 'auto', optional
        For those given as paths or arrays.
    voxel_size : float, optional
        Å.
    settings : dict
        For `iter_analysis`.

    Returns
    -------
    list of MapEntry
        With names that differ.

    Raises
    ------
    MapError
        For none, or for something that is no map.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> maps = [ca.simulate_half_maps(box=32, seed=seed) for seed in (0, 1)]
    >>> [entry.name for entry in entries_of(maps, None, None, {})]
    ['map 1', 'map 2']
    """
    if not given:
        raise MapError("explore was given a list without maps; put one or more into it.")
    named = given.items() if isinstance(given, dict) else [("", item) for item in given]
    entries: list[MapEntry] = []
    for number, (name, item) in enumerate(named, 1):
        first, second = item if isinstance(item, tuple) and len(item) == 2 else (item, None)
        is_whole = isinstance(first, (AnalysisResult, HalfMaps))
        source, result = source_of(first, second, None if is_whole else mask, voxel_size, None, dict(settings))
        said = str(name) or (Path(first).name if isinstance(first, (str, os.PathLike)) else f"map {number}")
        taken = [entry.name for entry in entries]
        entries.append(MapEntry(said if said not in taken else f"{said} ({number})", source, result))
    return entries


def _row(result: AnalysisResult | None) -> str:
    if result is None:
        return f'<span style="font-size:12px">{UNKNOWN}</span>'
    five, middle, last = percentile_texts(result)
    cause = {"views": "views are missing", "particle": "the particle's own", "none": "no difference found"}
    told = cause.get(verdict(result).cause, "cause unknown")
    text = html.escape(f"5 / 50 / 95 %: {five} / {middle} / {last} · {told}")
    return (
        f'<div class="cryoaniso-map-row" style="display:flex;align-items:center;gap:10px;font-size:12px">'
        f"{small_curves(curves_of(result))}<span>{text}</span></div>"
    )
