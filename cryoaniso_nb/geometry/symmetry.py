"""Point groups in RELION's conventions, as rotation matrices.

Cn: n-fold axis along z. Dn: the same and a two-fold axis along x. T: a three-fold axis along
z and a two-fold axis along (0, 0.816, 0.577). O: four-fold axes along x, y and z. I1: two-fold
axes along x, y and z and a five-fold axis along (0.851, 0, 0.526). I2 (and I): I1 turned by 90
degrees about z. I3 and I4: a five-fold axis along z, the two-fold axis nearest to it along
(-0.526, 0, 0.851) or (0.526, 0, 0.851).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import SettingsError

if TYPE_CHECKING:  # slow to load: not for C1
    from scipy.spatial.transform import Rotation

__all__ = ["group_name", "orbit", "point_group", "symmetry_class"]

Floats = NDArray[np.float64]

_NAME = re.compile(r"([CD])([1-9]\d?)|T|O|I[1-4]?")
_TO_FIVEFOLD = float(np.rad2deg(np.arctan2(1.0, (1 + 5**0.5) / 2)))  # from I2's z to its five-fold axis


def group_name(symmetry: str) -> str:
    """A point group's name as it is written here.

    Parameters
    ----------
    symmetry : str
        C1 to C99, D1 to D99, T, O, or I, I1, I2, I3, I4 (I is I2); upper or lower case.

    Returns
    -------
    str
        Upper case, without blanks.

    Raises
    ------
    SettingsError
        For any other name.

    Examples
    --------
    >>> group_name(" d7")
    'D7'
    """
    upper = symmetry.strip().upper()
    if not _NAME.fullmatch(upper):
        raise SettingsError(
            f"The symmetry is {symmetry!r:.40}, but it must be Cn or Dn (n up to 99), T, O, I or I1 to I4."
        )
    return upper


def symmetry_class(symmetry: str) -> str:
    """Kind of a point group.

    Parameters
    ----------
    symmetry : str
        Its name.

    Returns
    -------
    str
        'C1', 'cyclic', 'dihedral' or 'cubic' (T, O, I); '' for other words.

    Examples
    --------
    >>> [symmetry_class(name) for name in ("C1", "c3", "D7", "I2", "helical")]
    ['C1', 'cyclic', 'dihedral', 'cubic', '']
    """
    name = symmetry.strip().upper()
    if not _NAME.fullmatch(name):
        return ""
    return "C1" if name == "C1" else {"C": "cyclic", "D": "dihedral"}.get(name[0], "cubic")


def _turned(group: Rotation, turn: Rotation) -> Rotation:
    """The same group with its axes turned."""
    return turn * group * turn.inv()


def _icosahedral(setting: str) -> Rotation:
    from scipy.spatial.transform import Rotation

    first = Rotation.create_group("I")
    if setting == "I1":
        return first
    second = _turned(first, Rotation.from_euler("z", 90, degrees=True))
    angle = {"I": 0.0, "I2": 0.0, "I3": -_TO_FIVEFOLD, "I4": _TO_FIVEFOLD}[setting]
    return _turned(second, Rotation.from_euler("y", angle, degrees=True))


def _tetrahedral() -> Rotation:
    """scipy's T has its two-fold axes along x, y and z; here a three-fold axis is along z."""
    from scipy.spatial.transform import Rotation

    wanted = np.array([[0.0, 0.0, 1.0], [0.0, np.sqrt(2 / 3), np.sqrt(1 / 3)]])
    present = np.array([np.full(3, np.sqrt(1 / 3)), [0.0, 0.0, 1.0]])
    return _turned(Rotation.create_group("T"), Rotation.align_vectors(wanted, present)[0])


@lru_cache(maxsize=32)
def point_group(name: str) -> Floats:
    """Rotations of a point group, in RELION's conventions.

    Parameters
    ----------
    name : str
        C1 to C99, D1 to D99, T, O, or I, I1, I2, I3, I4 (I is I2); upper or lower case.

    Returns
    -------
    ndarray, shape (order, 3, 3)
        Rotation matrices acting on column vectors (x, y, z), the identity first, read-only.
        A symmetric map has the same value at r and at every R r.

    Raises
    ------
    SettingsError
        For any other name.

    Examples
    --------
    >>> len(point_group("D7")), len(point_group("O"))
    (14, 24)
    """
    upper = group_name(name)
    if upper == "C1":  # without scipy.spatial, which takes long to import
        one = np.eye(3)[None]
        one.flags.writeable = False
        return one
    from scipy.spatial.transform import Rotation

    if upper.startswith("I"):
        group = _icosahedral(upper)
    elif upper == "T":
        group = _tetrahedral()
    else:
        group = Rotation.create_group(upper)  # type: ignore[arg-type]  # the stubs know no number
    matrices = np.asarray(group.as_matrix(), dtype=np.float64)
    order = np.argsort(-np.trace(matrices, axis1=1, axis2=2), kind="stable")  # the identity has the largest trace
    matrices = matrices[order]
    matrices[np.abs(matrices) < 1e-15] = 0.0
    matrices.flags.writeable = False
    return matrices


def orbit(vectors: NDArray[np.floating], symmetry: str) -> Floats:
    """All copies of vectors under a point group.

    Parameters
    ----------
    vectors : ndarray, shape (N, 3)
        Vectors (x, y, z).
    symmetry : str
        Point group, see `point_group`.

    Returns
    -------
    ndarray, shape (order, N, 3)
        The vectors themselves first.

    Raises
    ------
    SettingsError
        For an unknown group.

    Examples
    --------
    >>> orbit(np.array([[1.0, 0, 0]]), "C2").round(6).tolist()
    [[[1.0, 0.0, 0.0]], [[-1.0, 0.0, 0.0]]]
    """
    return np.asarray(np.asarray(vectors, dtype=np.float64) @ point_group(symmetry).transpose(0, 2, 1))
