"""Matplotlib figures of an analysis, for paper and screen: no pyplot, no global state."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..errors import OutputError, ResultError
from ..figures.curves import compared_plot, occupancy_plot
from ..figures.parts import ColourScale
from ..figures.slices import grey_scale, map_pictures, threedfsc_pictures
from ..figures.sphere import resolution_picture, resolution_scale
from ..inputs.fsc_curves import ForeignFSC
from ..results.writing import written_file
from ..summary.verdict import Analysed
from .curves import dfsc_fan, distribution, fso_plot
from .draw import STYLE, colour_bar, draw_picture, draw_plot, new_figure
from .sphere import resolution_limits, sphere_plot

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


def slices_plot(
    volumes: Mapping[str, NDArray[np.floating]],
    *,
    differences: Mapping[str, NDArray[np.floating]] | None = None,
    voxel_size: float = 1.0,
    contour: float | None = None,
    point: tuple[int, int, int] | None = None,
    direction: NDArray[np.float64] | None = None,
    scale: ColourScale | None = None,
) -> Figure:
    """Cuts of volumes of one box through one point, a row a volume.

    Parameters
    ----------
    volumes : mapping of str to ndarray, shape (nz, ny, nx)
        Title -> volume; all on one grey scale.
    differences : mapping of str to ndarray, optional
        Title -> volume with a grey scale of its own, black for zero.
    voxel_size : float
        Å.
    contour : float, optional
        Level of a contour line in `volumes`.
    point : tuple of int, optional
        Voxel (z, y, x) in all cuts; the middle of the box if not given.
    direction : ndarray, shape (3,), optional
        Unit vector (x, y, z) that a fourth cut holds.
    scale : ColourScale, optional
        Of `volumes`, from `figures.grey_scale`; that of the first if not given.

    Returns
    -------
    Figure
        With cuts across z, y and x, and along the direction.

    Raises
    ------
    ResultError
        Without volumes.

    Examples
    --------
    >>> len(slices_plot({"map": np.zeros((8, 8, 8))}).axes)
    4
    """
    if not volumes:
        raise ResultError("There are no volumes to draw; give at least one.")
    first = next(iter(volumes.values()))
    middle = point or tuple(side // 2 for side in first.shape)
    shared = scale or grey_scale(first)
    rows: list[tuple[str, NDArray[np.floating], ColourScale, float | None]] = [
        (title, volume, shared, contour) for title, volume in volumes.items()
    ]
    rows += [(t, v, grey_scale(v, "Difference", from_zero=True), None) for t, v in (differences or {}).items()]
    columns = 3 if direction is None else 4
    with matplotlib.rc_context(STYLE):
        made = new_figure(7.6, (7.0 / columns + 0.35) * len(rows))
        grid = made.subplots(len(rows), columns, squeeze=False)
        for axes, (title, volume, grey, level) in zip(grid, rows, strict=True):
            cuts = map_pictures(volume, voxel_size, (middle[0], middle[1], middle[2]), scale=grey,
                                direction=direction, contour=level)  # fmt: skip
            for ax, cut in zip(axes, cuts, strict=True):
                draw_picture(cut, ax, bar=False, columns=0, title=True)
            axes[0].set_title(f"{title}\n{cuts[0].title}")
            colour_bar(cuts[0], list(axes))
    return made


def figure(
    result: Analysed,
    *,
    bingham: str | None = None,
    projection: str = "polar",
    limits: tuple[float, float] | None = None,
) -> Figure:
    """The paper's Fig. 1 for one map: curves, and directional resolution beside them.

    Parameters
    ----------
    result : AnalysisResult
        An analysis.
    bingham : {'p_textbook', 'p_published', 'p_calibrated'}, optional
        Which curve of the test; the calibrated one if there is one, else the textbook one.
    projection : {'polar', 'equal-area'}
        Of the sphere.
    limits : tuple of float, optional
        Ends of the sphere's colour scale in Å.

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
        made = new_figure(7.2, 3.7)
        left, right = made.subplots(1, 2, width_ratios=(1.2, 1))
        handles = draw_plot(occupancy_plot(result, bingham=bingham), left)
        sphere_plot(result, right, projection=projection, limits=limits)
        columns = 4 if len(handles) <= 5 else 3
        made.legend(
            handles=handles, loc="outside upper left", ncols=columns, frameon=False, handlelength=2.2, columnspacing=1.2
        )
    return made


