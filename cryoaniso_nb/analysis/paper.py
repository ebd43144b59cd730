"""The paper's four maps: what it says of them, and what is measured on them here, side by side.

Without a network a map is replaced by a simulated stand-in, which is told the published transition
zone and nothing else: not the molecule, its symmetry, its box, or in which direction it is worst.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..engine.execution import LOCAL, Execution
from ..errors import MapError, SettingsError
from ..inputs.emdb import emdb_silence, open_emdb
from ..inputs.half_maps import HalfMaps
from ..measures.crossing import crossing
from ..results.types import Crossing, Truth
from ..simulate.half_maps import simulate_half_maps
from ..simulate.zones import zone_ssnr
from .result import AnalysisResult
from .run import analyze

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["PAPER", "PublishedMap", "ReproducedMap", "Reproduction", "reproduce", "stand_in"]

BOX = 96  # of stand-ins
LEAST_BOX = 32
CLOSE = 0.05  # a difference below this share needs no reason
NOISE = 0.1  # from what noise is expected to make of a stand-in

_log = logging.getLogger("cryoaniso_nb")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedMap:
    """What the paper says of a map (Vilas & Tagare 2023, doi 10.1038/s41592-023-01874-3).

    Attributes
    ----------
    name : str
        What it is of.
    entry : str
        Its half maps in EMDB; '' where there are none.
    symmetry : str
        Point group.
    global_fsc : float
        Å where the global FSC is 0.143.
    zone : tuple of float
        Å where FSO is 0.9 and 0.1; both ends are the same for a step.
    middle : float
        Å where FSO is 0.5.
    bingham : tuple of float or None
        Å, range in which the Bingham test finds anisotropy (published curve).
    sphericity : float
        Of the 3DFSC.
    voxel_size : float
        Å, of the stand-in: the deposited map's own isn't published there.
    """

    name: str
    entry: str
    symmetry: str
    global_fsc: float
    zone: tuple[float, float]
    middle: float
    bingham: tuple[float, float] | None
    sphericity: float
    voxel_size: float


PAPER: tuple[PublishedMap, ...] = (
    PublishedMap(name="apoferritin", entry="EMD-11638", symmetry="O", global_fsc=1.22, zone=(1.22, 1.22), middle=1.22,
                 bingham=None, sphericity=1.0, voxel_size=0.45),
    PublishedMap(name="CMG + AND-1", entry="EMD-10621", symmetry="C1", global_fsc=6.77, zone=(8.27, 5.08), middle=6.8,
                 bingham=(8.51, 4.37), sphericity=0.84, voxel_size=2.0),
    PublishedMap(name="HA trimer untilted", entry="", symmetry="C3", global_fsc=3.4, zone=(4.77, 2.91), middle=3.44,
                 bingham=(5.58, 2.84), sphericity=0.84, voxel_size=1.1),
    PublishedMap(name="HA trimer tilted 40°", entry="EMD-8731", symmetry="C3", global_fsc=4.4, zone=(5.73, 3.98),
                 middle=4.27, bingham=(5.87, 3.98), sphericity=0.91, voxel_size=1.5),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReproducedMap:
    """One map of the paper, measured here.

    Attributes
    ----------
    published : PublishedMap
        What the paper says.
    result : AnalysisResult
        What is measured here.
    truth : Truth or None
        Of a stand-in: what was simulated.
    why : str
        Why it is a stand-in; '' for the deposited map.
    """

    published: PublishedMap
    result: AnalysisResult
    truth: Truth | None = None
    why: str = ""

    @property
    def title(self) -> str:
        """Its name, entry, and whether it is simulated."""
        entry = f", {self.published.entry}" if self.published.entry else ""
        return f"{self.published.name}{entry}" + (" (simulated stand-in)" if self.truth is not None else "")

    def rows(self) -> list[dict[str, Any]]:
        """The paper's numbers beside ours.

        Returns
        -------
        list of dict
            ``map``, ``entry``, ``simulated``, ``measure``, ``published``, ``measured``, ``expected``
            (of a stand-in with its noise) and ``reason`` for a difference; NaN for unknown.
        """
        p, r, truth = self.published, self.result, self.truth
        bingham = p.bingham or (math.nan, math.nan)
        found = r.bingham.range("p_published")
        numbers: list[tuple[str, float, Crossing | float, float]] = [
            ("global FSC = 0.143, Å", p.global_fsc, r.global_fsc.at_143, _fall(truth, "fsc", 0.143)),
            ("FSO = 0.9, Å", p.zone[0], r.fso.onset, truth.transition_zone_expected[0] if truth else math.nan),
            ("FSO = 0.5, Å", p.middle, r.fso.middle, _fall(truth, "fso_expected", 0.5)),
            ("FSO = 0.1, Å", p.zone[1], r.fso.end, truth.transition_zone_expected[1] if truth else math.nan),
            ("Bingham test from, Å", bingham[0], found[0], math.nan),
            ("Bingham test to, Å", bingham[1], found[1], math.nan),
            ("sphericity", p.sphericity, r.sphericity().value, math.nan),
        ]
        same = {"map": p.name, "entry": p.entry or None, "simulated": truth is not None}
        rows = []
        for measure, published, ours, expected in numbers:
            measured = ours.resolution if isinstance(ours, Crossing) else float(ours)
            reason = self._reason(measure, published, ours, expected)
            rows.append({**same, "measure": measure, "published": published, "measured": measured,
                         "expected": expected, "reason": reason})  # fmt: skip
        return rows

    def _reason(self, measure: str, published: float, ours: Crossing | float, expected: float) -> str:
        """Why our number isn't the paper's; '' where they agree."""
        measured = ours.resolution if isinstance(ours, Crossing) else float(ours)
        if math.isnan(published):
            return "the paper gives none"
        if math.isnan(measured):
            return "not reached in this map"
        if abs(measured / published - 1) <= CLOSE:
            return ""
        if self.truth is not None:
            as_expected = math.isfinite(expected) and abs(measured / expected - 1) <= NOISE
            if as_expected and measure.startswith(("FSO = 0.9", "FSO = 0.1")):
                return f"noise in a box of {self.result.settings.box[0]} widens the zone: {expected:.2f} Å expected"
            only = "a stand-in shares the transition zone only"
            return f"{only}: {expected:.2f} Å expected" if as_expected else only
        if measure == "sphericity":
            return "of this project's 3DFSC; the paper's is that of Tan et al. (2017)"
        reasons = []
        if isinstance(ours, Crossing) and math.isfinite(ours.first) and ours.first > 0:
            first = 1 / ours.first
            if abs(first / published - 1) < abs(measured / published - 1):
                reasons.append(f"the first crossing is at {first:.2f} Å")
        return "; ".join([*reasons, f"mask here: {self.result.settings.mask}, the paper names none"])


def _fall(truth: Truth | None, curve: str, level: float) -> float:
    return math.nan if truth is None else crossing(truth.frequency, getattr(truth, curve), level).resolution


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reproduction:
    """The paper's maps, measured here.

    Attributes
    ----------
    maps : tuple of ReproducedMap
        In the paper's order.
    why : str
        Why no deposited map was looked at; '' if EMDB was asked.
    """

    maps: tuple[ReproducedMap, ...]
    why: str = ""

    def rows(self) -> list[dict[str, Any]]:
        """The paper's numbers beside ours, of every map.

        Returns
        -------
        list of dict
            See `ReproducedMap.rows`.
        """
        return [row for item in self.maps for row in item.rows()]

    def figure(self) -> Figure:
        """FSO, FSC and Bingham test of every map, as in the paper's Fig. 1, with its points.

        Returns
        -------
        matplotlib.figure.Figure
            One panel a map.
        """
        from ..figures.paper import published_plot
        from ..plots.paper import plots_figure

        titles, plots = [], []
        for item in self.maps:
            p = item.published
            titles.append(item.title)
            plots.append(published_plot(item.result, [(p.zone[0], 0.9), (p.middle, 0.5), (p.zone[1], 0.1)]))
        return plots_figure(plots, titles)

    def __repr__(self) -> str:
        simulated = sum(item.truth is not None for item in self.maps)
        return f"<Reproduction of {len(self.maps)} maps, {simulated} of them simulated stand-ins>"


def stand_in(published: PublishedMap, box: int = BOX, seed: int = 0, *, execution: Execution = LOCAL) -> HalfMaps:
    """Simulated half maps with the transition zone that was published of a map.

    Parameters
    ----------
    published : PublishedMap
        One of `PAPER`.
    box : int
        Voxels a side; the larger, the less noise widens the zone.
    seed : int
        Of the random numbers.
    execution : Execution
        Where to compute.

    Returns
    -------
    HalfMaps
        A phantom, worst along z, with its truth.

    Raises
    ------
    SettingsError
        For a box too small for the zone.

    Examples
    --------
    >>> maps = stand_in(PAPER[1], 48)
    >>> bool(abs(maps.truth.transition_zone_ideal[0] / 8.27 - 1) < 0.1)
    True
    """
    if box < LEAST_BOX:
        raise SettingsError(f"The box is {box}, but a stand-in needs {LEAST_BOX} voxels or more.")
    ssnr = zone_ssnr(published.zone, box, published.voxel_size)
    size = published.voxel_size
    return simulate_half_maps(box=box, voxel_size=size, ssnr=ssnr, signal="phantom", seed=seed, execution=execution)


def reproduce(
    *,
    box: int = BOX,
    emdb: bool = True,
    fetch: Mapping[str, Any] | None = None,
    execution: Execution = LOCAL,
) -> Reproduction:
    """Measure the paper's four maps: those of EMDB where it can be reached, else simulated stand-ins.

    Parameters
    ----------
    box : int
        Voxels a side of the stand-ins.
    emdb : bool
        Whether to ask EMDB; its half maps are gigabytes, and stay in the cache.
    fetch : mapping, optional
        Arguments of `fetch_emdb`: cache, api, files.
    execution : Execution
        Where to compute, what hears of progress, what stops it.

    Returns
    -------
    Reproduction
        The paper's numbers beside ours, with reasons for differences.

    Raises
    ------
    SettingsError
        For a box too small.
    Cancelled
        When ``execution.cancel`` was set.

    Examples
    --------
    >>> found = reproduce(box=32, emdb=False)
    >>> [row["published"] for row in found.rows() if row["measure"] == "FSO = 0.9, Å"]
    [1.22, 8.27, 4.77, 5.73]
    """
    if box < LEAST_BOX:
        raise SettingsError(f"The box is {box}, but a stand-in needs {LEAST_BOX} voxels or more.")
    options = dict(fetch or {})
    why = "EMDB was not asked"
    if emdb:
        why = emdb_silence(options.get("api"))
    maps = []
    for number, published in enumerate(PAPER):
        execution.tell("maps", number, len(PAPER))
        execution.raise_if_cancelled()
        maps.append(_measured(published, box, number, why, options, execution))
    execution.tell("maps", len(PAPER), len(PAPER))
    return Reproduction(maps=tuple(maps), why=why)


def _measured(
    published: PublishedMap, box: int, seed: int, why: str, fetch: Mapping[str, Any], execution: Execution
) -> ReproducedMap:
    if not published.entry:
        why = "its half maps are not in EMDB"
    elif not why:
        try:
            maps = open_emdb(published.entry, **fetch, execution=execution)
            result = analyze(maps, symmetry=published.symmetry, execution=execution)
            return ReproducedMap(published=published, result=result)
        except MapError as error:
            why = str(error)
    _log.info("%s: simulated stand-in, since %s", published.name, why)
    simulated = stand_in(published, box, seed, execution=execution)
    result = analyze(simulated, execution=execution)
    return ReproducedMap(published=published, result=result, truth=simulated.truth, why=why)
