"""Planes through volumes: of the 3DFSC through zero frequency, of a map through a point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import ResultError
from ..geometry.directions import angles
from ..measures.threedfsc_volume import CentralSlices, central_slices
from . import palette
from .parts import ColourScale, Curve, Layers, Markers, Picture, Text
from .ticks import angstrom_ticks, round_ticks

if TYPE_CHECKING:
    from ..summary.verdict import Analysed

__all__ = ["contour_lines", "cut_along", "grey_scale", "map_pictures", "threedfsc_pictures"]

Floats = NDArray[np.float64]

THREEDFSC: Layers = (
    ("rings_edge", Curve),
    ("rings", Curve),
    ("contour", Curve),
    ("selected", Curve),
    ("direction", Markers),
)
CUT: Layers = (("cross", Curve), ("length_edge", Curve), ("length", Curve), ("contour", Curve))
PLANES = (("x", "y", "z"), ("x", "z", "y"), ("y", "z", "x"))  # to the right, upwards, across
RING_GAP = 0.19  # of the distance to Nyquist
MARGIN = 1.16  # of the view, in half widths of the picture: room for the names of axes
NAMED = 1.08  # where they stand
PIECES = 12  # of a contour, the longest: specks of noise aside
SHOWN = (1.0, 99.9)  # percent of the voxels from black to white
SAMPLE = 200_000  # voxels that percentiles are taken from
GAP = 0.09  # of the picture, left open by the cross around its point
UPRIGHT = 0.98  # cosine to z from which a cut takes x for its other axis


def threedfsc_pictures(
    result: Analysed, *, slices: CentralSlices | None = None, axis: int | None = None
) -> tuple[Picture, Picture, Picture]:
    """Central planes of the 3DFSC, with the contour at chi and rings of resolution.

    Parameters
    ----------
    result : AnalysisResult
        Partial or whole.
    slices : CentralSlices, optional
        Its planes, if they are known already.
    axis : int, optional
        A selected axis, whose projection on each plane is drawn.

    Returns
    -------
    tuple of Picture
        Planes across z, y and x, in 1/Å.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> pictures = threedfsc_pictures(ca.analyze(ca.simulate_half_maps(box=32, seed=0)))
    >>> [text.text for text in pictures[0].texts]
    ['10', '5', '3', '2', 'x', 'y']
    """
    planes = slices or central_slices(result.dfsc, result.global_fsc.fsc)
    vector = None if axis is None else result.dfsc.axes[axis]
    arrays = {"xy": planes.xy, "xz": planes.xz, "yz": planes.yz}
    lines = {"x": planes.x, "y": planes.y, "z": planes.z}
    ticks, texts = round_ticks(0.0, 1.0)
    label = f"3DFSC (line: χ = {result.fso.threshold:.3g})"
    scale = ColourScale(label=label, palette="resolved", low=0.0, high=1.0, ticks=ticks, texts=texts)
    made = [
        _fsc_plane(arrays[across + up].astype(np.float64), (lines[across], lines[up]), (across, up, normal), scale,
                   float(result.dfsc.frequency[-1]), result.fso.threshold, vector)
        for across, up, normal in PLANES
    ]  # fmt: skip
    return made[0], made[1], made[2]


def _fsc_plane(
    plane: Floats, lines: tuple[Floats, Floats], names: tuple[str, str, str], scale: ColourScale, nyquist: float,
    threshold: float, vector: Floats | None,
) -> Picture:  # fmt: skip
    x, y = lines
    step = (x[1] - x[0]) / 2, (y[1] - y[0]) / 2
    radius = np.hypot(x, y[:, None])
    contour = contour_lines(np.where(radius <= nyquist, plane, 0.0), threshold, x, y)
    curves = [
        *_rings(nyquist),
        Curve(key="contour", label=f"χ = {threshold:.3g}", note="A round contour is an isotropic map.", x=contour[0],
              y=contour[1], colour="#ffffff", width=1.5),
    ]  # fmt: skip
    markers: tuple[Markers, ...] = ()
    if vector is not None:
        end = nyquist * vector[["xyz".index(name) for name in names[:2]]]
        curves.append(Curve(key="selected", x=np.array([-end[0], end[0]]), y=np.array([-end[1], end[1]]),
                            colour=palette.SELECTED, width=2.0))  # fmt: skip
        markers = (Markers(key="direction", note="The selected direction, projected on this plane.",
                           x=np.array([-end[0], end[0]]), y=np.array([-end[1], end[1]]), shape="diamond",
                           face=palette.SELECTED, edge="#ffffff", size=11.0),)  # fmt: skip
    places, words = angstrom_ticks(0.0, nyquist, to_end=True, gap=RING_GAP)
    aside = np.deg2rad(-45)
    texts = [Text(x=float(r * np.cos(aside)), y=float(r * np.sin(aside)), text=word, inside=True)
             for r, word in zip(places, words, strict=True)]  # fmt: skip
    reach = MARGIN * nyquist
    return Picture(
        values=np.where(radius <= nyquist + max(step), plane, np.nan)[::-1],
        scale=scale,
        extent=(float(x[0] - step[0]), float(x[-1] + step[0]), float(y[0] - step[1]), float(y[-1] + step[1])),
        view=(-reach, reach, -reach, reach),
        curves=tuple(curves),
        markers=markers,
        texts=(*texts, *_named(names[:2], nyquist, nyquist)),
        title=f"across {names[2]}, rings in Å",
    )


def _rings(nyquist: float) -> list[Curve]:
    turn = np.append(np.linspace(0, 2 * np.pi, 91), np.nan)
    radii, _ = angstrom_ticks(0.0, nyquist, to_end=True, gap=RING_GAP)
    x, y = (np.concatenate([radius * line(turn) for radius in radii]) for line in (np.cos, np.sin))
    return [
        Curve(key="rings_edge", x=x, y=y, colour="#202020", width=2.0, opacity=0.3),
        Curve(key="rings", x=x, y=y, colour="#ffffff", width=0.8, opacity=0.75),
    ]


def _named(names: Sequence[str], across: float, up: float) -> list[Text]:
    """Names at the ends of the axes to the right and upwards."""
    return [Text(x=NAMED * across, y=0.0, text=names[0]), Text(x=0.0, y=NAMED * up, text=names[1])]


def contour_lines(plane: Floats, level: float, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Contour of a plane, its longest pieces.

    Parameters
    ----------
    plane : ndarray, shape (rows, columns)
        Finite values.
    level : float
        Of the contour.
    x, y : ndarray
        Coordinates of columns and rows.

    Returns
    -------
    tuple of ndarray
        x and y, with NaN between the pieces.

    Examples
    --------
    >>> plane = np.zeros((8, 8)); plane[2:6, 2:6] = 1
    >>> float(np.nanmax(contour_lines(plane, 0.5, np.arange(8.0), np.arange(8.0))[0]))
    5.5
    """
    from skimage.measure import find_contours

    pieces = sorted(find_contours(plane, level), key=len)[-PIECES:]  # type: ignore[no-untyped-call]
    gap = np.full((1, 2), np.nan)
    joined = np.concatenate([np.concatenate([piece, gap]) for piece in pieces] or [gap])
    return np.interp(joined[:, 1], np.arange(x.size), x), np.interp(joined[:, 0], np.arange(y.size), y)


