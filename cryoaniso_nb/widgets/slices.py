"""Central planes of the 3DFSC, and cuts of the map before and after the filter."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any, ClassVar

import ipywidgets
import numpy as np
from numpy.typing import NDArray

from ..figures.parts import ColourScale, Picture
from ..figures.slices import CUT, PLANES, THREEDFSC, grey_scale, map_pictures, threedfsc_pictures
from ..measures.filters import fso_cut_off, isotropic_filter
from ..measures.threedfsc_volume import CentralSlices, central_slices
from ._panels import PicturePanel, row
from ._shown import selected_axis
from ._view import View

__all__ = ["MapSlicesView", "ThreeDFSCView"]

Volume = NDArray[Any]


class ThreeDFSCView(View):
    """Planes of the 3DFSC across z, y and x, with rings in Å and the contour at chi.

    Parameters
    ----------
    source : LiveSession or AnalysisResult
        What to show.
    """

    watches: ClassVar[tuple[str, ...]] = ("direction",)

    def build(self) -> Sequence[ipywidgets.Widget]:
        """Make the three panels, once."""
        self.slices: CentralSlices | None = None
        self._of: Any = None  # the result that the planes are of
        self.panels = [
            PicturePanel(THREEDFSC, clicked=self._clicks(i), place="angstrom", post=self.session.post) for i in range(3)
        ]
        self.caption = ipywidgets.HTML()
        return [self.caption, row(self.panels)]

    def _clicks(self, panel: int) -> Any:
        """Selects the direction in a plane that was clicked; a frequency and its negative are one direction."""

        def clicked(x: float, y: float) -> None:
            place = dict(zip(PLANES[panel], (x, y, 0.0), strict=True))
            vector = np.array([place[name] for name in "xyz"])
            length = float(np.linalg.norm(vector))
            if length > 0:
                self.session.select(direction=tuple(map(float, vector / length)))

        return clicked

    def draw(self, result: Any) -> None:
        """Compute the planes in the background and show them.

        Parameters
        ----------
        result : AnalysisResult
            Partial ones are passed over.
        """
        if result.partial:
            self.caption.value = _note("The 3DFSC follows when the run is done.")
            return
        self.caption.value = _note("Computing the central planes of the 3DFSC …")

        def planes() -> tuple[Any, CentralSlices]:
            return result, central_slices(result.dfsc, result.global_fsc.fsc)

        self.session.compute("3dfsc", planes, self._ready)

    def draw_selection(self, result: Any, names: set[str]) -> None:
        """Follow the selected direction.

        Parameters
        ----------
        result : AnalysisResult
            What is shown.
        names : set of str
            What changed.
        """
        if result is self._of:
            self._show(result)

    def _ready(self, found: tuple[Any, CentralSlices] | None) -> None:
        if found is None:
            return
        self._of, self.slices = found
        self._show(self._of)
        self.caption.value = _note(
            f"White line: χ = {self._of.fso.threshold:.3g}; round in an isotropic map, close to the centre where the "
            "map is poorly resolved. Click to select a direction."
        )

    def _show(self, result: Any) -> None:
        pictures = threedfsc_pictures(result, slices=self.slices, axis=selected_axis(self.state, result))
        for panel, picture in zip(self.panels, pictures, strict=True):
            _titled(panel, picture)

    def _let_go(self) -> None:
        self._of = self.slices = None
        super()._let_go()


VOLUMES = ("Map", "Low-pass", "Difference")


class MapSlicesView(View):
    """Cuts of the mean map, of it after the low-pass at FSO = 0.9, or of their difference.

    Parameters
    ----------
    source : LiveSession or AnalysisResult
        What to show.
    maps : HalfMaps or callable, optional
        The maps, or a function that returns them (None while there are none).
    """

    watches: ClassVar[tuple[str, ...]] = ("direction",)

    def __init__(self, source: Any, maps: Any = None, **kwargs: Any) -> None:
        self._maps = maps
        self._cut_off = float("nan")
        self.volumes: dict[str, Volume] = {}
        self._voxel_size = 1.0
        self._following = False
        super().__init__(source, **kwargs)

    @property
    def maps(self) -> Any:
        """The half maps, None without any."""
        return self._maps() if callable(self._maps) else self._maps

    def build(self) -> Sequence[ipywidgets.Widget]:
        """Make panels and controls, once."""
        self.panels = [PicturePanel(CUT, clicked=self._clicks(i), post=self.session.post) for i in range(4)]
        self.shown = ipywidgets.ToggleButtons(options=VOLUMES, value="Map", style={"button_width": "92px"})
        self.shown.observe(lambda _change: self.session.post(self._choose), names="value")
        style = {"description_width": "14px"}
        self.point = {
            name: ipywidgets.IntSlider(description=name, min=0, max=1, value=0, style=style, layout={"width": "130px"})
            for name in "xyz"
        }
        for slider in self.point.values():
            slider.observe(self._moved, names="value")
        self.contrast = ipywidgets.FloatRangeSlider(description="Contrast (σ)", min=-1.0, max=1.0, step=0.1,
                                                    value=(-1.0, 1.0), readout_format=".1f",
                                                    style={"description_width": "initial"},
                                                    layout={"width": "236px"})  # fmt: skip
        self.contrast.observe(self._moved, names="value")
        self.caption = ipywidgets.HTML()
        wrap = {"flex_flow": "row wrap", "align_items": "center"}
        self.controls = ipywidgets.HBox([self.shown, *self.point.values(), self.contrast], layout=wrap)
        return [self.caption, self.controls, row(self.panels)]

    # --- from the front end, on any thread ---------------------------------------------

    def _clicks(self, panel: int) -> Any:
        return lambda x, y: self.session.post(self._pick, panel, x, y)

    def _moved(self, _change: Any) -> None:
        if not self._following:
            self.session.compute("cuts", self._pictures, self._show)

    # --- on the loop ----------------------------------------------------------------------

    def _pick(self, panel: int, x: float, y: float) -> None:
        """Move the point to where a cut was clicked; the cut itself stays."""
        if not self.volumes or panel == 3:
            return
        sides = self._sides()
        for name, place in zip(("xy", "xz", "yz")[panel], (x, y), strict=True):
            voxel = int(np.rint(place / self._voxel_size)) + sides[name] // 2
            self.point[name].value = int(np.clip(voxel, 0, sides[name] - 1))

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
                "There are no maps here, only a result: give explore(result, maps=...) to see cuts."
            )
            return
        if result.partial:
            self.caption.value = _note("Cuts follow when the run is done.")
            return
        try:
            cut_off = fso_cut_off(result.fso)
        except ValueError as error:
            self.caption.value = _note(str(error))
            return
        if cut_off == self._cut_off:
            self._moved(None)
            return
        self._cut_off = cut_off
        self.caption.value = _note("Filtering the map …")
        self.session.compute(
            "filter", lambda: _filter(maps, cut_off), lambda volumes: self._ready(volumes, maps.voxel_size)
        )

    def draw_selection(self, result: Any, names: set[str]) -> None:
        """Turn the fourth cut to the selected direction.

        Parameters
        ----------
        result : AnalysisResult
            What is shown.
        names : set of str
            What changed.
        """
        self._moved(None)

    def _sides(self) -> dict[str, int]:
        return dict(zip("zyx", next(iter(self.volumes.values())).shape, strict=True))

    def _ready(self, volumes: dict[str, Volume] | None, voxel_size: float) -> None:
        if volumes is None:
            return
        first = not self.volumes
        self.volumes, self._voxel_size = volumes, voxel_size
        self.caption.value = _note(
            f"Low-pass at {1 / self._cut_off:.2f} Å, where FSO = 0.9. Click to move the cross, in Å from the "
            "centre of the box. The difference, what the directions don't share, has a scale of its own."
        )
        if first:
            self._following = True
            for name, side in self._sides().items():
                self.point[name].max = side - 1  # first: a page clips the value to the range it knows
                self.point[name].value = side // 2
            self._following = False
        self._choose()

    def _choose(self) -> None:
        """Set the contrast of the chosen volume, and show it."""
        if not self.volumes:
            return
        chosen = self.volumes[self.shown.value]
        scale, unit = self._grey(), float(chosen.std()) or 1.0
        low, high = float(np.floor(chosen.min() / unit)), float(np.ceil(chosen.max() / unit))
        self._following = True
        self.contrast.min, self.contrast.max = min(low, self.contrast.min), max(high, self.contrast.max)
        self.contrast.value = (round(scale.low / unit, 1), round(scale.high / unit, 1))
        self.contrast.min, self.contrast.max = low, max(high, low + 1)
        self._following = False
        self._moved(None)

    def _grey(self, limits: tuple[float, float] | None = None) -> ColourScale:
        name = self.shown.value
        difference = name == "Difference"
        label = name if difference else "Density"
        return grey_scale(self.volumes[name if limits or difference else "Map"], label, limits=limits,
                          from_zero=difference)  # fmt: skip

    def _pictures(self) -> tuple[Picture, ...] | None:
        if not self.volumes:
            return None
        chosen = self.volumes[self.shown.value]
        unit = float(chosen.std()) or 1.0
        low, high = self.contrast.value
        place = (self.point["z"].value, self.point["y"].value, self.point["x"].value)
        result = self.state.result
        axis = None if result is None else selected_axis(self.state, result)
        direction = None if axis is None else result.dfsc.axes[axis]
        return map_pictures(chosen, self._voxel_size, place, scale=self._grey((low * unit, high * unit)),
                            direction=direction)  # fmt: skip

    def _show(self, pictures: tuple[Picture, ...] | None) -> None:
        if pictures is None:
            return
        for i, panel in enumerate(self.panels):
            _visible(panel, i < len(pictures))
            if i < len(pictures):
                _titled(panel, pictures[i])

    def _let_go(self) -> None:
        self._maps, self.volumes = None, {}
        super()._let_go()


def _filter(maps: Any, cut_off: float) -> dict[str, Volume]:
    mean = maps.mean()
    filtered = isotropic_filter(mean, cut_off, voxel_size=maps.voxel_size)
    return dict(zip(VOLUMES, (mean, filtered.filtered, filtered.difference), strict=True))


def _titled(panel: PicturePanel, picture: Picture) -> None:
    panel.show(picture)
    text = f'<div style="font-size:12px;text-align:center">{html.escape(picture.title)}</div>'
    if panel.title.value != text:
        panel.title.value = text


def _visible(panel: PicturePanel, shown: bool) -> None:
    display = None if shown else "none"
    for widget in (panel.title, panel.figure):
        if widget.layout.display != display:
            widget.layout.display = display


def _note(text: str) -> str:
    words = html.escape(text)
    return f'<div class="cryoaniso-line" title="{words}" style="font-size:12px">{words}</div>'
