"""A fence around the folders that a shared server shows: nothing outside them is read or written."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import OutsideError

__all__ = ["FENCE", "inside"]

FENCE = "CRYOANISO_FOLDERS"  # environment variable: folders, parted as in PATH; unset for no fence


def inside(path: str | os.PathLike[str]) -> Path:
    """A path, unless it leads out of the folders that may be used.

    Everything that opens a file or folder named by a user asks here first, before it even tells
    whether it exists.

    Parameters
    ----------
    path : path
        As it was given; links and '..' are followed.

    Returns
    -------
    Path
        The same.

    Raises
    ------
    OutsideError
        When there is a fence, and it lies outside.

    Examples
    --------
    >>> inside("maps/half1.mrc").name
    'half1.mrc'
    """
    given, fence = Path(path), os.environ.get(FENCE)
    if fence is None:
        return given
    folders = [os.path.realpath(folder) for folder in fence.split(os.pathsep) if folder]
    place = os.path.realpath(given)
    if any(place == folder or place.startswith(os.path.join(folder, "")) for folder in folders):
        return given
    shown = folders[0] if folders else "nothing"
    raise OutsideError(f"{given} lies outside {shown}, the folder that is shown here; choose a file in it.")
