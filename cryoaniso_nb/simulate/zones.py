"""Signal-to-noise ratios with a given transition zone, as views that are missing around z leave them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import SettingsError
from .half_maps import FALL, THRESHOLD

__all__ = ["ZoneSsnr", "zone_ssnr"]

Floats = NDArray[np.float64]

ONSET, END = 0.9, 0.1  # of FSO, between which the transition zone lies


@dataclass(frozen=True, slots=True)
class ZoneSsnr:
    """Spectral signal-to-noise ratio a^2 with a given transition zone, ``ssnr(shell, direction)``.

    Over a sphere the height |z| is spread evenly. The shell where dFSC falls to 0.143 is a straight
    line in |z|, through the onset at |z| = 0.9 and the end at 0.1: nine directions in ten pass up to
    the onset, one in ten up to the end. The noise carries the difference, as with missing views.

    Attributes
    ----------
    onset, end : float
        Shells where FSO is 0.9 and 0.1, without noise.
    """

    onset: float
    end: float

    @property
    def middle(self) -> float:
        """The shell half way."""
        return (self.onset + self.end) / 2

    def sampling(self, direction: Floats) -> Floats:
        """How often views sample directions (M, 3), relative to the one half way."""
        slope = (self.onset - self.end) / (ONSET - END)
        cut_off = self.end + slope * (np.abs(direction[:, 2]) - END)
        return np.asarray(np.exp(FALL * (cut_off / self.middle - 1)))

    def __call__(self, shell: NDArray[np.int64], direction: Floats) -> Floats:
        """a^2 of coefficients (M,) by shell (M,) and direction (M, 3)."""
        fall = np.exp(FALL * (1 - shell / self.middle))
        return np.asarray(THRESHOLD / (1 - THRESHOLD) * fall * self.sampling(direction))

    def noise(self, direction: Floats) -> Floats:
        """Noise power of coefficients (M,): one over how often views sampled them."""
        return 1 / self.sampling(direction)


def zone_ssnr(zone: tuple[float, float], box: int, voxel_size: float) -> ZoneSsnr:
    """Signal-to-noise ratio whose FSO falls over a given transition zone; z is resolved worst.

    Parameters
    ----------
    zone : tuple of float
        Å where FSO is 0.9, and where it is 0.1.
    box : int
        Voxels a side.
    voxel_size : float
        Å.

    Returns
    -------
    ZoneSsnr
        For `simulate_half_maps`.

    Raises
    ------
    SettingsError
        When the zone ends before it begins, or beyond Nyquist.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> maps = ca.simulate_half_maps(box=64, voxel_size=1.5, ssnr=zone_ssnr((6.0, 4.0), 64, 1.5), seed=0)
    >>> [round(end, 1) for end in maps.truth.transition_zone_ideal]
    [6.0, 4.0]
    """
    onset, end = zone
    if not (math.isfinite(onset) and onset >= end > 2 * voxel_size):
        raise SettingsError(
            f"The transition zone is {onset:g} to {end:g} Å at a voxel size of {voxel_size:g} Å, but it must end at "
            f"no larger a value than it begins, and above Nyquist ({2 * voxel_size:g} Å)."
        )
    return ZoneSsnr(box * voxel_size / onset, box * voxel_size / end)
