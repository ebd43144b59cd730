"""Global and directional FSC from sums of products."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..results.types import Crossing, GlobalFSC
from .crossing import crossing

__all__ = ["SHARED_FSC", "correlation", "global_crossing", "global_fsc", "low_fsc"]

Floats = NDArray[np.float64]

PAIR_SHELLS = slice(1, 5)  # shells 2 to 5: in the first, any two blobs agree
SHARED_FSC = 0.5  # least mean FSC there; of real pairs the worst had 0.51, others seldom have more than 0.5


def correlation(xy: Floats, xx: Floats, yy: Floats) -> Floats:
    """FSC from sums: xy / sqrt(xx yy), within -1 to 1 (paper, eq. 1).

    Parameters
    ----------
    xy, xx, yy : ndarray
        Sums of Re X*Y, abs(X)^2, abs(Y)^2, of any one shape.

    Returns
    -------
    ndarray
        NaN where a sum of squares is 0: nothing was measured there.

    Examples
    --------
    >>> correlation(np.array([1.0]), np.array([2.0]), np.array([2.0])).tolist()
    [0.5]
    """
    power = xx * yy
    value = np.divide(xy, np.sqrt(power), out=np.full(np.shape(power), np.nan), where=power > 0)
    return np.asarray(np.clip(value, -1.0, 1.0))


def global_fsc(frequency: Floats, sums: Floats, unmasked: Floats) -> GlobalFSC:
    """FSC of whole shells.

    Parameters
    ----------
    frequency : ndarray, shape (S,)
        1/Å, shells 1 to Nyquist.
    sums, unmasked : ndarray, shape (3, S + 1)
        Sums over shells 0 to Nyquist, with and without the mask.

    Returns
    -------
    GlobalFSC
        Both curves and the crossings of the masked one at 0.143 and 0.5.

    Examples
    --------
    >>> sums = np.array([[0, 9.0, 5.0], [0, 10.0, 10.0], [0, 10.0, 10.0]])
    >>> global_fsc(np.array([0.1, 0.2]), sums, sums).fsc.tolist()
    [0.9, 0.5]
    """
    fsc = correlation(*sums[:, 1:])
    return GlobalFSC(
        frequency=frequency,
        fsc=fsc,
        fsc_unmasked=correlation(*unmasked[:, 1:]),
        at_143=crossing(frequency, fsc, 0.143),
        at_500=crossing(frequency, fsc, 0.5),
    )


def global_crossing(curve: GlobalFSC, level: float) -> Crossing:
    """Where the FSC of whole shells falls below a level.

    Parameters
    ----------
    curve : GlobalFSC
        FSC of whole shells.
    level : float
        E.g. the threshold of an analysis: 0.143 for half maps, 0.5 for map to model.

    Returns
    -------
    Crossing
        Frequency in 1/Å and a flag.

    Examples
    --------
    >>> sums = np.array([[0, 9.0, 5.0], [0, 10.0, 10.0], [0, 10.0, 10.0]])
    >>> round(global_crossing(global_fsc(np.array([0.1, 0.2]), sums, sums), 0.7).frequency, 3)
    0.15
    """
    known = {found.level: found for found in (curve.at_143, curve.at_500)}
    return known[level] if level in known else crossing(curve.frequency, curve.fsc, level)


def low_fsc(curve: GlobalFSC) -> tuple[float, float, float]:
    """Mean FSC of the shells in which two half maps of one particle share nearly all signal.

    Parameters
    ----------
    curve : GlobalFSC
        FSC of whole shells.

    Returns
    -------
    tuple of float
        The mean over shells 2 to 5, weighted by their coefficients, with the mask or without, whichever is
        farther from 0; and the first and the last of these shells in Å. Two maps are no pair with less
        than `SHARED_FSC`.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> low_fsc(ca.analyze(ca.simulate_half_maps(box=32, seed=0)).global_fsc)[0] > SHARED_FSC
    True
    """
    shell, frequency = curve.shell[PAIR_SHELLS].astype(np.float64), curve.frequency[PAIR_SHELLS]
    both = (np.average(np.nan_to_num(fsc[PAIR_SHELLS]), weights=shell**2) for fsc in (curve.fsc, curve.fsc_unmasked))
    return float(max(both, key=abs)), float(1 / frequency[0]), float(1 / frequency[-1])
