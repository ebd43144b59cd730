"""Directional resolution over the half sphere, on matplotlib axes."""

from __future__ import annotations

from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from .errors import SettingsError
from .headline import Analysed, dark_axes, worst_axis
from .measures.resolution import resolution_statistics, weighted_percentiles
from .measures.spheremap import PROJECTIONS, positions_of, sphere_raster
from .plot_curves import BLUE, GREY, VERMILION
from .results import ResolutionFlag

__all__ = ["resolution_limits", "sphere_plot"]

Floats = NDArray[np.float64]

NO_SIGNAL = "#9A9A9A"
COLOURS = "cividis_r"  # light is good, dark is bad: reads in grey print too


def _shown(result: Analysed) -> Floats:
    """Directional resolution for display: Nyquist where not crossed, NaN without signal."""
    d = result.directional_resolution
    values = np.array(d.resolution)
    values[d.flag == ResolutionFlag.NOT_CROSSED] = 1 / result.dfsc.frequency[-1]
    return values


def resolution_limits(*results: Analysed) -> tuple[float, float]:
    """Limits of the colour scale that suit several results together.

    Parameters
    ----------
    *results : AnalysisResult
        One or more.

    Returns
    -------
    tuple of float
        2nd and 98th percentile of directional resolution in Å, at least 2 % apart.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> low, high = resolution_limits(ca.analyze(ca.simulate_half_maps(box=32, seed=0)))
    >>> low < high
    True
    """
    values = np.concatenate([_shown(r) for r in results])
    weights = np.concatenate([r.directional_resolution.areas for r in results])
    known = np.isfinite(values)
    if not known.any():
        nyquist = min(1 / float(r.dfsc.frequency[-1]) for r in results)
        return nyquist, 2 * nyquist
    low, high = weighted_percentiles(values[known], weights[known], (2, 98))
    margin = 0.01 * (low + high) / 2
    return (low, high) if high - low > 2 * margin else (low - margin, high + margin)


def sphere_plot(
    result: Analysed,
    ax: Axes,
    *,
    projection: str = "polar",
    limits: tuple[float, float] | None = None,
    pixels: int = 240,
    colour_bar: bool = True,
) -> None:
    """Directional resolution over zenith (radius) and azimuth, smoothed with the cone's kernel.

    Parameters
    ----------
    result : AnalysisResult
        An analysis.
    ax : Axes
        Plain axes; their frame is hidden.
    projection : {'polar', 'equal-area'}
        Radius proportional to zenith (the paper's Fig. 1), or equal areas.
    limits : tuple of float, optional
        Colour scale in Å.
    pixels : int
        Side of the picture.
    colour_bar : bool
        Whether to draw one.

    Raises
    ------
    SettingsError
        For another projection.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> sphere_plot(ca.analyze(ca.simulate_half_maps(box=32, seed=0)), ax)
    >>> len(ax.images)
    1
    """
    if projection not in PROJECTIONS:
        raise SettingsError(f"The projection is {projection!r}, but it must be {' or '.join(map(repr, PROJECTIONS))}.")
    values, (low, high) = _shown(result), limits or resolution_limits(result)
    done = result.dfsc.done
    picture = sphere_raster(values[done], result.dfsc.axes[done], pixels, result.settings.cone_half_angle, projection)
    colours = matplotlib.colormaps[COLOURS].copy()
    image = ax.imshow(picture, extent=(-1, 1, -1, 1), cmap=colours, vmin=low, vmax=high, interpolation="nearest")
    _disc(ax, image, projection)
    _mark_extremes(result, ax, projection)
    d = result.directional_resolution
    notes = ["grey: no signal above χ"] if dark_axes(result).size else []
    if (d.flag == ResolutionFlag.NOT_CROSSED).any():
        notes.append("not crossed: drawn as Nyquist")
    if notes:
        ax.text(0.0, -1.48, "\n".join(notes), ha="center", va="top", fontsize=9)
    owner = ax.figure
    if colour_bar and owner is not None:
        shown = values[np.isfinite(values)]
        under, over = bool((shown < low).any()), bool((shown > high).any())
        ends = "both" if under and over else "max" if over else "min" if under else "neither"
        bar = owner.colorbar(image, ax=ax, shrink=0.8, pad=0.1, extend=ends)
        bar.set_label("Directional resolution (Å)")


def _disc(ax: Axes, image: Any, projection: str) -> None:
    """Rim, rings of zenith, marks of azimuth; the picture is cut at the rim."""
    from matplotlib.patches import Circle

    ground = Circle((0, 0), 1, facecolor=NO_SIGNAL, edgecolor="none", zorder=-1)
    rim = Circle((0, 0), 1, facecolor="none", edgecolor=GREY, lw=1.0, zorder=3)
    ax.add_patch(ground)
    ax.add_patch(rim)
    image.set_clip_path(rim)
    for zenith in (30, 60):
        (radius,), _ = positions_of(np.array([[np.sin(np.deg2rad(zenith)), 0, np.cos(np.deg2rad(zenith))]]), projection)
        ax.add_patch(Circle((0, 0), radius, facecolor="none", edgecolor="white", lw=0.7, ls="--", alpha=0.8, zorder=2))
        place = radius * np.sqrt(0.5)
        ax.text(place, -place, f"{zenith}°", fontsize=9, color="white", ha="center", va="center", zorder=4,
                bbox={"boxstyle": "round,pad=0.1", "fc": "#00000070", "ec": "none"})  # fmt: skip
    for azimuth, text, ha, va in ((0, "x\n0°", "left", "center"), (90, "y 90°", "center", "bottom"),
                                  (180, "180°", "right", "center"), (270, "270°", "center", "top")):  # fmt: skip
        turn = np.deg2rad(azimuth)
        ax.text(1.05 * np.cos(turn), 1.05 * np.sin(turn), text, fontsize=9, ha=ha, va=va)
    ax.set_xlim(-1.42, 1.3)  # the labels lie inside, so that nothing beside the axes touches them
    ax.set_ylim(-1.22, 1.22)
    ax.set_aspect("equal")
    ax.set_axis_off()


def _mark_extremes(result: Analysed, ax: Axes, projection: str) -> None:
    worst, best = worst_axis(result), resolution_statistics(result.directional_resolution).best_axis
    for index, marker, colour, label in ((worst, "X", VERMILION, "worst"), (best, "o", BLUE, "best")):
        if index >= 0:
            x, y = positions_of(result.dfsc.axes[index : index + 1], projection)
            ax.plot(x, y, marker, ms=7, mfc=colour, mec="white", mew=1.0, ls="none", label=label, clip_on=False,
                    zorder=5)  # fmt: skip
    if worst >= 0 or best >= 0:
        ax.legend(loc="upper center", bbox_to_anchor=(0.52, 0.0), ncols=2, frameon=False, handletextpad=0.1,
                  columnspacing=1.2, borderaxespad=0)  # fmt: skip
