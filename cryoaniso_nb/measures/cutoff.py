"""Where a map stops being isotropic: the cut-off of the paper's low-pass (Fig. 2)."""

from __future__ import annotations

import numpy as np

from ..errors import ResultError
from ..results.types import FSO, DirectionalFSC, ResolutionFlag
from .crossing import crossing

__all__ = ["cut_off_caution", "fso_cut_off"]

ONSET = 0.9  # FSO where the transition zone begins
FEW = 10  # effective coefficients in a cone below which dFSC passes 0.143 by chance in a quarter of cases


def fso_cut_off(fso: FSO, level: float = ONSET) -> float:
    """The frequency where FSO falls to a level: up to there the map is isotropic.

    Parameters
    ----------
    fso : FSO
        Of the half maps.
    level : float
        0.9: the onset of the transition zone.

    Returns
    -------
    float
        1/Å.

    Raises
    ------
    ResultError
        When FSO never falls below the level, or lies below it from the lowest shells on.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> result = ca.analyze(ca.simulate_half_maps(box=32, preset="isotropic", seed=1))
    >>> fso_cut_off(result.fso, 0.5) == result.fso.middle.frequency
    True
    """
    found = crossing(fso.frequency, fso.occupancy, level)
    if found.flag is ResolutionFlag.CROSSED:
        return found.frequency
    if found.flag is ResolutionFlag.NOT_CROSSED:
        raise ResultError(
            f"FSO never falls below {level:g} up to Nyquist ({1 / fso.frequency[-1]:.2f} Å): the map is isotropic "
            "as far as its voxels reach, so there is no cut-off to filter at; give a resolution if you want one."
        )
    raise ResultError(
        f"FSO lies below {level:g} from the lowest shells on: no part of the map "
        "is isotropic, so there is no cut-off to filter at; give a resolution if you want one."
    )


def cut_off_caution(dfsc: DirectionalFSC, cut_off: float) -> str:
    """Warning about a cut-off read from FSO.

    Parameters
    ----------
    dfsc : DirectionalFSC
        That FSO came from.
    cut_off : float
        1/Å.

    Returns
    -------
    str
        A sentence where cones hold so few coefficients that FSO may have fallen by chance;
        empty otherwise.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> dfsc = ca.analyze(ca.simulate_half_maps(box=48, seed=0)).dfsc
    >>> cut_off_caution(dfsc, dfsc.frequency[19])
    ''
    >>> cut_off_caution(dfsc, dfsc.frequency[3])[:38]
    'At the cut-off (12.0 Å, shell 4) cones'
    """
    index = min(int(np.searchsorted(dfsc.frequency, cut_off * (1 - 1e-9))), dfsc.frequency.size - 1)
    count = float(np.nanmedian(dfsc.n_eff[dfsc.done, index]))
    if count >= FEW:
        return ""
    return (
        f"At the cut-off ({1 / cut_off:.1f} Å, shell {index + 1}) cones hold about {count:.0f} coefficients, so that "
        "FSO may have fallen there by chance: see its curve, and give a resolution where it falls for good."
    )
