"""Half maps by one name: either half map, a job's folder, or an EMDB code; what belongs to it is found."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..engine.execution import LOCAL, Execution
from ..errors import MapError
from .discovery import pair_of
from .emdb import fetch_emdb, open_emdb
from .emdb_record import is_entry_code
from .half_maps import HalfMaps, open_half_maps
from .mask_choice import MaskSource

__all__ = ["OpenedPair", "open_pair"]

FOUND = "found"  # the mask that lies beside the maps, or that the entry has


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OpenedPair:
    """Half maps, and what else was found.

    Attributes
    ----------
    name : str
        What tells them from others.
    maps : HalfMaps
        Ready to analyze.
    symmetry : str or None
        Point group that was imposed; None where nothing tells.
    poses : Path or None
        The particles of the refinement.
    told : tuple of str
        What was found, one sentence each.
    """

    name: str
    maps: HalfMaps
    symmetry: str | None
    poses: Path | None
    told: tuple[str, ...]


def open_pair(
    given: str | os.PathLike[str],
    *,
    mask: MaskSource | None = FOUND,
    voxel_size: float | None = None,
    execution: Execution = LOCAL,
    **emdb: Any,
) -> OpenedPair:
    """Open half maps, given one of them, a job's folder, or an EMDB code.

    Parameters
    ----------
    given : path or str
        Either half map, whose other half lies beside it; a folder that holds one pair, such as
        a job of RELION or cryoSPARC; or a code such as 'EMD-11638'.
    mask : 'found', path, ndarray, AtomicModel, 'auto' or None
        The mask that is found, another one as `open_half_maps` takes it, or none.
    voxel_size : float, optional
        Å; overrides headers.
    execution : Execution
        What hears of progress, what stops it.
    **emdb
        Arguments of `fetch_emdb`, for a code.

    Returns
    -------
    OpenedPair
        The maps, with point group and poses where they are told.

    Raises
    ------
    MapError
        When nothing of the kind is found, or the maps can't be read.
    Cancelled
        When ``execution.cancel`` was set.

    Examples
    --------
    >>> import tempfile, cryoaniso_nb as ca
    >>> maps = ca.simulate_half_maps(box=32, seed=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for number, half in ((1, maps.half1), (2, maps.half2)):
    ...         _ = ca.write_map(f"{folder}/apo_half{number}.mrc", half, 1.5)
    ...     ca.open_pair(f"{folder}/apo_half2.mrc").maps
    <HalfMaps, 32 x 32 x 32 voxels of 1.5 Å, mask: none>
    """
    is_found = isinstance(mask, str) and mask == FOUND
    if is_entry_code(os.fspath(given)) and not os.path.exists(given):
        return _entry(os.fspath(given), "deposited" if is_found else mask, voxel_size, execution, emdb)
    if emdb:
        raise MapError(f"{given} is no EMDB code, but {next(iter(emdb))} is an option of EMDB; leave it out.")
    pair = pair_of(given)
    chosen = pair.mask if is_found else mask
    maps = open_half_maps(pair.half1, pair.half2, mask=chosen, voxel_size=voxel_size, execution=execution)
    told = [f"Found {pair.half1} and {pair.half2.name}."]
    told += [f"With the mask {pair.mask}."] if is_found and pair.mask is not None else []
    return OpenedPair(
        name=pair.name, maps=maps, symmetry=pair.symmetry, poses=pair.poses, told=(*told, *map(str, pair.notes))
    )


def _entry(
    code: str, mask: MaskSource | None, voxel_size: float | None, execution: Execution, emdb: dict[str, Any]
) -> OpenedPair:
    entry = fetch_emdb(code, execution=execution, **emdb).entry
    maps = open_emdb(entry.number, mask=mask, voxel_size=voxel_size, execution=execution, **emdb)
    told = [f"{entry.name}: {entry.title}."]
    if isinstance(mask, str) and mask == "deposited" and maps.mask is None:
        told.append("The entry has no mask on the half maps' box.")
    return OpenedPair(name=entry.name, maps=maps, symmetry=entry.symmetry or None, poses=None, told=tuple(told))
