"""Frozen result types.

Every result is plain data: read-only arrays, NaN for what was not measured, no input
map inside. Curves have one value a shell, for shells 1 to Nyquist (index = shell - 1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .directions import angles
from .errors import ResultError
from .record import ResolutionFlag, Result

__all__ = [
    "FSO",
    "AngularHistogram",
    "Bingham",
    "Crossing",
    "DirectionalFSC",
    "DirectionalResolution",
    "GlobalFSC",
    "InputFile",
    "ResolutionFlag",
    "Result",
    "Settings",
    "Truth",
]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class InputFile(Result):
    """An input of an analysis: its role (half1, half2, mask), name and SHA-256 ('' for arrays)."""

    role: str
    name: str
    sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Settings(Result):
    """Everything that decides a result besides the maps themselves.

    Attributes
    ----------
    box : tuple of int
        Voxels along (z, y, x).
    voxel_size : float
        Å.
    cone_half_angle : float
        Degrees.
    threshold : float
        chi, the dFSC value that counts as signal.
    n_axes : int
        Number of cone axes asked for.
    weighting : str
        'area' (spherical Voronoi) or 'equal'.
    parity : str or None
        'xmipp' to reproduce that program's conventions.
    method : str
        'histogram' or 'exact'.
    mask : str
        'none', 'auto', 'array', or the mask's file name.
    version : str
        Version of cryoaniso_nb.
    """

    box: tuple[int, int, int]
    voxel_size: float
    cone_half_angle: float
    threshold: float
    n_axes: int
    weighting: str = "area"
    parity: str | None = None
    method: str = "histogram"
    mask: str = "none"
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Crossing(Result):
    """Where a curve first falls below a level.

    Attributes
    ----------
    level : float
        The level looked for.
    frequency : float
        1/Å, interpolated linearly; NaN unless `flag` is CROSSED.
    flag : ResolutionFlag
        Whether and why not.
    """

    level: float
    frequency: float
    flag: ResolutionFlag

    @property
    def resolution(self) -> float:
        """The crossing in Å, NaN where there is none."""
        return 1.0 / self.frequency if self.flag is ResolutionFlag.CROSSED and self.frequency > 0 else float("nan")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class GlobalFSC(Result):
    """FSC of whole shells.

    Attributes
    ----------
    frequency : ndarray, shape (S,)
        1/Å, shells 1 to Nyquist.
    fsc, fsc_unmasked : ndarray, shape (S,)
        With the mask, and without (the same values when there is none).
    at_143, at_500 : Crossing
        Of `fsc`, at 0.143 and 0.5.
    """

    frequency: Floats
    fsc: Floats
    fsc_unmasked: Floats
    at_143: Crossing
    at_500: Crossing

    @property
    def shell(self) -> NDArray[np.int64]:
        """Shell numbers, 1 to Nyquist."""
        return np.arange(1, self.frequency.size + 1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class DirectionalFSC(Result):
    """dFSC of every cone in every shell (paper, eq. 1).

    Attributes
    ----------
    frequency : ndarray, shape (S,)
        1/Å, shells 1 to Nyquist.
    axes : ndarray, shape (A, 3)
        Unit vectors (x, y, z); an axis and its antipode are the same.
    areas : ndarray, shape (A,)
        Share of the sphere of each axis, sums to 1; 0 for axes not done yet.
    values : ndarray, shape (A, S)
        dFSC; NaN where a cone holds no coefficient or is not done yet.
    n_eff : ndarray, shape (A, S)
        Effective number of independent coefficients in the cone.
    done : ndarray of bool, shape (A,)
        Which axes have been computed; all true in a finished result.
    """

    frequency: Floats
    axes: Floats
    areas: Floats
    values: Floats
    n_eff: Floats
    done: NDArray[np.bool_]

    @property
    def zenith(self) -> Floats:
        """Angle to +z in degrees, 0-90, one an axis."""
        return angles(self.axes)[0]

    @property
    def azimuth(self) -> Floats:
        """atan2(y, x) in degrees, 0-360, one an axis."""
        return angles(self.axes)[1]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class FSO(Result):
    """Fourier shell occupancy (paper, eq. 2).

    Attributes
    ----------
    frequency : ndarray, shape (S,)
        1/Å, shells 1 to Nyquist.
    occupancy : ndarray, shape (S,)
        Weighted share of axes with dFSC >= `threshold`; NaN where none is measured.
    threshold : float
        chi.
    onset, middle, end : Crossing
        FSO = 0.9, FSO = 0.5 (the FSO resolution), and the first FSO = 0.1 after the onset.
    """

    frequency: Floats
    occupancy: Floats
    threshold: float
    onset: Crossing
    middle: Crossing
    end: Crossing

    @property
    def transition_zone(self) -> tuple[float, float]:
        """(onset, end) of the transition zone in Å, NaN for an end that isn't reached."""
        return self.onset.resolution, self.end.resolution

    @property
    def resolution(self) -> float:
        """The resolution where FSO = 0.5, in Å."""
        return self.middle.resolution


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Bingham(Result):
    """Bingham test of isotropy in each shell, in its three conventions.

    Attributes
    ----------
    frequency : ndarray, shape (S,)
        1/Å, shells 1 to Nyquist.
    statistic : ndarray, shape (S,)
        B as the paper counts it (each passing axis twice); NaN where an axis is unmeasured.
    p_value : ndarray, shape (S,)
        Textbook upper tail P(chi2_5 >= B/2): small means anisotropic. Assumes independent axes.
    published : ndarray, shape (S,)
        The curve the paper plots: lower tail P(chi2_5 <= B), grows with anisotropy
        (with ``parity="xmipp"`` the table value of that program).
    calibrated : ndarray, shape (S,), or None
        Monte Carlo p-value against isotropic half maps: small means anisotropic.
    significance : float
        Level of the ranges, 0.05.
    ranges : mapping
        Name of a curve -> (low, high) resolution in Å of its anisotropic range, NaN if none.
    """

    frequency: Floats
    statistic: Floats
    p_value: Floats
    published: Floats
    calibrated: Floats | None = None
    significance: float = 0.05
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def range(self, name: str) -> tuple[float, float]:
        """Anisotropic range of one curve.

        Parameters
        ----------
        name : str
            'p_value', 'published' or, once calibrated, 'calibrated'.

        Returns
        -------
        tuple of float
            Lowest and highest resolution of the range in Å; (NaN, NaN) if no shell is significant.

        Raises
        ------
        ResultError
            When the result has no such curve.
        """
        if name not in self.ranges:
            hint = "; ask for it with with_calibration() or calibrate=199" if name == "calibrated" else ""
            known = ", ".join(self.ranges) or "none"
            raise ResultError(f"This result has no Bingham curve '{name}', only {known}{hint}.")
        return self.ranges[name]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class DirectionalResolution(Result):
    """Resolution along every axis: where its dFSC first falls below the threshold.

    Attributes
    ----------
    resolution : ndarray, shape (A,)
        Å, NaN where `flag` isn't CROSSED.
    zenith, azimuth : ndarray, shape (A,)
        Degrees.
    flag : ndarray of int8, shape (A,)
        A `ResolutionFlag` an axis.
    areas : ndarray, shape (A,)
        Share of the sphere an axis.
    n_eff : ndarray, shape (A,)
        Effective coefficients in the cone at the crossing; NaN where there is none.
    """

    resolution: Floats
    zenith: Floats
    azimuth: Floats
    flag: NDArray[np.int8]
    areas: Floats
    n_eff: Floats

    @property
    def measured(self) -> NDArray[np.bool_]:
        """Axes whose dFSC crosses the threshold."""
        return np.asarray(self.flag == ResolutionFlag.CROSSED)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class AngularHistogram(Result):
    """Sums of half-map products per direction node and shell: all that cones need.

    Shells below `first_shell` hold few coefficients and are kept one by one (`low`, in the
    order of `fourier.low_lattice`); shells from there on are spread over nodes on three
    faces of a cube (`nodes`, in the order of `directions.cube_nodes`).

    Attributes
    ----------
    box : tuple of int
        Voxels along (z, y, x).
    voxel_size : float
        Å.
    nodes_per_face : int
        Nodes along a face's side.
    first_shell : int
        First shell in `nodes`.
    nodes : ndarray of float32, shape (3 nodes_per_face^2, S + 1 - first_shell, 4)
        Re X*Y, abs(X)^2, abs(Y)^2 and count, one per Friedel pair.
    low : ndarray, shape (3, M)
        The three products of each coefficient below `first_shell`.
    shell_sums : ndarray, shape (3, S + 1)
        The three products summed over whole shells 0 to Nyquist, with Hermitian multiplicity.
    unmasked_sums : ndarray, shape (3, S + 1)
        The same without the mask.
    """

    box: tuple[int, int, int]
    voxel_size: float
    nodes_per_face: int
    first_shell: int
    nodes: NDArray[np.float32]
    low: Floats
    shell_sums: Floats
    unmasked_sums: Floats

    @property
    def n_shells(self) -> int:
        """Number of the Nyquist shell."""
        return int(self.shell_sums.shape[1]) - 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Truth(Result):
    """What is known of simulated half maps before anything is measured.

    Attributes
    ----------
    frequency : ndarray, shape (S,)
        1/Å.
    axes, areas : ndarray, shape (A, 3) and (A,)
        The axes the truth is given for (321), and their share of the sphere.
    dfsc : ndarray, shape (A, S)
        Expected dFSC (ratio of expectations) in 17 degree cones.
    n_eff : ndarray, shape (A, S)
        Effective coefficients in each cone.
    fsc : ndarray, shape (S,)
        Expected global FSC.
    fso_ideal, fso_expected : ndarray, shape (S,)
        FSO without noise, and the mean of the measured FSO with noise.
    transition_zone_ideal, transition_zone_expected : tuple of float
        (onset, end) in Å of either curve.
    resolution : ndarray, shape (A,)
        True directional resolution in Å, NaN where not crossed.
    """

    frequency: Floats
    axes: Floats
    areas: Floats
    dfsc: Floats
    n_eff: Floats
    fsc: Floats
    fso_ideal: Floats
    fso_expected: Floats
    transition_zone_ideal: tuple[float, float]
    transition_zone_expected: tuple[float, float]
    resolution: Floats