def grey_scale(volume: NDArray[np.floating], label: str = "Density", *, limits: tuple[float, float] | None = None,
               from_zero: bool = False) -> ColourScale:  # fmt: skip
    """Grey scale of a volume, the same for each of its planes.

    Parameters
    ----------
    volume : ndarray, shape (nz, ny, nx)
        A map, or a difference.
    label : str
        What the values are.
    limits : tuple of float, optional
        Values of black and white; the 1st and 99.9th percentile if not given.
    from_zero : bool
        Whether black is zero, as for a difference.

    Returns
    -------
    ColourScale
        From black to white.

    Examples
    --------
    >>> scale = grey_scale(np.linspace(0, 1, 1001).reshape(7, 11, 13))
    >>> round(scale.low, 3), round(scale.high, 3)
    (0.01, 0.999)
    """
    if limits is None:
        flat = volume.reshape(-1)
        sample = flat[:: max(1, flat.size // SAMPLE)]
        low, high = (float(value) for value in np.nanpercentile(sample, SHOWN))
    else:
        low, high = limits
    low = 0.0 if from_zero and limits is None else low
    if not high > low:
        high = low + 1.0
    ticks, texts = round_ticks(low, high)
    return ColourScale(label=label, palette="grey", low=low, high=high, ticks=ticks, texts=texts)


def map_pictures(
    volume: NDArray[np.floating],
    voxel_size: float,
    point: tuple[int, int, int],
    *,
    scale: ColourScale | None = None,
    direction: Floats | None = None,
    contour: float | None = None,
) -> tuple[Picture, ...]:
    """Cuts of a volume through one point: across z, y and x, and one that holds a direction.

    Parameters
    ----------
    volume : ndarray, shape (nz, ny, nx)
        A map.
    voxel_size : float
        Å.
    point : tuple of int
        Voxel (z, y, x) that all cuts hold; a cross marks it.
    scale : ColourScale, optional
        From `grey_scale`.
    direction : ndarray, shape (3,), optional
        Unit vector (x, y, z); upwards in the fourth cut.
    contour : float, optional
        Level of a contour.

    Returns
    -------
    tuple of Picture
        Three, or four with a direction; Å from the centre of the box, in the fourth from the point.

    Raises
    ------
    ResultError
        When the point lies outside of the volume.

    Examples
    --------
    >>> pictures = map_pictures(np.zeros((8, 10, 12)), 2.0, (4, 5, 6), direction=np.array([0.0, 0, 1]))
    >>> [picture.values.shape for picture in pictures]
    [(10, 12), (8, 12), (8, 10), (12, 12)]
    """
    if not all(0 <= place < side for place, side in zip(point, volume.shape, strict=True)):
        raise ResultError(f"The point {point} lies outside of the volume of {volume.shape} voxels; give one inside.")
    shades = scale or grey_scale(volume)
    place = dict(zip("zyx", point, strict=True))
    sides = dict(zip("zyx", volume.shape, strict=True))
    made = []
    for across, up, normal in PLANES:
        plane = np.asarray(volume.take(place[normal], axis="zyx".index(normal)), dtype=np.float64)
        x, y = ((np.arange(sides[name]) - sides[name] // 2) * voxel_size for name in (across, up))
        title = f"{normal} = {(place[normal] - sides[normal] // 2) * voxel_size:.1f} Å"
        made.append(
            _cut(plane, x, y, (float(x[place[across]]), float(y[place[up]])), (across, up), shades, title, contour)
        )
    if direction is not None:
        plane, line = cut_along(volume, direction, point), (np.arange(max(volume.shape)) - max(volume.shape) // 2)
        zenith, azimuth = (float(angle[0]) for angle in angles(np.asarray(direction)[None]))
        title = f"along ◆ ({zenith:.0f}°, {azimuth:.0f}°)"
        x = line * voxel_size
        made.append(_cut(plane, x, x, (0.0, 0.0), ("", "◆"), shades, title, contour))
    return tuple(made)


def cut_along(volume: NDArray[np.floating], direction: Floats, point: tuple[int, int, int]) -> Floats:
    """The plane through a point that holds a direction and, where it can, the z axis.

    Parameters
    ----------
    volume : ndarray, shape (nz, ny, nx)
        A map.
    direction : ndarray, shape (3,)
        Unit vector (x, y, z).
    point : tuple of int
        Voxel (z, y, x).

    Returns
    -------
    ndarray, shape (n, n)
        n the longest side; rows along the direction, ascending, the point at n // 2; NaN outside
        of the volume.

    Examples
    --------
    >>> volume = np.arange(27.0).reshape(3, 3, 3)
    >>> cut_along(volume, np.array([0.0, 0.0, 1.0]), (1, 1, 1)).tolist() == volume[:, 1].tolist()
    True
    """
    from scipy.ndimage import map_coordinates

    up = np.asarray(direction, dtype=np.float64)[::-1]  # (z, y, x) from here on
    aside = np.array([0.0, 0.0, 1.0]) if abs(up[0]) > UPRIGHT else np.array([1.0, 0.0, 0.0])
    across = aside - (aside @ up) * up
    across /= np.linalg.norm(across)
    side = max(volume.shape)
    line = np.arange(side) - side // 2
    place = np.asarray(point)[:, None, None] + up[:, None, None] * line[:, None] + across[:, None, None] * line
    return np.asarray(map_coordinates(volume, place, order=1, mode="constant", cval=np.nan), dtype=np.float64)


def _cut(
    plane: Floats, x: Floats, y: Floats, point: tuple[float, float], names: tuple[str, str], scale: ColourScale,
    title: str, contour: float | None,
) -> Picture:  # fmt: skip
    half = (x[1] - x[0]) / 2
    extent = (float(x[0] - half), float(x[-1] + half), float(y[0] - half), float(y[-1] + half))
    reach = (MARGIN * max(extent[1] - extent[0], extent[3] - extent[2])) / 2
    middle = (extent[0] + extent[1]) / 2, (extent[2] + extent[3]) / 2
    bar, word = _length(extent)
    curves = [*_cross(point, extent), *bar]
    if contour is not None and np.isfinite(plane).any():
        line = contour_lines(np.nan_to_num(plane), contour, x, y)
        curves.append(Curve(key="contour", x=line[0], y=line[1], colour=palette.BINGHAM, width=1.2))
    named = [Text(x=middle[0] + NAMED * (extent[1] - middle[0]), y=middle[1], text=names[0]),
             Text(x=middle[0], y=middle[1] + NAMED * (extent[3] - middle[1]), text=names[1])]  # fmt: skip
    return Picture(
        values=plane[::-1],
        scale=scale,
        extent=extent,
        view=(middle[0] - reach, middle[0] + reach, middle[1] - reach, middle[1] + reach),
        curves=tuple(curves),
        texts=(*(text for text in named if text.text), word),
        title=title,
    )


def _cross(point: tuple[float, float], extent: tuple[float, float, float, float]) -> list[Curve]:
    """Lines through the point, open around it."""
    left, right, bottom, top = extent
    gap = GAP * (right - left) / 2
    x = np.array([left, point[0] - gap, np.nan, point[0] + gap, right, np.nan, point[0], point[0], np.nan, point[0],
                  point[0]])  # fmt: skip
    y = np.array([point[1], point[1], np.nan, point[1], point[1], np.nan, bottom, point[1] - gap, np.nan,
                  point[1] + gap, top])  # fmt: skip
    return [Curve(key="cross", x=x, y=y, colour=palette.SELECTED, width=1.0)]


def _length(extent: tuple[float, float, float, float]) -> tuple[list[Curve], Text]:
    """A bar of a round length, about a quarter of the width."""
    width = extent[1] - extent[0]
    power = 10.0 ** np.floor(np.log10(width / 4))
    length = power * max(m for m in (1, 2, 5) if m * power <= width / 4)
    start, height = extent[0] + 0.06 * width, extent[2] + 0.06 * (extent[3] - extent[2])
    x, y = np.array([start, start + length]), np.full(2, height)
    return [
        Curve(key="length_edge", x=x, y=y, colour="#202020", width=5.0, opacity=0.8),
        Curve(key="length", x=x, y=y, colour="#ffffff", width=3.0),
    ], Text(x=float(start + length / 2), y=float(height + 0.05 * width), text=f"{length:g} Å", inside=True)
