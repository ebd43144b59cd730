"""Directions on the half sphere: what each is worth, and in which colour.

One meaning of colour: bright is well resolved. Directional resolution is shown in 1/Å, so that
equal steps of colour are equal steps of frequency; a direction that reaches Nyquist and one
without signal have colours of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import SettingsError
from ..measures.resolution import THIN, weighted_percentiles
from ..measures.spheremap import positions_of, sphere_classes, sphere_raster
from ..results.types import ResolutionFlag
from ..summary.verdict import resolution_text
from . import palette
from .frame import VIEW, cone_outline, frame_curves, frame_texts
from .parts import OUTSIDE, ColourScale, Curve, Layers, Markers, Picture, Region
from .ticks import angstrom_ticks, round_ticks

if TYPE_CHECKING:
    from ..inputs.poses import ViewDensity
    from ..summary.verdict import Analysed

__all__ = [
    "MEASURED",
    "NOT_MEASURED",
    "NO_SIGNAL",
    "NYQUIST",
    "axis_text",
    "direction_classes",
    "resolution_picture",
    "resolution_scale",
    "shell_picture",
    "views_picture",
]

Floats = NDArray[np.float64]

SPHERE: Layers = (
    ("rings_edge", Curve),
    ("rings", Curve),
    ("rim", Curve),
    ("cone_edge", Curve),
    ("cone", Curve),
    ("passing", Markers),
    ("worst", Markers),
    ("best", Markers),
    ("selected", Markers),
)
MEASURED, NYQUIST, NO_SIGNAL, NOT_MEASURED = range(4)  # classes of directions
CLASSES = 4
LEAST_RATIO = 1.1  # of the scale's ends: smaller differences than 10 % don't fill it
SMOOTHING = 10.0  # degrees, half-angle of the kernel that views are smoothed with


def direction_classes(result: Analysed) -> NDArray[np.int64]:
    """What is known of each direction: MEASURED, NYQUIST, NO_SIGNAL or NOT_MEASURED.

    Parameters
    ----------
    result : AnalysisResult
        Partial or whole.

    Returns
    -------
    ndarray of int, shape (A,)
        A class an axis.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> bool(direction_classes(ca.analyze(ca.simulate_half_maps(box=32, preset="isotropic", seed=0))).max() <= 3)
    True
    """
    flag = result.directional_resolution.flag
    classes = np.full(flag.size, NOT_MEASURED)
    for number, known in ((MEASURED, ResolutionFlag.CROSSED), (NYQUIST, ResolutionFlag.NOT_CROSSED),
                          (NO_SIGNAL, ResolutionFlag.NO_SIGNAL)):  # fmt: skip
        classes[(flag == known) & result.dfsc.done] = number
    return classes


def _reliable(result: Analysed) -> NDArray[np.bool_]:
    """Directions whose resolution too few coefficients didn't decide."""
    d = result.directional_resolution
    reliable = d.measured & (np.nan_to_num(d.n_eff) >= THIN)
    return np.asarray(reliable if reliable.any() else d.measured)


def resolution_scale(*results: Analysed, limits: tuple[float, float] | None = None) -> ColourScale:
    """Colours of directional resolution that suit several results together.

    Parameters
    ----------
    *results : AnalysisResult
        One or more.
    limits : tuple of float, optional
        Resolutions of the first and last colour in Å, in any order.

    Returns
    -------
    ColourScale
        In 1/Å, named in Å: from the 2nd to the 98th percentile of the reliable directions,
        weighted by area, and at least 10 % apart.

    Raises
    ------
    SettingsError
        For limits that are not two different resolutions.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> scale = resolution_scale(ca.analyze(ca.simulate_half_maps(box=32, seed=0)))
    >>> 0 < scale.low < scale.high <= 0.5
    True
    """
    low, high = _limits(limits) if limits is not None else _percentiles(results)
    ticks, texts = angstrom_ticks(low, high)
    return ColourScale(label="Directional resolution (Å)", palette="resolved", low=low, high=high, ticks=ticks,
                       texts=texts)  # fmt: skip


def _limits(limits: tuple[float, float]) -> tuple[float, float]:
    if not (min(limits) > 0 and np.isfinite(limits).all() and limits[0] != limits[1]):
        raise SettingsError(
            f"The colours range from {limits[0]:g} to {limits[1]:g} Å; give two different resolutions above zero."
        )
    return 1 / max(limits), 1 / min(limits)


def _percentiles(results: tuple[Analysed, ...]) -> tuple[float, float]:
    nyquist = max(float(r.dfsc.frequency[-1]) for r in results)
    directions = [(r.directional_resolution, _reliable(r)) for r in results]
    values = np.concatenate([1 / d.resolution[known] for d, known in directions])
    areas = np.concatenate([d.areas[known] for d, known in directions])
    if values.size == 0:
        return nyquist / 2, nyquist
    low, high = weighted_percentiles(values, areas, (2, 98))
    if high < LEAST_RATIO * low:  # widened about its middle, but not past Nyquist
        high = min(np.sqrt(low * high * LEAST_RATIO), nyquist)
        low = high / LEAST_RATIO
    return float(low), float(high)


