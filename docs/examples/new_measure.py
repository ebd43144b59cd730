"""A measure from start to end: by how much dFSC along one axis leads that across it.

This is the worked example of "How to add a measure" in CONTRIBUTING.md, and it is tested as it
stands (tests/test_new_measure.py). In the package the file would be `measures/lead.py`, with
relative imports.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from cryoaniso_nb.errors import SettingsError
from cryoaniso_nb.geometry.directions import unit_vectors
from cryoaniso_nb.results.record import Result
from cryoaniso_nb.results.types import DirectionalFSC, Frequencies, Measured

__all__ = ["AxisLead", "axis_lead"]

Floats = NDArray[np.float64]

WITHIN = 30.0  # degrees from the axis, or from the plane across it


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class AxisLead(Result):
    """Mean dFSC near an axis minus that near the plane across it, in each shell.

    Attributes
    ----------
    frequency : ndarray, shape (S,)
        1/Å, shells 1 to Nyquist.
    lead : ndarray, shape (S,)
        Positive where the axis is resolved better; NaN where either side holds no measured axis.
    zenith, azimuth : float
        Of the axis, in degrees.
    """

    # The annotations say what a saved file must hold: lengths that have one name must agree.
    frequency: Frequencies
    lead: Annotated[Floats, "S"]
    zenith: float
    azimuth: float


def axis_lead(result: Measured | DirectionalFSC, *, zenith: float = 0.0, azimuth: float = 0.0) -> AxisLead:
    """By how much dFSC along one axis leads dFSC across it.

    Parameters
    ----------
    result : AnalysisResult or DirectionalFSC
        Of the half maps.
    zenith, azimuth : float
        Of the axis, in degrees.

    Returns
    -------
    AxisLead
        One value per shell.

    Raises
    ------
    SettingsError
        When the zenith isn't an angle between 0 and 180 degrees.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> axis_lead(ca.analyze(ca.simulate_half_maps(box=32, seed=0))).lead.shape
    (16,)
    """
    if not 0 <= zenith <= 180:
        raise SettingsError(f"The zenith is {zenith:g} degrees, but it must lie between 0 and 180.")
    dfsc = result if isinstance(result, DirectionalFSC) else result.dfsc
    cosine = np.abs(dfsc.axes @ unit_vectors(zenith, azimuth))
    near = cosine >= np.cos(np.deg2rad(WITHIN))
    across = cosine <= np.sin(np.deg2rad(WITHIN))
    return AxisLead(
        frequency=dfsc.frequency,
        lead=_mean(dfsc, near) - _mean(dfsc, across),
        zenith=zenith,
        azimuth=azimuth,
    )


def _mean(dfsc: DirectionalFSC, chosen: NDArray[np.bool_]) -> Floats:
    """Mean over the chosen axes that are measured, weighted by area."""
    measured = np.isfinite(dfsc.values) & chosen[:, None]
    total = dfsc.areas @ measured
    sums = dfsc.areas @ np.where(measured, dfsc.values, 0.0)
    return np.asarray(np.divide(sums, total, out=np.full(total.shape, np.nan), where=total > 0))
