"""Central slices of the 3DFSC, and slices of the map before and after the filter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import bqplot
import ipywidgets
import numpy as np
from numpy.typing import NDArray

from ..filters import fso_cut_off, isotropic_filter
from ..measures.threedfsc import CentralSlices, central_slices
from . import colours
from ._view import TICKS, Picture, View, figure, lines, put, round_ticks, set_ticks

__all__ = ["MapSlicesView", "ThreeDFSCView"]

Floats = NDArray[np.float64]

SIDE = 270  # pixels of a panel


def contour(plane: NDArray[Any], level: float, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Contour lines of a plane, as one Lines mark draws them.

    Parameters
    ----------
    plane : ndarray, shape (rows, columns)
        Values.
    level : float
        Of the contour.
    x, y : ndarray
        Coordinates of columns and rows.

    Returns
    -------
    tuple of ndarray
        Rows of equal length, last points repeated.

    Examples
    --------
    >>> plane = np.zeros((8, 8)); plane[2:6, 2:6] = 1
    >>> contour(plane, 0.5, np.arange(8.0), np.arange(8.0))[0].ndim
    1
    """
    from skimage.measure import find_contours

    found = find_contours(np.asarray(plane, dtype=np.float64), level)  # type: ignore[no-untyped-call]
    if not found:
        return np.zeros(2), np.full(2, -1e3)
    found = sorted(found, key=len)[-12:]  # specks of noise aside
    longest = max(map(len, found))
    row = np.array([np.pad(c[:, 0], (0, longest - len(c)), mode="edge") for c in found])
    column = np.array([np.pad(c[:, 1], (0, longest - len(c)), mode="edge") for c in found])
    across, up = np.interp(column, np.arange(x.size), x), np.interp(row, np.arange(y.size), y)
    return (across[0], up[0]) if len(found) == 1 else (across, up)


class ThreeDFSCView(View):
    """The planes kz = 0, ky = 0 and kx = 0 of the 3DFSC, with the contour at chi.

    Parameters
    ----------
    source : LiveSession or AnalysisResult
        What to show.
    """

    def build(self) -> Sequence[ipywidgets.Widget]:
        """Make the three panels, once."""
        self.pictures, self.contours, self.scales, figures = [], [], [], []
        self.slices: CentralSlices | None = None
        self.axes: list[tuple[bqplot.Axis, bqplot.Axis]] = []
        for across, up in (("x", "y"), ("x", "z"), ("y", "z")):
            x, y = bqplot.LinearScale(min=-0.5, max=0.5), bqplot.LinearScale(min=-0.5, max=0.5)
            scales = {"x": x, "y": y}
            picture = Picture(scales, (-0.5, 0.5), (-0.5, 0.5))
            edge = lines(scales, "#ffffff", stroke_width=1.5)
            axes = [
                bqplot.Axis(
                    scale=x,
                    label=f"k{across} (1/Å)",
                    grid_lines="none",
                    tick_style=TICKS,
                    tick_values=np.array([0.0]),
                    label_offset="34px",
                ),
                bqplot.Axis(
                    scale=y,
                    side="left",
                    label=f"k{up} (1/Å)",
                    grid_lines="none",
                    tick_style=TICKS,
                    tick_values=np.array([0.0]),
                    label_offset="38px",
                ),
            ]
            figures.append(_panel([picture.mark, edge], axes))
            self.axes.append((axes[0], axes[1]))
            self.pictures.append(picture)
            self.contours.append(edge)
            self.scales.append(scales)
        self.caption = ipywidgets.HTML()
        return [self.caption, _row(figures)]

    def draw(self, result: Any) -> None:
        """Compute the planes in the background and show them.

        Parameters
        ----------
        result : AnalysisResult
            Partial ones are passed over.
        """
        settings = result.settings
        if result.partial:
            self.caption.value = _note("The 3DFSC follows when the run is done.")
            return
        self.caption.value = _note("Computing the central planes of the 3DFSC …")

        def planes() -> CentralSlices:
            return central_slices(
                result.dfsc, result.global_fsc.fsc, settings.box, settings.voxel_size, settings.cone_half_angle
            )

        self.session.compute("3dfsc", planes, lambda slices: self._show(slices, settings.threshold))

    def _show(self, slices: CentralSlices | None, threshold: float) -> None:
        if slices is None:
            return
        self.slices = slices
        panels = ((slices.xy, slices.x, slices.y), (slices.xz, slices.x, slices.z), (slices.yz, slices.y, slices.z))
        for picture, edge, scales, axes, (plane, x, y) in zip(
            self.pictures, self.contours, self.scales, self.axes, panels, strict=True
        ):
            _fit(picture, scales, axes, x, y)
            picture.show(colours.map_png(_small(plane[::-1]), 0.0, 1.0, "cividis"))
            put(edge, *contour(plane, threshold, x, y))
        self.caption.value = _note(
            f"3DFSC through zero frequency, 0 (dark) to 1 (bright); white: chi = {threshold:.3g}. "
            "A round contour is an isotropic map."
        )


