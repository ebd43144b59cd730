"""Frozen result types.

Every result is plain data: read-only arrays, NaN for what was not measured, no input
map inside. Curves have one value per shell, for shells 1 to Nyquist (index = shell - 1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import ResultError
from ..geometry.directions import angles
from ..geometry.shells import first_dense_shell, low_lattice, n_shells
from .record import ResolutionFlag, Result
from .schema import ascending

__all__ = [
    "FSO",
    "AngularHistogram",
    "Bingham",
    "Crossing",
    "DirectionalFSC",
    "DirectionalResolution",
    "Frequencies",
    "GlobalFSC",
    "InputFile",
    "Measured",
    "ResolutionFlag",
    "Result",
    "Settings",
    "Truth",
]

Floats = NDArray[np.float64]
Frequencies = Annotated[Floats, "S", ascending]  # 1/Å, shells 1 to Nyquist


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
    symmetry : str
        Point group of the map, C1 where none was given.
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
    symmetry: str = "C1"

    def _faults(self) -> Iterator[str]:
        if min(self.box) < 1 or not 0 < self.voxel_size < np.inf:
            yield f"a box of {self.box} voxels of {self.voxel_size} Å"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Crossing(Result):
    """Where a curve falls below a level (`measures.crossing` has the rule).

    Attributes
    ----------
    level : float
        The level looked for.
    frequency : float
        1/Å, interpolated linearly; NaN unless `flag` is CROSSED.
    flag : ResolutionFlag
        Whether and why not.
    first : float
        1/Å, where the curve first falls below the level, as the literature counts it; NaN where
        it doesn't, or lies below from the first shell on.
    """

    level: float
    frequency: float
    flag: ResolutionFlag
    first: float = float("nan")

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

    frequency: Frequencies
    fsc: Annotated[Floats, "S"]
    fsc_unmasked: Annotated[Floats, "S"]
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
    cone_half_angle : float
        Degrees.
    box : tuple of int
        Voxels along (z, y, x) of the maps; (0, 0, 0) where it is not known.
    voxel_size : float
        Å, of the maps; NaN where it is not known.
    """

    frequency: Frequencies
    axes: Annotated[Floats, "A", 3]
    areas: Annotated[Floats, "A"]
    values: Annotated[Floats, "A", "S"]
    n_eff: Annotated[Floats, "A", "S"]
    done: Annotated[NDArray[np.bool_], "A"]
    cone_half_angle: float = 17.0
    box: tuple[int, int, int] = (0, 0, 0)
    voxel_size: float = float("nan")

    @property
    def zenith(self) -> Floats:
        """Angle to +z in degrees, 0-90, one per axis."""
        return angles(self.axes)[0]

    @property
    def azimuth(self) -> Floats:
        """atan2(y, x) in degrees, 0-360, one per axis."""
        return angles(self.axes)[1]