def resolution_picture(
    result: Analysed,
    *,
    projection: str = "polar",
    scale: ColourScale | None = None,
    pixels: int = 240,
    axis: int | None = None,
) -> Picture:
    """Directional resolution over zenith (radius) and azimuth, smoothed with the cone's kernel.

    Parameters
    ----------
    result : AnalysisResult
        Partial or whole.
    projection : {'polar', 'equal-area'}
        Radius proportional to zenith (the paper's Fig. 1), or equal areas.
    scale : ColourScale, optional
        From `resolution_scale`, of other limits or of several results.
    pixels : int
        Side of the picture.
    axis : int, optional
        A selected axis, whose cone is outlined.

    Returns
    -------
    Picture
        Values in 1/Å; with regions that reach Nyquist, hold no signal, or aren't measured.

    Raises
    ------
    SettingsError
        For another projection.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> picture = resolution_picture(ca.analyze(ca.simulate_half_maps(box=32, seed=0)), pixels=32)
    >>> picture.values.shape
    (32, 32)
    """
    d, done = result.directional_resolution, result.dfsc.done
    classes = direction_classes(result)
    frequency = np.where(classes == MEASURED, 1 / d.resolution, np.nan)
    values, regions = _rasters(frequency[done], classes[done], result.dfsc.axes[done], pixels,
                               result.settings.cone_half_angle, projection)  # fmt: skip
    return Picture(
        values=values,
        classes=regions,
        regions=_regions(result, classes),
        scale=scale or resolution_scale(result),
        extent=(-1.0, 1.0, -1.0, 1.0),
        view=VIEW,
        disc=True,
        curves=(*frame_curves(projection), *_cone(result, axis, projection)),
        markers=(*_extremes(result, projection), *_selected(result, axis, projection)),
        texts=frame_texts(projection),
        title="Directional resolution",
    )


def _rasters(
    values: Floats, classes: NDArray[np.int64], axes: Floats, pixels: int, cone: float, projection: str
) -> tuple[Floats, NDArray[np.uint8]]:
    """Which class is the most common around each pixel, and the mean of the measured directions there."""
    common = sphere_classes(classes, CLASSES, axes, pixels, cone, projection)
    mean = sphere_raster(values, axes, pixels, cone, projection, least=0.9 / CLASSES)
    return np.where(common == MEASURED, mean, np.nan), np.where(common < CLASSES, common, OUTSIDE).astype(np.uint8)


def _regions(result: Analysed, classes: NDArray[np.int64]) -> tuple[Region, ...]:
    nyquist = f"{1 / result.dfsc.frequency[-1]:.2f} Å"
    areas = result.dfsc.areas
    words = (
        ("nyquist", NYQUIST, palette.NYQUIST, "reaches Nyquist", f"dFSC stays above χ up to Nyquist, {nyquist}."),
        ("no_signal", NO_SIGNAL, palette.NO_SIGNAL, "no signal", "dFSC lies below χ from the lowest shells on."),
        ("not_measured", NOT_MEASURED, palette.NOT_MEASURED, "not measured", "No crossing could be found, or not yet."),
    )
    found = []
    for key, number, colour, label, note in words:
        share = 100 * float(areas[classes == number].sum())
        shown = bool((classes[result.dfsc.done] == number).any())
        found.append(Region(key=key, label=f"{label} ({share:.1f} %)" if shown else "", note=note, colour=colour))
    return tuple(found)