class MapSlicesView(View):
    """A slice of the mean map, of it after the low-pass at FSO = 0.9, and their difference.

    Parameters
    ----------
    source : LiveSession or AnalysisResult
        What to show.
    maps : HalfMaps or callable, optional
        The maps, or a function that returns them (None while there are none).
    """

    def __init__(self, source: Any, maps: Any = None, **kwargs: Any) -> None:
        self._maps = maps
        self._cut_off = float("nan")
        self._volumes: tuple[NDArray[Any], NDArray[Any], NDArray[Any]] | None = None
        self._voxel_size = 1.0
        super().__init__(source, **kwargs)

    @property
    def maps(self) -> Any:
        """The half maps, None without any."""
        return self._maps() if callable(self._maps) else self._maps

    def build(self) -> Sequence[ipywidgets.Widget]:
        """Make the three panels, once."""
        self.pictures, self.scales, figures = [], [], []
        self.axes: list[tuple[bqplot.Axis, bqplot.Axis]] = []
        for title in ("mean of the half maps", "low-pass at FSO = 0.9", "|difference|"):
            x, y = bqplot.LinearScale(min=0.0, max=1.0), bqplot.LinearScale(min=0.0, max=1.0)
            scales = {"x": x, "y": y}
            picture = Picture(scales, (0.0, 1.0), (0.0, 1.0))
            pair = (
                bqplot.Axis(
                    scale=x,
                    label="x (Å)",
                    grid_lines="none",
                    tick_style=TICKS,
                    tick_values=np.array([0.0]),
                    label_offset="34px",
                ),
                bqplot.Axis(
                    scale=y,
                    side="left",
                    label="y (Å)",
                    grid_lines="none",
                    tick_style=TICKS,
                    tick_values=np.array([0.0]),
                    label_offset="38px",
                ),
            )
            made = _panel([picture.mark], list(pair))
            heading = ipywidgets.HTML(f'<div style="font-size:12px;text-align:center">{title}</div>')
            figures.append(ipywidgets.VBox([heading, made], layout={"flex": "1 1 0", "min_width": "0"}))
            self.pictures.append(picture)
            self.scales.append(scales)
            self.axes.append(pair)
        self.axis = ipywidgets.ToggleButtons(options=["X", "Y", "Z"], value="Z", style={"button_width": "40px"})
        self.index = ipywidgets.IntSlider(
            description="Slice", min=0, max=1, value=0, layout={"width": "340px"}, style={"description_width": "38px"}
        )
        self.axis.observe(lambda change: self.session.post(self._turn), names="value")
        self.index.observe(lambda change: self.session.compute("slice", self._pictures, self._show), names="value")
        self.caption = ipywidgets.HTML()
        self.controls = ipywidgets.HBox([self.axis, self.index], layout={"flex_flow": "row wrap"})
        return [self.caption, self.controls, _row(figures)]

    def draw(self, result: Any) -> None:
        """Filter the maps in the background when the cut-off moved.

        Parameters
        ----------
        result : AnalysisResult
            Its FSO gives the cut-off; partial ones are passed over.
        """
        maps = self.maps
        if maps is None:
            self.caption.value = _note(
                "There are no maps here, only a result: give explore(result, maps=...) to see slices."
            )
            return
        if result.partial:
            self.caption.value = _note("Slices follow when the run is done.")
            return
        try:
            cut_off = fso_cut_off(result.fso)
        except ValueError as error:
            self.caption.value = _note(str(error))
            return
        if cut_off == self._cut_off:
            return
        self._cut_off = cut_off
        self.caption.value = _note("Filtering the map …")
        self.session.compute(
            "filter", lambda: _filter(maps, cut_off), lambda volumes: self._ready(volumes, maps.voxel_size)
        )

    def _ready(self, volumes: Any, voxel_size: float) -> None:
        if volumes is None:
            return
        self._volumes, self._voxel_size = volumes, voxel_size
        self.caption.value = _note(
            f"Low-pass at {1 / self._cut_off:.2f} Å, where FSO = 0.9; the same slice and grey scale in each panel. "
            "What the filter takes away is what the directions don't share."
        )
        self._turn()

    def _turn(self) -> None:
        if self._volumes is None:
            return
        along = "ZYX".index(self.axis.value)
        size = self._volumes[0].shape[along]
        across, up = (("x", "y"), ("x", "z"), ("y", "z"))[along]
        for pair in self.axes:
            pair[0].label, pair[1].label = f"{across} (Å)", f"{up} (Å)"
        self.index.max = size - 1  # first: a page clips the value to the range it knows
        self.index.value = size // 2
        self.session.compute("slice", self._pictures, self._show)

    def _pictures(self) -> Any:
        volumes = self._volumes
        if volumes is None:
            return None
        along, index = "ZYX".index(self.axis.value), self.index.value
        planes = [np.asarray(volume.take(index, axis=along), dtype=np.float64) for volume in volumes]
        low, high = np.percentile(planes[0], (0.5, 99.8))
        zero_black = float(high - low)
        pngs = [
            colours.grey_png(planes[0][::-1], float(low), float(high)),
            colours.grey_png(planes[1][::-1], float(low), float(high)),
            colours.grey_png(planes[2][::-1], 0.0, zero_black),
        ]
        return pngs, planes[0].shape

    def _show(self, made: Any) -> None:
        if made is None:
            return
        pngs, (rows, columns) = made
        x, y = (np.arange(n) * self._voxel_size for n in (columns, rows))
        for picture, scales, axes, png in zip(self.pictures, self.scales, self.axes, pngs, strict=True):
            _fit(picture, scales, axes, x, y)
            picture.show(png)

    def _let_go(self) -> None:
        self._maps = self._volumes = None
        super()._let_go()


