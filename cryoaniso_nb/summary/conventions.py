"""The three curves that get called the Bingham test's p-value, told apart in words.

One of them is shown unless another is asked for: the calibrated one where there is one, else
the textbook one. Both fall where a shell is anisotropic. The published curve rises instead.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ResultError
from ..results.types import Bingham

__all__ = ["BINGHAM_CURVES", "BinghamCurve", "bingham_choices", "shown_curve"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BinghamCurve:
    """One convention.

    Attributes
    ----------
    label : str
        Its name in figures and choices.
    reading : str
        How it is read, in a few words.
    line : str
        What the line at 0.05 parts.
    rule : str
        Its name and rule in tables.
    note : str
        What it is, in a sentence.
    """

    label: str
    reading: str
    line: str
    rule: str
    note: str


BINGHAM_CURVES = {
    "p_textbook": BinghamCurve(
        label="Bingham p, textbook",
        reading="small: anisotropic",
        line="p = 0.05, below it: anisotropic",
        rule="Bingham test, textbook (p < 0.05; cones taken as independent, anti-conservative)",
        note="Chance of so large a Bingham statistic if directions were isotropic and independent. Cones overlap, "
        "so it is too small: it calls most isotropic maps anisotropic. Calibrate for a test that holds.",
    ),
    "p_calibrated": BinghamCurve(
        label="Bingham p, calibrated",
        reading="small: anisotropic",
        line="p = 0.05, below it: anisotropic",
        rule="Bingham test, calibrated (p ≤ 0.05 against isotropic half maps)",
        note="Chance of so large a Bingham statistic in simulated isotropic half maps of the same FSC, mask and cones.",
    ),
    "p_published": BinghamCurve(
        label="Bingham test, as published",
        reading="grows with anisotropy",
        line="0.05, above it: anisotropic, as published",
        rule="Bingham test, as published (lower tail > 0.05; anti-conservative)",
        note="The curve of the 2023 paper, a lower tail: it grows with anisotropy, and above 0.05 the paper calls "
        "a shell anisotropic. It takes cones as independent, and calls most isotropic maps anisotropic.",
    ),
}


def bingham_choices(test: Bingham) -> tuple[str, ...]:
    """Names of the curves that a test has, the one shown by default first.

    Parameters
    ----------
    test : Bingham
        Calibrated or not.

    Returns
    -------
    tuple of str
        Of 'p_calibrated', 'p_textbook', 'p_published'.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> bingham_choices(ca.analyze(ca.simulate_half_maps(box=32, seed=0)).bingham)
    ('p_textbook', 'p_published')
    """
    return (() if test.p_calibrated is None else ("p_calibrated",)) + ("p_textbook", "p_published")


def shown_curve(test: Bingham, asked: str | None = None) -> str:
    """Name of the curve to show.

    Parameters
    ----------
    test : Bingham
        Calibrated or not.
    asked : {'p_textbook', 'p_published', 'p_calibrated'}, optional
        Another than the default.

    Returns
    -------
    str
        What was asked for, else 'p_calibrated' where there is one, else 'p_textbook'.

    Raises
    ------
    ResultError
        When the test has no such curve.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> shown_curve(ca.analyze(ca.simulate_half_maps(box=32, seed=0)).bingham)
    'p_textbook'
    """
    choices = bingham_choices(test)
    if asked is None:
        return choices[0]
    if asked not in choices:
        raise ResultError(
            f"This result has no Bingham curve {asked!r}; take one of {', '.join(map(repr, choices))}"
            + ("." if test.p_calibrated is not None else ", or calibrate it first.")
        )
    return asked