def shell_picture(
    result: Analysed, shell: int, *, projection: str = "polar", pixels: int = 240, axis: int | None = None,
    limits: tuple[float, float] | None = None,
) -> Picture:  # fmt: skip
    """dFSC of one shell over the half sphere, with the directions that FSO counts.

    Parameters
    ----------
    result : AnalysisResult
        Partial or whole.
    shell : int
        From 1.
    projection : {'polar', 'equal-area'}
        Radius proportional to zenith, or equal areas.
    pixels : int
        Side of the picture.
    axis : int, optional
        A selected axis, whose cone is outlined.
    limits : tuple of float, optional
        dFSC of the first and last colour, 0 and 1 if not given.

    Returns
    -------
    Picture
        Values are dFSC.

    Raises
    ------
    SettingsError
        For another projection, or limits that are the same.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> shell_picture(ca.analyze(ca.simulate_half_maps(box=32, seed=0)), 5, pixels=32).scale.label
    'dFSC'
    """
    low, high = (0.0, 1.0) if limits is None else (min(limits), max(limits))
    if not low < high:
        raise SettingsError(f"The colours range from {low:g} to {high:g}; give two different values of dFSC.")
    done, values = result.dfsc.done, result.dfsc.values[:, shell - 1]
    passing = done & (np.where(np.isfinite(values), values, -np.inf) >= result.settings.threshold)
    classes = np.where(np.isfinite(values), MEASURED, NOT_MEASURED)
    raster, regions = _rasters(values[done], classes[done], result.dfsc.axes[done], pixels,
                               result.settings.cone_half_angle, projection)  # fmt: skip
    x, y = positions_of(result.dfsc.axes[passing], projection) if passing.any() else (np.empty(0), np.empty(0))
    ticks, texts = round_ticks(low, high)
    counted = f"{int(passing.sum())} of {int(done.sum())} directions reach χ"
    dots = Markers(key="passing", label=counted, note="Those that FSO counts in this shell.", x=x, y=y, shape="circle",
                   face="#ffffff", edge="#202020", size=4.0)  # fmt: skip
    return Picture(
        values=raster,
        classes=regions,
        regions=_regions(result, classes),
        scale=ColourScale(label="dFSC", palette="resolved", low=low, high=high, ticks=ticks, texts=texts),
        extent=(-1.0, 1.0, -1.0, 1.0),
        view=VIEW,
        disc=True,
        curves=(*frame_curves(projection), *_cone(result, axis, projection)),
        markers=(dots, *_selected(result, axis, projection)),
        texts=frame_texts(projection),
        title=f"dFSC in shell {shell} ({1 / result.dfsc.frequency[shell - 1]:.2f} Å)",
    )


def views_picture(density: ViewDensity, *, projection: str = "polar", pixels: int = 240) -> Picture:
    """Density of views over the half sphere.

    Parameters
    ----------
    density : ViewDensity
        From `view_density`.
    projection : {'polar', 'equal-area'}
        Radius proportional to zenith, or equal areas.
    pixels : int
        Side of the picture.

    Returns
    -------
    Picture
        Bright is densely seen; 1 is even.

    Raises
    ------
    SettingsError
        For another projection.

    Examples
    --------
    >>> from cryoaniso_nb.inputs.poses import read_poses, view_density
    >>> views_picture(view_density(read_poses(np.eye(3))), pixels=32).scale.low
    0.0
    """
    values = sphere_raster(density.density, density.axes, pixels, SMOOTHING, projection)
    top = max(2.0, float(np.nanmax(values)))
    ticks, texts = round_ticks(0.0, top)
    return Picture(
        values=values,
        scale=ColourScale(label="Density of views (1 = even)", palette="resolved", low=0.0, high=top, ticks=ticks,
                          texts=texts),
        extent=(-1.0, 1.0, -1.0, 1.0),
        view=VIEW,
        disc=True,
        curves=frame_curves(projection),
        texts=frame_texts(projection),
        title=f"{density.n_views} views, {density.symmetry}",
    )  # fmt: skip


def _extremes(result: Analysed, projection: str) -> list[Markers]:
    """The worst and the best region, once all directions are known."""
    regions = getattr(result, "regions", None)
    found = []
    for key in ("worst", "best") if regions is not None else ():
        region = getattr(regions, key)
        if not len(region.marks()):
            continue
        x, y = positions_of(region.marks(), projection)
        value = resolution_text(region.resolution, region.flag, 1 / float(result.dfsc.frequency[-1]))
        found.append(Markers(key=key, label=f"{key}, {value}{', all around' if region.kind == 'girdle' else ''}",
                             x=x, y=y, shape="cross" if key == "worst" else "circle", face="#ffffff", edge="#202020",
                             size=11.0))  # fmt: skip
    return found


def axis_text(result: Analysed, axis: int) -> str:
    """Directional resolution of an axis as tables show it.

    Parameters
    ----------
    result : AnalysisResult
        Partial or whole.
    axis : int
        Index of the axis.

    Returns
    -------
    str
        Å, or why there is no number.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> axis_text(ca.analyze(ca.simulate_half_maps(box=32, preset="isotropic", seed=0)), 0)[-1]
    'Å'
    """
    d = result.directional_resolution
    nyquist = 1 / float(result.dfsc.frequency[-1])
    return resolution_text(float(d.resolution[axis]), ResolutionFlag(int(d.flag[axis])), nyquist)


def _selected(result: Analysed, axis: int | None, projection: str) -> list[Markers]:
    if axis is None:
        return []
    x, y = positions_of(result.dfsc.axes[axis : axis + 1], projection)
    return [Markers(key="selected", x=x, y=y, shape="diamond", face=palette.SELECTED, edge="#ffffff", size=9.0)]


def _cone(result: Analysed, axis: int | None, projection: str) -> list[Curve]:
    if axis is None:
        return []
    cone = result.settings.cone_half_angle
    x, y = cone_outline(result.dfsc.axes[axis], cone, projection)
    return [
        Curve(key="cone_edge", x=x, y=y, colour="#ffffff", width=4.0, opacity=0.8),
        Curve(key="cone", note=f"The cone of {cone:g} degrees.", x=x, y=y, colour=palette.SELECTED, width=2.0),
    ]