def _filter(maps: Any, cut_off: float) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    mean = maps.mean()
    filtered = isotropic_filter(mean, cut_off, voxel_size=maps.voxel_size)
    return mean, filtered.filtered, filtered.difference


def _panel(marks: list[Any], axes: list[Any]) -> bqplot.Figure:
    return figure(
        marks,
        axes,
        SIDE + 54,
        fig_margin={"top": 6, "bottom": 44, "left": 54, "right": 8},
        min_aspect_ratio=1.0,
        max_aspect_ratio=1.0,
    )


def _row(parts: Sequence[ipywidgets.Widget]) -> ipywidgets.HBox:
    for part in parts:
        part.layout.flex, part.layout.min_width = "1 1 0", "0"
    return ipywidgets.HBox(list(parts), layout={"width": "100%", "justify_content": "space-between"})


def _fit(picture: Picture, scales: dict[str, Any], axes: tuple[bqplot.Axis, bqplot.Axis], x: Floats, y: Floats) -> None:
    """Put a picture's outer pixel edges on the axes."""
    for name, line, axis in (("x", x, axes[0]), ("y", y, axes[1])):
        half = (line[1] - line[0]) / 2
        low, high = float(line[0] - half), float(line[-1] + half)
        if (scales[name].min, scales[name].max) != (low, high):
            with scales[name].hold_sync():
                scales[name].min, scales[name].max = low, high
            setattr(picture.mark, name, np.array([low, high]))
            set_ticks(axis, round_ticks(low, high))


def _small(plane: NDArray[Any]) -> NDArray[Any]:
    step = -(-max(plane.shape) // colours.MAX_SIDE)
    return plane[::step, ::step]


def _note(text: str) -> str:
    return f'<div style="font-size:12px;line-height:18px">{text}</div>'
