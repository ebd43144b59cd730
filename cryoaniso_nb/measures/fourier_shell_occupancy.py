"""Fourier shell occupancy and its transition zone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..results.types import FSO, Crossing, DirectionalFSC, ResolutionFlag
from .crossing import crossing

__all__ = ["fso", "occupancy_curve", "transition_zone", "zone_shells"]

Floats = NDArray[np.float64]

ONSET, END = 0.9, 0.1
XMIPP_FIRST_FREE_SHELL = 5  # that program sets the occupancy of the shells before to 1


def occupancy_curve(values: Floats, areas: Floats, threshold: float) -> Floats:
    """Weighted share of the measured axes with dFSC at or above a threshold.

    Parameters
    ----------
    values : ndarray, shape (A, S)
        dFSC, NaN where unmeasured.
    areas : ndarray, shape (A,)
        Weight of each axis.
    threshold : float
        chi.

    Returns
    -------
    ndarray, shape (S,)
        0 to 1; NaN in shells where no axis is measured.

    Examples
    --------
    >>> occupancy_curve(np.array([[0.9], [0.1], [np.nan]]), np.ones(3), 0.143).tolist()
    [0.5]
    """
    measured = np.isfinite(values)
    total = areas @ measured
    passing = areas @ (np.where(measured, values, -np.inf) >= threshold)
    share: Floats = np.divide(passing, total, out=np.full(total.shape, np.nan), where=total > 0)
    return share


def transition_zone(frequency: Floats, occupancy: Floats) -> tuple[Crossing, Crossing]:
    """Onset and end of the transition zone.

    Parameters
    ----------
    frequency : ndarray, shape (S,)
        1/Å.
    occupancy : ndarray, shape (S,)
        FSO.

    Returns
    -------
    tuple of Crossing
        Of 0.9 and of 0.1: the rule of `measures.crossing` never puts the second before the first.

    Examples
    --------
    >>> onset, end = transition_zone(np.arange(1.0, 4.0), np.array([1.0, 0.5, 0.0]))
    >>> round(onset.frequency, 6), round(end.frequency, 6)
    (1.2, 2.8)
    """
    return crossing(frequency, occupancy, ONSET), crossing(frequency, occupancy, END)


def fso(dfsc: DirectionalFSC, threshold: float, *, parity: str | None = None) -> FSO:
    """Fourier shell occupancy (paper, eq. 2; doi 10.1038/s41592-023-01874-3).

    Parameters
    ----------
    dfsc : DirectionalFSC
        dFSC of every axis; unmeasured ones are left out.
    threshold : float
        chi: 0.143 for half maps, 0.5 for map to model.
    parity : {None, 'xmipp'}
        With 'xmipp', equal weights, unmeasured counts as 0, shells 1-4 are set to 1, and first
        crossings are taken.

    Returns
    -------
    FSO
        The curve and its crossings of 0.9, 0.5 and 0.1.

    Examples
    --------
    >>> from cryoaniso_nb.geometry.directions import axes_for, areas
    >>> values = np.tile([1.0, 0.5, 0.0], (6, 1))
    >>> curve = DirectionalFSC(frequency=np.array([0.1, 0.2, 0.3]), axes=axes_for(6), areas=areas(6), values=values,
    ...                        n_eff=np.ones((6, 3)), done=np.ones(6, dtype=bool))
    >>> fso(curve, 0.143).occupancy.round(6).tolist()
    [1.0, 1.0, 0.0]
    """
    if parity == "xmipp":
        occupancy = np.mean(np.clip(np.nan_to_num(dfsc.values[dfsc.done]), 0, None) >= threshold, axis=0)
        occupancy[: XMIPP_FIRST_FREE_SHELL - 1] = 1.0
    else:
        occupancy = occupancy_curve(dfsc.values, dfsc.areas, threshold)
    onset, middle, end = (
        crossing(dfsc.frequency, occupancy, level, first=parity == "xmipp") for level in (ONSET, 0.5, END)
    )
    return FSO(frequency=dfsc.frequency, occupancy=occupancy, threshold=threshold, onset=onset, middle=middle, end=end)


def zone_shells(curve: FSO) -> slice:
    """Indices of the shells in and beside the transition zone.

    Parameters
    ----------
    curve : FSO
        Its zone may be a step between two shells, and may reach past Nyquist.

    Returns
    -------
    slice
        Of shell index (shell - 1), from the shell before the onset to the shell after the end;
        empty when FSO never falls to 0.9.

    Examples
    --------
    >>> cross = lambda level, f: Crossing(level=level, frequency=f, flag=ResolutionFlag.CROSSED)
    >>> f = np.array([0.1, 0.2, 0.3, 0.4])
    >>> zone_shells(FSO(frequency=f, occupancy=f, threshold=0.143, onset=cross(0.9, 0.22), middle=cross(0.5, 0.25),
    ...                 end=cross(0.1, 0.28)))
    slice(1, 3, None)
    """
    size = curve.frequency.size
    if curve.onset.flag is ResolutionFlag.NO_SIGNAL:
        start = 0
    elif curve.onset.flag is ResolutionFlag.CROSSED:
        start = int(np.searchsorted(curve.frequency, curve.onset.frequency, side="right")) - 1
    else:
        return slice(size, size)
    if curve.end.flag is ResolutionFlag.CROSSED:
        return slice(start, min(size, int(np.searchsorted(curve.frequency, curve.end.frequency)) + 1))
    return slice(start, size)
