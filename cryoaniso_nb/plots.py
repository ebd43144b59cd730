"""Matplotlib figures of an analysis, for paper and screen: no pyplot, no global state."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from .errors import OutputError, ResultError
from .fscfiles import ForeignFSC
from .headline import Analysed
from .measures.threedfsc import central_slices
from .plot_curves import GREY, ORANGE, SERIES, STYLE, angstrom_axis, dfsc_fan, distribution, fso_plot, overlay_fsc
from .plot_sphere import resolution_limits, sphere_plot
from .writing import written_whole

__all__ = [
    "comparison",
    "dfsc_fan",
    "distribution",
    "figure",
    "fsc_overlay",
    "fso_plot",
    "overview",
    "resolution_limits",
    "save_figure",
    "slices_plot",
    "sphere_plot",
    "threedfsc_plot",
]

Floats = NDArray[np.float64]


def _new(width: float, height: float) -> Figure:
    made = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(made)
    return made


def slices_plot(
    volumes: Mapping[str, NDArray[np.floating]],
    *,
    voxel_size: float = 1.0,
    contour: float | None = None,
    index: int | None = None,
    unit: str = "Å",
) -> Figure:
    """Central slices through volumes of the same box, one row a volume, the same grey scale.

    Parameters
    ----------
    volumes : mapping of str to ndarray, shape (nz, ny, nx)
        Title -> volume.
    voxel_size : float
        Step of the axes, in `unit`.
    contour : float, optional
        Level of a contour line, e.g. chi in a 3DFSC.
    index : int, optional
        Slice number along each axis; the middle ones if not given.
    unit : str
        Unit of the axes.

    Returns
    -------
    Figure
        With slices across z, y and x.

    Raises
    ------
    ResultError
        Without volumes.

    Examples
    --------
    >>> len(slices_plot({"map": np.zeros((8, 8, 8))}).axes)
    3
    """
    if not volumes:
        raise ResultError("There are no volumes to draw; give at least one.")
    with matplotlib.rc_context(STYLE):
        made = _new(7.2, 2.4 * len(volumes) + 0.3)
        axes = made.subplots(len(volumes), 3, squeeze=False)
        finite = [v[np.isfinite(v)] for v in volumes.values()]
        low = min(float(np.percentile(v, 0.5)) for v in finite)
        high = max(float(np.percentile(v, 99.5)) for v in finite)
        for row, (title, volume) in zip(axes, volumes.items(), strict=True):
            for ax, axis, names in zip(row, (0, 1, 2), ("xy", "xz", "yz"), strict=True):
                place = volume.shape[axis] // 2 if index is None else min(index, volume.shape[axis] - 1)
                _slice(ax, np.take(volume, place, axis=axis), voxel_size, (low, high), contour)
                ax.set_title(f"{title}, {'zyx'[axis]} slice")
                ax.set_xlabel(f"{names[0]} ({unit})")
                ax.set_ylabel(f"{names[1]} ({unit})")
    return made


def _slice(
    ax: Axes, plane: NDArray[np.floating], step: float, limits: tuple[float, float], contour: float | None
) -> None:
    """One grey slice with its contour, in units from the centre."""
    rows, columns = plane.shape
    extent = (-columns / 2 * step, columns / 2 * step, -rows / 2 * step, rows / 2 * step)
    ax.imshow(plane, origin="lower", extent=extent, cmap="gray", vmin=limits[0], vmax=limits[1])
    if contour is not None and np.nanmin(plane) < contour < np.nanmax(plane):
        ax.contour(plane, levels=[contour], colors=[ORANGE], linewidths=1.2, origin="lower", extent=extent)


def figure(result: Analysed, *, bingham: str | None = None, projection: str = "polar") -> Figure:
    """The paper's Fig. 1 for one map: curves, and directional resolution beside them.

    Parameters
    ----------
    result : AnalysisResult
        An analysis.
    bingham : {'published', 'p_value', 'calibrated'}, optional
        Which curve of the test.
    projection : {'polar', 'equal-area'}
        Of the sphere.

    Returns
    -------
    Figure
        Two panels, 7.2 inches wide.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> float(figure(ca.analyze(ca.simulate_half_maps(box=32, seed=0))).get_figwidth())
    7.2
    """
    with matplotlib.rc_context(STYLE):
        made = _new(7.2, 3.6)
        left, right = made.subplots(1, 2, width_ratios=(1.25, 1))
        fso_plot(result, left, bingham=bingham, legend=False)
        sphere_plot(result, right, projection=projection)
        handles = [h for ax in made.axes if ax is not right for h in ax.get_legend_handles_labels()[0]]
        columns = 4 if len(handles) <= 5 else 3
        made.legend(
            handles=handles, loc="outside upper left", ncols=columns, frameon=False, handlelength=1.8, columnspacing=1.2
        )
    return made


def threedfsc_plot(result: Analysed) -> Figure:
    """Central slices of the 3DFSC with a contour at chi, as in the paper's Fig. 1.

    Parameters
    ----------
    result : AnalysisResult
        An analysis.

    Returns
    -------
    Figure
        Planes kz = 0, ky = 0 and kx = 0.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> len(threedfsc_plot(ca.analyze(ca.simulate_half_maps(box=32, seed=0))).axes)
    4
    """
    settings = result.settings
    planes = central_slices(
        result.dfsc, result.global_fsc.fsc, settings.box, settings.voxel_size, settings.cone_half_angle
    )
    panels = ((planes.xy, planes.x, planes.y, "xy"), (planes.xz, planes.x, planes.z, "xz"),
              (planes.yz, planes.y, planes.z, "yz"))  # fmt: skip
    with matplotlib.rc_context(STYLE):
        made = _new(7.2, 2.7)
        axes = made.subplots(1, 3)
        for ax, (plane, columns, rows, names) in zip(axes, panels, strict=True):
            extent = (columns[0], columns[-1], rows[0], rows[-1])
            image = ax.imshow(plane, origin="lower", extent=extent, cmap="cividis", vmin=0, vmax=1)
            if np.nanmin(plane) < result.fso.threshold < np.nanmax(plane):
                ax.contour(columns, rows, plane, levels=[result.fso.threshold], colors=["white"], linewidths=1.2)
            ax.locator_params(nbins=2)
            ax.xaxis.set_major_formatter("{x:g}")  # a short 0 leaves room for its neighbours
            ax.yaxis.set_major_formatter("{x:g}")
            ax.set_xlabel(f"{names[0]} (1/Å)")
            ax.set_ylabel(f"{names[1]} (1/Å)")
        made.colorbar(image, ax=list(axes), shrink=0.85).set_label(f"3DFSC (line: χ = {result.fso.threshold:g})")
    return made


def fsc_overlay(result: Analysed, curves: Sequence[ForeignFSC]) -> Figure:
    """This analysis's curves with FSC curves of other programs over them.

    Parameters
    ----------
    result : AnalysisResult
        An analysis.
    curves : sequence of ForeignFSC
        From `read_fsc`.

    Returns
    -------
    Figure
        One panel.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> len(fsc_overlay(ca.analyze(ca.simulate_half_maps(box=32, seed=0)), []).axes)
    2
    """
    with matplotlib.rc_context(STYLE):
        made = _new(7.2, 3.6)
        ax = made.subplots()
        fso_plot(result, ax)
        overlay_fsc(ax, curves)
    return made


def overview(result: Analysed) -> Figure:
    """Spread of dFSC and distribution of directional resolution, side by side.

    Parameters
    ----------
    result : AnalysisResult
        An analysis.

    Returns
    -------
    Figure
        Two panels.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> len(overview(ca.analyze(ca.simulate_half_maps(box=32, seed=0))).axes)
    2
    """
    with matplotlib.rc_context(STYLE):
        made = _new(7.2, 3.5)
        left, right = made.subplots(1, 2)
        dfsc_fan(result, left)
        distribution(result, right)
    return made


def comparison(results: Sequence[Analysed], labels: Sequence[str]) -> Figure:
    """Several maps together: FSO overlaid, spheres with one colour scale.

    Parameters
    ----------
    results : sequence of AnalysisResult
        Two or more.
    labels : sequence of str
        Their names.

    Returns
    -------
    Figure
        Curves above, one sphere a map below.

    Raises
    ------
    ResultError
        When results and labels don't pair up.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> r = ca.analyze(ca.simulate_half_maps(box=32, seed=0))
    >>> len(comparison([r, r], ["untilted", "tilted"]).axes)
    4
    """
    if not results or len(results) != len(labels):
        raise ResultError(f"There are {len(results)} results and {len(labels)} labels; give one label a result.")
    columns = min(len(results), 3)
    rows = -(-len(results) // columns)
    with matplotlib.rc_context(STYLE):
        made = _new(7.2, 2.9 + 2.7 * rows)
        grid = made.add_gridspec(rows + 1, columns, height_ratios=[1.1] + [1] * rows)
        top = made.add_subplot(grid[0, :])
        _overlay(results, labels, top)
        spheres = [made.add_subplot(grid[1 + i // columns, i % columns]) for i in range(len(results))]
        limits = resolution_limits(*results)
        for result, label, ax in zip(results, labels, spheres, strict=True):
            sphere_plot(result, ax, limits=limits, colour_bar=False)
            ax.set_title(label, pad=16)
        bar = made.colorbar(spheres[0].images[0], ax=spheres, shrink=0.8, extend="both")
        bar.set_label("Directional resolution (Å)")
    return made


def _overlay(results: Sequence[Analysed], labels: Sequence[str], ax: Axes) -> None:
    """FSO (continuous) and FSC (dashed) of each map over the widest range of frequencies."""
    for i, (result, label) in enumerate(zip(results, labels, strict=True)):
        colour = SERIES[i % len(SERIES)]
        ax.plot(result.fso.frequency, result.fso.occupancy, color=colour, lw=2.0, label=f"{label}, FSO")
        ax.plot(result.fso.frequency, result.global_fsc.fsc, color=colour, lw=1.0, ls="--", label=f"{label}, FSC")
    for level in (0.9, 0.5, 0.1):
        ax.axhline(level, color=GREY, lw=0.6, ls=(0, (1, 2)))
    ax.set_ylim(-0.06, 1.04)
    ax.set_ylabel("FSO, FSC")
    angstrom_axis(ax, max((r.fso.frequency for r in results), key=lambda f: float(f[-1])))
    ax.legend(loc="upper right", frameon=True, framealpha=0.85, edgecolor="none", ncols=1 if len(results) < 4 else 2)


def save_figure(drawn: Figure | Analysed, path: str | os.PathLike[str], *, dpi: float = 200.0) -> Path:
    """Write a figure to PNG, SVG or PDF; the same result gives the same bytes.

    Parameters
    ----------
    drawn : Figure or AnalysisResult
        A figure of this module, or an analysis, of which `figure` is drawn.
    path : path
        Ending in .png, .svg or .pdf; an existing file is replaced once the new one is whole.
    dpi : float
        Pixels an inch, in a PNG.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    OutputError
        For another ending, or a folder that can't be written to.

    Examples
    --------
    >>> import tempfile, cryoaniso_nb as ca
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_figure(ca.analyze(ca.simulate_half_maps(box=32, seed=0)), f"{folder}/figure.svg").suffix
    '.svg'
    """
    target = Path(path)
    silent: dict[str, dict[str, Any]] = {
        ".png": {"Software": None},
        ".svg": {"Date": None, "Creator": None},
        ".pdf": {"CreationDate": None, "Producer": None, "Creator": None},
    }
    kind = target.suffix.lower()
    if kind not in silent:
        raise OutputError(f"{target.name} ends in {kind or 'nothing'}, but a figure is written as .png, .svg or .pdf.")
    made = drawn if isinstance(drawn, Figure) else figure(drawn)
    with written_whole(target) as part, matplotlib.rc_context(STYLE):
        made.savefig(part, format=kind[1:], metadata=silent[kind], dpi=dpi)
    return target
