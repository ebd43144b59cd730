"""Frozen result types, and how they are saved and loaded.

Every result is plain data: read-only arrays, NaN for what was not measured, no input
map inside. Curves have one value a shell, for shells 1 to Nyquist (index = shell - 1).
"""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from .errors import OutputError, ResultError

__all__ = [
    "AngularHistogram",
    "Bingham",
    "Crossing",
    "DirectionalFSC",
    "DirectionalResolution",
    "FSO",
    "GlobalFSC",
    "InputFile",
    "ResolutionFlag",
    "Result",
    "Settings",
    "Truth",
]

Floats = NDArray[np.float64]

FILE_FORMAT = 1


class ResolutionFlag(IntEnum):
    """What is known of a threshold crossing."""

    CROSSED = 0
    NOT_CROSSED = 1
    BELOW_AT_START = 2
    UNMEASURED = 3

    @property
    def label(self) -> str:
        """The flag in words, as tables and files show it."""
        return _FLAG_LABELS[self]


_FLAG_LABELS = {
    ResolutionFlag.CROSSED: "crossed",
    ResolutionFlag.NOT_CROSSED: "not crossed",
    ResolutionFlag.BELOW_AT_START: "below at search start",
    ResolutionFlag.UNMEASURED: "unmeasured",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Result:
    """Base of the result types: arrays become read-only, any result saves itself."""

    _types: ClassVar[dict[str, type[Result]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        Result._types[cls.__name__] = cls  # slots=True makes each class twice; the last one stays

    def __post_init__(self) -> None:
        """Freeze the arrays."""
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            if isinstance(value, np.ndarray) and value.flags.writeable:
                view = value.view()
                view.flags.writeable = False
                object.__setattr__(self, item.name, view)

    def __repr__(self) -> str:
        parts = []
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            if isinstance(value, np.ndarray):
                parts.append(f"{item.name}: {'x'.join(map(str, value.shape))}")
            elif isinstance(value, (int, float, str)) and not isinstance(value, bool):
                parts.append(f"{item.name}={value:.4g}" if isinstance(value, float) else f"{item.name}={value}")
        return f"<{type(self).__name__} {', '.join(parts)}>"

    def replace(self, **changes: Any) -> Self:
        """The same result with some fields exchanged."""
        return dataclasses.replace(self, **changes)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write this result to one .npz file (arrays and a JSON header, no pickle).

        Parameters
        ----------
        path : path
            Where to write; an existing file is replaced once the new one is whole.

        Returns
        -------
        Path
            The file written.

        Raises
        ------
        OutputError
            When the folder can't be written to.
        """
        arrays: dict[str, NDArray[Any]] = {}
        header = {"format": FILE_FORMAT, "result": _pack(self, "", arrays)}
        encoded = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
        target = Path(path)
        try:
            with tempfile.NamedTemporaryFile(dir=target.parent, suffix=".part", delete=False) as part:
                try:
                    np.savez(part, header=encoded, **arrays)  # type: ignore[arg-type]
                    part.close()
                    os.chmod(part.name, 0o666 & ~_umask())
                    os.replace(part.name, target)
                except BaseException:
                    Path(part.name).unlink(missing_ok=True)
                    raise
        except OSError as error:
            raise OutputError(f"Can't write {target}: {error.strerror or error}; choose a folder you can write to.") from error
        return target

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Result:
        """Read back what `save` wrote.

        Parameters
        ----------
        path : path
            A .npz file written by `save`.

        Returns
        -------
        Result
            The result, of the type that was saved.

        Raises
        ------
        ResultError
            When the file is missing, damaged, or not a result of this program.
        """
        source = Path(path)
        if not source.is_file():
            raise ResultError(f"There is no result file {source}; check the path.")
        try:
            with np.load(source, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            header = json.loads(arrays.pop("header").tobytes().decode())
            version = header["format"]
        except (OSError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile, EOFError) as error:
            raise ResultError(f"{source} is not a result file of cryoaniso_nb (or it is damaged); analyze the maps again.") from error
        if version != FILE_FORMAT:
            raise ResultError(f"{source} has result format {version}, this program reads format {FILE_FORMAT}; update cryoaniso_nb or analyze the maps again.")
        result = _unpack(header["result"], arrays)
        if not isinstance(result, Result):
            raise ResultError(f"{source} holds no result; analyze the maps again.")
        return result


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _pack(value: Any, key: str, arrays: dict[str, NDArray[Any]]) -> Any:
    if isinstance(value, np.ndarray):
        arrays[key] = value
        return {"$array": key}
    if isinstance(value, Result):
        fields = {f.name: _pack(getattr(value, f.name), f"{key}/{f.name}".lstrip("/"), arrays) for f in dataclasses.fields(value)}
        return {"$type": type(value).__name__, "$module": type(value).__module__, "fields": fields}
    if isinstance(value, ResolutionFlag):
        return {"$flag": int(value)}
    if isinstance(value, (tuple, list)):
        return {"$tuple": [_pack(item, f"{key}/{i}", arrays) for i, item in enumerate(value)]}
    if isinstance(value, Mapping):
        return {"$dict": {name: _pack(item, f"{key}/{name}", arrays) for name, item in value.items()}}
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"a result can't hold {type(value).__name__}")


def _unpack(value: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:
    if not isinstance(value, dict):
        return value
    if "$array" in value:
        return arrays[value["$array"]]
    if "$flag" in value:
        return ResolutionFlag(value["$flag"])
    if "$tuple" in value:
        return tuple(_unpack(item, arrays) for item in value["$tuple"])
    if "$dict" in value:
        return {name: _unpack(item, arrays) for name, item in value["$dict"].items()}
    module = value.get("$module", "")
    if value["$type"] not in Result._types and module.startswith(f"{__package__}."):
        import_module(module)  # a type of a measure that hasn't been used in this session
    kind = Result._types.get(value["$type"])
    if kind is None:
        raise ResultError(f"The file holds a {value['$type']}, which this version doesn't know; update cryoaniso_nb.")
    known = {f.name for f in dataclasses.fields(kind)}
    return kind(**{name: _unpack(item, arrays) for name, item in value["fields"].items() if name in known})


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
        from .directions import angles

        return angles(self.axes)[0]

    @property
    def azimuth(self) -> Floats:
        """atan2(y, x) in degrees, 0-360, one an axis."""
        from .directions import angles

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
            raise ResultError(f"This result has no Bingham curve '{name}', only {', '.join(self.ranges) or 'none'}.")
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
        return self.flag == ResolutionFlag.CROSSED


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
