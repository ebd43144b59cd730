"""What to do after an analysis: sentences made from its verdict and warnings, each with a command."""

from __future__ import annotations

import html
import math
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from ..statistics.regions import DirectionRegions
from ..statistics.verdict import Verdict
from .verdict import Analysed, region_words, verdict

__all__ = ["NextStep", "next_steps", "steps_html"]

MOST = 4
HALF1, HALF2 = "half1.mrc", "half2.mrc"  # where an analysis of arrays has no files
POSES = "particles.star"


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    """One thing to do.

    Attributes
    ----------
    text : str
        A sentence.
    command : str
        What does it on the command line; '' where no command can.
    """

    text: str
    command: str = ""

    def __str__(self) -> str:
        return f"{self.text} {self.command}".rstrip()


def next_steps(r: Analysed, out: str = "OUT") -> tuple[NextStep, ...]:
    """What to do next, most urgent first.

    Parameters
    ----------
    r : Analysed
        An analysis.
    out : str
        Folder or result.npz that it was written to, as commands name it.

    Returns
    -------
    tuple of NextStep
        One to four; none for a partial result.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> steps = next_steps(ca.analyze(ca.simulate_half_maps(box=64, preset="missing-cone", seed=0)))
    >>> steps[0].text
    'Give a mask: without one, solvent noise lowers every curve.'
    """
    if r.partial:
        return ()
    found = verdict(r)
    return tuple(_steps(r, found, shlex.quote(out)))[:MOST]


def steps_html(r: Analysed, out: str = "OUT") -> str:
    """The steps as a list for a page.

    Parameters
    ----------
    r : Analysed
        An analysis.
    out : str
        As in `next_steps`.

    Returns
    -------
    str
        HTML; empty where there is no step.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> steps_html(ca.analyze(ca.simulate_half_maps(box=32, seed=0))).count("<li>")
    4
    """
    items = "".join(f"<li>{html.escape(step.text)}{_code(step.command)}</li>" for step in next_steps(r, out))
    return f'<ol class="next-steps" style="margin:0">{items}</ol>' if items else ""


def _code(command: str) -> str:
    return f"<div><code>{html.escape(command)}</code></div>" if command else ""


def _steps(r: Analysed, found: Verdict, out: str) -> Iterator[NextStep]:
    codes = {str(getattr(warning, "code", "other")) for warning in r.warnings}
    again = _again(r)
    blocked = _inputs_first(found, codes, again)
    if blocked is not None:
        yield blocked
        return
    if any(item.role == "model" for item in r.inputs):
        yield from _beside_model(found, out)
        return
    if "filtered-halves" in codes:
        yield NextStep(
            text="Repeat with unfiltered half maps: only their noise tells whether views are missing "
            "(RELION: run_half1_class001_unfil.mrc; cryoSPARC: the half maps before sharpening).",
            command=again,
        )
    yield from _about_mask(r, codes, again)
    yield from _about_directions(r, found, codes, out)
    if r.settings.symmetry == "C1":
        yield NextStep(
            text="If the particle has a point group, give it: symmetric cones hold the same coefficients, "
            "and C1 was assumed.",
            command=f"{again} --symmetry GROUP",
        )
    yield NextStep(text="Deposit the FSC curves with the half maps and the mask.", command=_export(out))


def _inputs_first(found: Verdict, codes: set[str], again: str) -> NextStep | None:
    """What makes any other step useless."""
    if "identical-halves" in codes:
        return NextStep(text="Give two half maps: both files hold the same map.", command=again)
    if found.reason == "no-common-signal":
        return NextStep(text="Check that both files are half maps of one refinement, unshifted and of one hand.")
    if found.reason == "wrong-symmetry":
        return NextStep(
            text="Analyze again with the point group of the refinement, or with none.",
            command=again.replace(f"--symmetry {found.symmetry}", "--symmetry C1"),
        )
    return None


def _about_mask(r: Analysed, codes: set[str], again: str) -> Iterator[NextStep]:
    if "no-mask" in codes or (r.settings.mask == "none" and "masked-before" not in codes):
        yield NextStep(
            text="Give a mask: without one, solvent noise lowers every curve.", command=_again(r, mask="auto")
        )
    elif "tight-mask" in codes:
        yield NextStep(
            text="Use a wider, softer mask: this one correlates neighbouring shells.", command=_again(r, mask="auto")
        )
    elif r.settings.mask != "none" and getattr(r, "mask_correction", None) is None:
        yield NextStep(
            text="Correct the curves for what the mask itself correlates.", command=f"{again} --correct-mask"
        )


def _about_directions(r: Analysed, found: Verdict, codes: set[str], out: str) -> Iterator[NextStep]:
    regions: DirectionRegions | None = getattr(r, "regions", None)
    if found.cause == "views":
        yield NextStep(
            text="Look at the particles' poses: do they leave the views out that the noise misses, and would tilting "
            "the stage fill them?",
            command=f"cryoaniso tilt {POSES} --result {out}",
        )
    elif found.reason in ("filtered", "noise-unknown"):
        yield NextStep(
            text="Let the particles' poses tell whether views are missing.",
            command=f"cryoaniso poses {POSES} --result {out}",
        )
    if found.differs and regions is not None and math.isfinite(regions.worst.resolution):
        where = region_words(regions.worst)
        yield NextStep(
            text=f"Build no detail finer than {regions.worst.resolution:.3g} Å {where}; look at the map filtered "
            "by direction.",
            command=f"cryoaniso filter {_halves(r)} --kind anisotropic -o {out}-filtered",
        )
    if "nyquist" in codes:
        yield NextStep(
            text="Reconstruct with smaller voxels: signal reaches Nyquist, so that the best resolution isn't measured."
        )


def _beside_model(found: Verdict, out: str) -> Iterator[NextStep]:
    if found.cause == "views":
        yield NextStep(
            text="Analyze the half maps too: their noise tells whether views are missing.",
            command=f"cryoaniso analyze {HALF1} {HALF2} -o half-maps",
        )
    yield NextStep(text="Keep the numbers with the model.", command=f"cryoaniso report {out}")


def _halves(r: Analysed) -> str:
    names = {item.role: item.name for item in r.inputs}
    files = (names.get("half1") or HALF1, names.get("half2") or HALF2)
    return " ".join(shlex.quote(name) for name in files)


def _again(r: Analysed, mask: str = "") -> str:
    """The same analysis; with `mask`, without a mask of its own."""
    own = next((item.name for item in r.inputs if item.role == "mask"), "")
    kept = mask or own
    words = [f"cryoaniso analyze {_halves(r)}", f"--mask {shlex.quote(kept)}" if kept else ""]
    if r.settings.symmetry != "C1":
        words.append(f"--symmetry {r.settings.symmetry}")
    return " ".join(filter(None, [*words, "-o again"]))


def _export(out: str) -> str:
    return f"cryoaniso export {out} --format emdb-xml -o deposition"