def threedfsc_plot(result: Analysed) -> Figure:
    """Central planes of the 3DFSC with a contour at chi and rings in Å, as in the paper's Fig. 1.

    Parameters
    ----------
    result : AnalysisResult
        An analysis.

    Returns
    -------
    Figure
        Planes across z, y and x.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> len(threedfsc_plot(ca.analyze(ca.simulate_half_maps(box=32, seed=0))).axes)
    4
    """
    pictures = threedfsc_pictures(result)
    with matplotlib.rc_context(STYLE):
        made = new_figure(7.2, 2.7)
        axes = made.subplots(1, 3)
        for ax, picture in zip(axes, pictures, strict=True):
            draw_picture(picture, ax, bar=False, columns=0, title=True)
        colour_bar(pictures[0], list(axes))
    return made


def fsc_overlay(result: Analysed, curves: Sequence[ForeignFSC], *, bingham: str | None = None) -> Figure:
    """This analysis's curves with FSC curves of other programs over them.

    Parameters
    ----------
    result : AnalysisResult
        An analysis.
    curves : sequence of ForeignFSC
        From `read_fsc`.
    bingham : {'p_textbook', 'p_published', 'p_calibrated'}, optional
        Which curve of the test.

    Returns
    -------
    Figure
        One panel.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> len(fsc_overlay(ca.analyze(ca.simulate_half_maps(box=32, seed=0)), []).axes)
    1
    """
    with matplotlib.rc_context(STYLE):
        made = new_figure(7.2, 3.6)
        ax = made.subplots()
        draw_plot(occupancy_plot(result, bingham=bingham, foreign=curves), ax, columns=3)
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
        made = new_figure(7.2, 3.5)
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
    plot = compared_plot(results, labels)
    columns = min(len(results), 3)
    rows = -(-len(results) // columns)
    with matplotlib.rc_context(STYLE):
        made = new_figure(7.2, 3.1 + 2.9 * rows)
        grid = made.add_gridspec(rows + 1, columns, height_ratios=[1.1] + [1] * rows)
        draw_plot(plot, made.add_subplot(grid[0, :]), columns=2 if len(results) < 3 else 3)
        scale = resolution_scale(*results)
        spheres = [made.add_subplot(grid[1 + i // columns, i % columns]) for i in range(len(results))]
        pictures = [resolution_picture(result, scale=scale) for result in results]
        for picture, label, ax in zip(pictures, labels, spheres, strict=True):
            draw_picture(picture, ax, bar=False, columns=1)
            ax.set_title(label, pad=16)
        colour_bar(pictures[0], spheres)
    return made


def save_figure(
    drawn: Figure | Analysed, path: str | os.PathLike[str], *, dpi: float = 200.0, overwrite: bool = False
) -> Path:
    """Write a figure to PNG, SVG or PDF; the same result gives the same bytes.

    Parameters
    ----------
    drawn : Figure or AnalysisResult
        A figure of this module, or an analysis, of which `figure` is drawn.
    path : path
        Ending in .png, .svg or .pdf.
    dpi : float
        Pixels an inch, in a PNG.
    overwrite : bool
        Whether an existing file may be replaced.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    OutputError
        For another ending, a file that exists, or a folder that can't be written to.

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
    with written_file(path, overwrite=overwrite) as part, matplotlib.rc_context(STYLE):
        made.savefig(part, format=kind[1:], metadata=silent[kind], dpi=dpi)
    return target
