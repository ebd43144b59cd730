"""Statistics on demand: calibrated test, band of FSO, correction for the mask."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets
import numpy as np

from ..analysis_result import AnalysisResult
from ..directions import angles
from ..headline import crossing_text, map_p_value
from ..maps import HalfMaps
from ..summary import interval_texts, made_from
from ..symmetry import point_group
from ._session import sentence
from ._view import View

__all__ = ["StatisticsView", "statistics_words"]

SIGNIFICANT = 0.05
LISTED = 8  # doubtful directions named one by one


class StatisticsView(View):
    """Buttons that ask for statistics, and what they found, in words.

    Parameters
    ----------
    source : LiveSession or AnalysisResult
        What to show.
    maps : callable, optional
        Returns the half maps, or None; the mask correction needs them.
    asked : callable, optional
        Told the point group of each request.
    scheduler : str or distributed.Client
        Where to compute.
    """

    def __init__(
        self,
        source: Any,
        maps: Callable[[], HalfMaps | None] | None = None,
        *,
        asked: Callable[[str], object] | None = None,
        scheduler: Any = "threads",
        **kwargs: Any,
    ) -> None:
        self._maps = maps or (lambda: None)
        self._asked = asked or (lambda symmetry: None)
        self._scheduler = scheduler
        self._show_calibrated = False
        super().__init__(source, **kwargs)
        self.session.state.observe(self._calibrated, names="result")
        self.session.state.observe(self._enable, names=["status", "result"])
        self._enable(None)

    def build(self) -> Sequence[ipywidgets.Widget]:
        """Make inputs, buttons and page, once."""
        style = {"description_width": "initial"}
        self.n = ipywidgets.BoundedIntText(
            value=199, min=39, max=9999, description="Replicates", style=style, layout={"width": "150px"}
        )
        self.seed = ipywidgets.BoundedIntText(
            value=0, min=0, max=2**31 - 1, description="Seed", style=style, layout={"width": "110px"}
        )
        self.symmetry = ipywidgets.Text(value="C1", description="Symmetry", style=style, layout={"width": "130px"})
        self.calibrate = self._button(
            "Calibrate",
            "calibrate",
            "Test isotropy against simulated isotropic half maps of the same FSC, mask and cones",
        )
        self.band = self._button("Band", "band", "How far noise moves FSO and the resolutions")
        self.correct = self._button(
            "Correct mask", "correct", "Take out what the mask alone correlates: phases are randomised once"
        )
        self.calibrate.on_click(lambda _button: self.session.post(self._ask_calibration))
        self.band.on_click(lambda _button: self.session.post(self._ask_band))
        self.correct.on_click(lambda _button: self.session.post(self._ask_correction))
        self.page = ipywidgets.HTML(layout={"width": "100%"})
        controls = [self.n, self.seed, self.symmetry, self.calibrate, self.band, self.correct]
        return [ipywidgets.HBox(controls, layout={"flex_flow": "row wrap", "align_items": "center"}), self.page]

    def _button(self, text: str, name: str, tip: str) -> ipywidgets.Button:
        button = ipywidgets.Button(description=text, tooltip=tip, layout={"width": "120px"})
        button.add_class(f"cryoaniso-{name}")
        return button

    # --- on the loop ----------------------------------------------------------------------

    def _ask_calibration(self) -> None:
        options = self._options()
        if options is not None:
            self._show_calibrated = True
            self.session.extend(lambda result, progress, cancel: _calibrated(result, options, progress, cancel))

    def _ask_band(self) -> None:
        options = self._options()
        if options is not None:
            self.session.extend(
                lambda result, progress, cancel: result.with_band(progress=progress, cancel=cancel, **options)
            )

    def _ask_correction(self) -> None:
        maps, seed = self._maps(), int(self.seed.value)
        if maps is None:
            self.state.error = "The correction for the mask needs the half maps; explore them, or give them as maps=."
            return
        self.session.extend(
            lambda result, progress, cancel: result.with_mask_correction(
                maps, seed=seed, scheduler=self._scheduler, progress=progress, cancel=cancel
            )
        )

    def _options(self) -> dict[str, Any] | None:
        symmetry = self.symmetry.value.strip().upper() or "C1"
        try:
            point_group(symmetry)
        except Exception as error:
            self.state.error = sentence(error)
            return None
        self._asked(symmetry)
        return {
            "n": int(self.n.value),
            "seed": int(self.seed.value),
            "symmetry": symmetry,
            "scheduler": self._scheduler,
        }

    def _calibrated(self, change: Any) -> None:
        """Draw the curve that was asked for, once it is there."""
        if self._show_calibrated and change["new"] is not None and change["new"].calibration is not None:
            self._show_calibrated = False
            self.session.select(bingham="calibrated")

    def _enable(self, _change: Any) -> None:
        result = self.state.result
        ready = result is not None and not result.partial and self.state.status != "running"
        masked = ready and result.settings.mask != "none"
        for button, usable in ((self.calibrate, ready), (self.band, ready), (self.correct, masked)):
            if button.disabled != (not usable):
                button.disabled = not usable

    def draw(self, result: Any) -> None:
        """Show what the result carries.

        Parameters
        ----------
        result : AnalysisResult
            Partial or whole.
        """
        items = "".join(f"<li>{html.escape(words)}</li>" for words in statistics_words(result))
        self.page.value = f'<ul style="font-size:13px;line-height:20px;margin:4px 0 0 0">{items}</ul>'


def _calibrated(result: Any, options: dict[str, Any], progress: Any, cancel: Any) -> Any:
    return result.with_calibration(progress=progress, cancel=cancel, **options)


def statistics_words(result: AnalysisResult) -> list[str]:
    """What the statistics of a result say, a sentence each.

    Parameters
    ----------
    result : AnalysisResult
        With or without them.

    Returns
    -------
    list of str
        Plain text; what wasn't asked for yet is said too.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> words = statistics_words(ca.analyze(ca.simulate_half_maps(box=32, seed=0)))
    >>> words[0].split(":")[0]
    'Not calibrated yet'
    """
    return [*_calibration_words(result), *_band_words(result), *_mask_words(result)]


def _calibration_words(result: AnalysisResult) -> list[str]:
    calibration = result.calibration
    if calibration is None:
        return [
            "Not calibrated yet: the textbook p-value and the published curve take overlapping cones as independent "
            "and call most isotropic maps anisotropic; press Calibrate for a test that holds."
        ]
    p, made = map_p_value(result), made_from(result)["calibration"]
    if not math.isfinite(p):
        return [f"Whole map: FSO never falls to 0.9, so there is no transition zone to test ({made})."]
    found = "anisotropic beyond chance" if p <= SIGNIFICANT else "no anisotropy beyond chance"
    words = [f"Whole map: p = {p:.2g}, {found} (calibrated test corrected for its many shells; {made})."]
    low, high = result.bingham.range("calibrated")
    if math.isfinite(low):
        words.append(f"Single shells: calibrated p is at most {SIGNIFICANT:g} from {low:.2f} to {high:.2f} Å.")
    else:
        words.append(f"Single shells: calibrated p is above {SIGNIFICANT:g} in all shells of the zone.")
    return words


def _band_words(result: AnalysisResult) -> list[str]:
    band = result.band
    if band is None:
        return ["No band yet: press Band for the noise floor, and for intervals of FSO and of the resolutions."]
    crossings = {"0.9": result.fso.onset, "0.5": result.fso.middle, "0.1": result.fso.end}
    found = [
        f"FSO = {name} at {crossing_text(crossings[name], result.fso.frequency)}, interval {words}"
        for name, words in interval_texts(result).items()
    ]
    words = [f"With {100 * band.level:g} % intervals: {'; '.join(found)} ({made_from(result)['band']})."]
    doubtful = np.flatnonzero(band.doubtful & result.directional_resolution.measured)
    if doubtful.size == 0:
        return [*words, "No direction's resolution was set by noise alone."]
    return [*words, _doubtful_words(result, doubtful)]


def _doubtful_words(result: AnalysisResult, doubtful: Any) -> str:
    resolution = result.directional_resolution.resolution
    worst = doubtful[np.argsort(-resolution[doubtful])][:LISTED]
    places = zip(*angles(result.dfsc.axes[worst]), resolution[worst], strict=True)
    named = ", ".join(f"zenith {zenith:.0f}° azimuth {azimuth:.0f}° ({at:.2f} Å)" for zenith, azimuth, at in places)
    end = ", …" if doubtful.size > LISTED else "."
    share = 100 * float(result.dfsc.areas[doubtful].sum())
    many = f"{doubtful.size} directions ({share:.1f} % of the sphere)"
    return f"Noise alone may have set the resolution of {many}, dots on the sphere: {named}{end}"


def _mask_words(result: AnalysisResult) -> list[str]:
    correction = result.mask_correction
    if result.settings.mask == "none":
        return ["No mask, so there is nothing to correct for one."]
    if correction is None:
        return ["Not corrected for the mask yet: a tight one raises FSC and dFSC by itself; press Correct mask."]
    if correction.corrected_from == 0:
        return ["The FSC without the mask never falls below 0.8, so no shell was corrected for the mask."]
    frequency = result.fso.frequency
    ends = " to ".join(crossing_text(c, frequency) for c in (correction.fso.onset, correction.fso.end))
    at = f"{crossing_text(correction.at_143, frequency)} ({crossing_text(result.global_fsc.at_143, frequency)} before)"
    return [f"Corrected for the mask: FSC = 0.143 at {at}, transition zone {ends}."]
