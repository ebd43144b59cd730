"""Statistics on demand: calibrated test, band of FSO, correction for the mask."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets

from ..analysis.result import AnalysisResult
from ..geometry.symmetry import group_name
from ..inputs.half_maps import HalfMaps
from ..summary.tables import interval_texts, made_from
from ..summary.verdict import crossing_text
from ._kept import cones_words, recomputed
from ._session import LiveSession
from ._view import View
from .header import ProgressLine, quiet

__all__ = ["StaleLine", "StatisticsView", "statistics_words"]

SIGNIFICANT = 0.05


class StatisticsView(View):
    """Buttons that ask for statistics, and what they found, in words.

    Parameters
    ----------
    source : LiveSession or AnalysisResult
        What to show.
    maps : callable, optional
        Returns the half maps, or None; the mask correction needs them.
    """

    def __init__(
        self,
        source: Any,
        maps: Callable[[], HalfMaps | None] | None = None,
        **kwargs: Any,
    ) -> None:
        self._maps = maps or (lambda: None)
        super().__init__(source, **kwargs)
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
        self.symmetry.observe(lambda _change: self.session.mend("statistics"), names="value")
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
        self.progress = ProgressLine(self.session, "statistics")
        self.page = ipywidgets.HTML(layout={"width": "100%"})
        controls = [self.n, self.seed, self.symmetry, self.calibrate, self.band, self.correct, self.progress]
        return [ipywidgets.HBox(controls, layout={"flex_flow": "row wrap", "align_items": "center"}), self.page]

    def _button(self, text: str, name: str, tip: str) -> ipywidgets.Button:
        button = ipywidgets.Button(description=text, tooltip=tip, layout={"width": "120px"})
        button.add_class(f"cryoaniso-{name}")
        return button

    # --- on the loop ----------------------------------------------------------------------

    def _ask_calibration(self) -> None:
        options = self._options()
        if options is not None:
            self.session.select(bingham="")  # the default: calibrated once there is such a curve
            self._add(lambda result, execution: result.with_calibration(execution=execution, **options))

    def _ask_band(self) -> None:
        options = self._options()
        if options is not None:
            self._add(lambda result, execution: result.with_band(execution=execution, **options))

    def _ask_correction(self) -> None:
        maps = self._maps()
        if maps is None:
            self.session.complain(
                "The correction for the mask needs the half maps; explore them, or give them as maps=.", "statistics"
            )
            return
        self._add(lambda result, execution: result.with_mask_correction(maps, execution=execution))

    def _add(self, function: Callable[[Any, Any], Any]) -> None:
        self.session.extend(function, place="statistics")

    def _options(self) -> dict[str, Any] | None:
        try:
            symmetry = group_name(self.symmetry.value or "C1")
        except Exception as error:
            self.session.complain(self.session.describe(error), "statistics")
            return None
        return {
            "n_replicates": int(self.n.value),
            "seed": int(self.seed.value),
            "symmetry": symmetry,
        }

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
        items += "".join(
            f'<li class="cryoaniso-old"><b>Stale, of {html.escape(cones_words(old.settings))}:</b> '
            f"{html.escape(' '.join(WORDS[name](old)))}</li>"
            for name, old in self.session.kept.stale(result).items()
        )
        self.page.value = f'<ul style="font-size:13px;line-height:20px;margin:4px 0 0 0">{items}</ul>'


class StaleLine(ipywidgets.HBox):  # type: ignore[misc]
    """Which statistics are of other cones than those shown, and a button that computes them for these.

    Parameters
    ----------
    session : LiveSession
        Whose statistics.
    maps : callable
        Returns the half maps, or None; the mask correction needs them.
    """

    def __init__(self, session: LiveSession, maps: Callable[[], HalfMaps | None]) -> None:
        self.session, self._maps = session, maps
        self.words = ipywidgets.HTML()
        self.button = ipywidgets.Button(
            description="Recompute", tooltip="Compute these statistics for the cones shown", layout={"width": "96px"}
        )
        self.button.add_class("cryoaniso-recompute")
        self.button.on_click(lambda _button: session.post(self._ask))
        self.progress = ProgressLine(session, "stale")
        super().__init__([self.words, self.button, self.progress], layout={"display": "none"})
        self.add_class("cryoaniso-old")
        session.state.observe(self._show, names=["result", "status", "place"])
        self._show(None)

    def _ask(self) -> None:
        stale, maps = self.session.kept.stale(self.session.latest), self._maps()
        if stale:
            self.session.select(bingham="")
            self.session.extend(lambda result, execution: recomputed(result, stale, maps, execution), place="stale")

    def _show(self, _change: Any) -> None:
        state = self.session.state
        stale = self.session.kept.stale(state.result)
        busy = state.status == "running"
        here = busy and state.place == "stale"
        if stale:
            names = ", ".join(NAMES[name] for name in stale)
            each = ", ".join(f"{NAMES[name]}: {cones_words(result.settings)}" for name, result in stale.items())
            quiet(self.words, value=f'<span title="Of other cones. {html.escape(each)}">▲ stale: {names}</span>')
        quiet(self.button, disabled=busy)
        quiet(self.layout, display=None if stale else "none")
        quiet(self.progress.layout, display=None if here else "none")


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
    p, made = calibration.map_p_value, made_from(result)["calibration"]
    if not math.isfinite(p):
        return [f"Whole map: FSO never falls to 0.9, so there is no transition zone to test ({made})."]
    found = "anisotropic beyond chance" if p <= SIGNIFICANT else "no anisotropy beyond chance"
    words = [f"Whole map: p = {p:.2g}, {found} (calibrated test corrected for its many shells; {made})."]
    low, high = result.bingham.range("p_calibrated")
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
    return [f"With {100 * band.level:g} % intervals: {'; '.join(found)} ({made_from(result)['band']})."]


def _mask_words(result: AnalysisResult) -> list[str]:
    correction = result.mask_correction
    if result.settings.mask == "none":
        return ["No mask, so there is nothing to correct for one."]
    if correction is None:
        return ["Not corrected for the mask yet: a tight one raises FSC and dFSC by itself; press Correct mask."]
    if correction.corrected_from == 0:
        return ["The FSC without the mask never falls below 0.8, so no shell was corrected for the mask."]
    frequency = result.fso.frequency
    at = f"{crossing_text(correction.at_143, frequency)} ({crossing_text(result.global_fsc.at_143, frequency)} before)"
    if correction.fso is None:
        return [f"Corrected for the mask: FSC = 0.143 at {at}; press Correct mask to correct these cones."]
    ends = " to ".join(crossing_text(c, frequency) for c in (correction.fso.onset, correction.fso.end))
    return [f"Corrected for the mask: FSC = 0.143 at {at}, transition zone {ends}."]


NAMES = {"calibration": "calibration", "band": "band", "mask_correction": "mask correction"}
WORDS = {"calibration": _calibration_words, "band": _band_words, "mask_correction": _mask_words}
