"""Warnings that a result carries: sentences with a code that programs can go by."""

from __future__ import annotations

from typing import Any

__all__ = ["CODES", "Caution"]

# The one list of codes; `docs/formats.md` shows it. A code, once given out, keeps its meaning.
CODES = {
    "identical-halves": "both half maps are the same map",
    "no-mask": "no mask was given",
    "tight-mask": "the mask is so tight that it correlates neighbouring shells of this box",
    "mask-unused": "a mask that was found lies on another box than the half maps",
    "mask-voxel-size": "the mask's header tells another voxel size",
    "mask-values": "the mask has values outside 0 to 1",
    "mask-fallback": "the automatic mask isn't the usual one",
    "longer-file": "a file holds more than its header tells of",
    "masked-before": "the half maps were masked before",
    "filtered-halves": "the half maps look filtered by their signal-to-noise ratio",
    "no-common-signal": "the half maps share no signal",
    "voxel-size": "the voxel size in a header is doubtful",
    "origins-differ": "the half maps' headers tell different origins",
    "nyquist": "the FSC never falls below the threshold",
    "thin-cones": "cones of some shells hold too few coefficients to tell",
    "thin-crossings": "some directions cross the threshold in too thin a cone",
    "statistics-dropped": "statistics asked for with other settings no longer hold",
    "early-shells": "the curve is judged in shells of few coefficients",
    "assembly-unbuilt": "the model's file names no biological assembly",
    "model-misfit": "model and map hardly agree even at low resolution",
    "symmetry": "the point group given and the map or its poses don't fit",
    "simulated": "the maps are simulated",
    "poses": "something about poses",
    "other": "a warning of a version that had no codes",
}


class Caution(str):
    """A sentence of warning with a code.

    It is the sentence wherever text is wanted. ``Caution(code, text)`` takes one of `CODES` and the
    sentence for people.

    Attributes
    ----------
    code : str
        What programs go by.

    Examples
    --------
    >>> caution = Caution("no-mask", "No mask was given.")
    >>> caution, caution.code
    ('No mask was given.', 'no-mask')
    """

    __slots__ = ("code",)
    code: str

    def __new__(cls, code: str, text: str) -> Caution:
        """Refuse codes that the list doesn't know."""
        if code not in CODES:
            raise ValueError(f"{code!r} is not in the list of codes")
        made = super().__new__(cls, text)
        made.code = code
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return Caution, (self.code, str(self))