class Measured(Protocol):
    """What measures read of an analysis that is given whole."""

    @property
    def settings(self) -> Settings:
        """What was asked for."""

    @property
    def dfsc(self) -> DirectionalFSC:
        """FSC of every direction."""

    @property
    def histogram(self) -> AngularHistogram | None:
        """What cones are cut from; None after exact sums."""


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
        FSO = 0.9, FSO = 0.5 (the FSO resolution), and FSO = 0.1, in this order.
    """

    frequency: Frequencies
    occupancy: Annotated[Floats, "S"]
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
    p_textbook : ndarray, shape (S,)
        Textbook upper tail P(chi2_5 >= B/2): small means anisotropic. Assumes independent axes.
    p_published : ndarray, shape (S,)
        The curve the paper plots: lower tail P(chi2_5 <= B), grows with anisotropy
        (with ``parity="xmipp"`` the table value of that program).
    p_calibrated : ndarray, shape (S,), or None
        Monte Carlo p-value against isotropic half maps: small means anisotropic.
    significance : float
        Level of the ranges, 0.05.
    ranges : mapping
        Name of a curve -> (low, high) resolution in Å of its anisotropic range, NaN if none.
    """

    _former = (("p_textbook", "p_value"), ("p_published", "published"), ("p_calibrated", "calibrated"))

    frequency: Frequencies
    statistic: Annotated[Floats, "S"]
    p_textbook: Annotated[Floats, "S"]
    p_published: Annotated[Floats, "S"]
    p_calibrated: Annotated[Floats, "S"] | None = None
    significance: float = 0.05
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def range(self, name: str) -> tuple[float, float]:
        """Anisotropic range of one curve.

        Parameters
        ----------
        name : str
            'p_textbook', 'p_published' or, once calibrated, 'p_calibrated'.

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
            hint = "; ask for it with with_calibration() or calibrate=199" if name == "p_calibrated" else ""
            known = ", ".join(self.ranges) or "none"
            raise ResultError(f"This result has no Bingham curve '{name}', only {known}{hint}.")
        return self.ranges[name]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class DirectionalResolution(Result):
    """Resolution along every axis: where its dFSC falls below the threshold.

    Attributes
    ----------
    resolution : ndarray, shape (A,)
        Å, NaN where `flag` isn't CROSSED.
    first_crossing : ndarray, shape (A,)
        Å, where dFSC first falls below the threshold from shell 3 on, as the literature counts
        it; NaN where it doesn't, or lies below in that shell.
    zenith, azimuth : ndarray, shape (A,)
        Degrees.
    flag : ndarray of int8, shape (A,)
        A `ResolutionFlag` per axis.
    areas : ndarray, shape (A,)
        Share of the sphere an axis.
    n_eff : ndarray, shape (A,)
        Effective coefficients in the cone at the crossing; NaN where there is none.
    """

    _former = (("first_crossing", "resolution"),)

    resolution: Annotated[Floats, "A"]
    zenith: Annotated[Floats, "A"]
    azimuth: Annotated[Floats, "A"]
    flag: Annotated[NDArray[np.int8], "A", ResolutionFlag]
    areas: Annotated[Floats, "A"]
    n_eff: Annotated[Floats, "A"]
    first_crossing: Annotated[Floats, "A"]

    @property
    def early(self) -> NDArray[np.bool_]:
        """Axes whose first crossing lies at a resolution at least a quarter worse: dFSC comes back from a dip."""
        return np.asarray(np.isfinite(self.first_crossing) & ~(self.first_crossing < 1.25 * self.resolution))

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
    nodes: Annotated[NDArray[np.float32], "N", "D", 4]
    low: Annotated[Floats, 3, "M"]
    shell_sums: Annotated[Floats, 3, "S+1"]
    unmasked_sums: Annotated[Floats, 3, "S+1"]

    @property
    def n_shells(self) -> int:
        """Number of the Nyquist shell."""
        return int(self.shell_sums.shape[1]) - 1

    def _faults(self) -> Iterator[str]:
        if min(self.box) < 1 or not 0 < self.voxel_size < np.inf or n_shells(self.box) != self.n_shells:
            yield f"a box of {self.box} voxels of {self.voxel_size} Å, but {self.n_shells} shells"
        elif self.first_shell != first_dense_shell(self.box):
            yield f"{self.first_shell} as the first dense shell of a box of {self.box}"
        elif 16 * self.low.shape[1] < np.prod([min(2 * self.first_shell, side) for side in self.box], dtype=float):
            yield f"{self.low.shape[1]} coefficients, too few for a box of {self.box}"  # before it takes memory
        elif self.low.shape[1] != low_lattice(self.box, self.first_shell).shell.size:
            yield f"{self.low.shape[1]} coefficients in the low shells of a box of {self.box}"
        elif self.nodes.shape[:2] != (3 * self.nodes_per_face**2, self.n_shells + 1 - self.first_shell):
            yield f"nodes of shape {self.nodes.shape} for {self.nodes_per_face} to a face"


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

    frequency: Frequencies
    axes: Annotated[Floats, "A", 3]
    areas: Annotated[Floats, "A"]
    dfsc: Annotated[Floats, "A", "S"]
    n_eff: Annotated[Floats, "A", "S"]
    fsc: Annotated[Floats, "S"]
    fso_ideal: Annotated[Floats, "S"]
    fso_expected: Annotated[Floats, "S"]
    transition_zone_ideal: tuple[float, float]
    transition_zone_expected: tuple[float, float]
    resolution: Annotated[Floats, "A"]
