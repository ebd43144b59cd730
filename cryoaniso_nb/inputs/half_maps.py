"""Two half maps that fit each other, with their mask: arrays (z, y, x), lazy where they come from files."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..engine.execution import LOCAL, Execution
from ..errors import MapError
from ..geometry.shells import box_text
from ..results.cautions import Caution
from ..results.system import reason
from ..results.types import InputFile, Truth
from .mask_choice import MaskSource, choose_mask, is_file
from .mrc import MapData, checked_array, map_data, map_origin, read_map, write_map
from .mrc_header import SAME, Header, Volume, capital, checked_size

if TYPE_CHECKING:
    from .poses import Poses

__all__ = ["HalfMaps", "MapData", "hash_inputs", "open_half_maps", "read_map", "with_mask", "write_map"]

Source: TypeAlias = "str | os.PathLike[str] | Volume"

SMALLEST_BOX = 16  # voxels a side; smaller boxes have too few shells to say anything


_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HalfMaps:
    """Two half maps that fit each other, and the mask that goes with them.

    Attributes
    ----------
    half1, half2 : ndarray, shape (nz, ny, nx)
        Real voxels; memory-mapped where they come from uncompressed files.
    voxel_size : float
        Å.
    mask : ndarray of float32, shape (nz, ny, nx), or None
        Multiplies both halves.
    mask_label : str
        'none', 'auto', 'array', or the name of the mask's file.
    origin : tuple of float
        (x, y, z) of the first voxel in Å.
    inputs : tuple of InputFile
        The files, without SHA-256; `hash_inputs` adds it.
    files : tuple of path
        Where the files in `inputs` are, in the same order.
    warnings : tuple of Caution
        What is odd about the maps, one sentence each.
    truth : Truth or None
        What is known of simulated maps.
    poses : Poses or None
        Of the particles of simulated maps; `write_poses` puts them into a file.
    """

    half1: Volume
    half2: Volume
    voxel_size: float
    mask: NDArray[np.float32] | None = None
    mask_label: str = "none"
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    inputs: tuple[InputFile, ...] = ()
    files: tuple[Path, ...] = ()
    warnings: tuple[Caution, ...] = ()
    truth: Truth | None = None
    poses: Poses | None = None

    @property
    def box(self) -> tuple[int, int, int]:
        """Voxels along (z, y, x)."""
        nz, ny, nx = self.half1.shape
        return int(nz), int(ny), int(nx)

    def mean(self) -> NDArray[np.float32]:
        """The mean of both halves, without the mask.

        Returns
        -------
        ndarray of float32, shape (nz, ny, nx)
            In memory.
        """
        total = np.add(self.half1, self.half2, dtype=np.float32)
        return np.multiply(total, np.float32(0.5), out=total)

    def __repr__(self) -> str:
        return f"<HalfMaps, {box_text(self.box)} of {self.voxel_size:g} Å, mask: {self.mask_label}>"


def open_half_maps(
    half1: Source,
    half2: Source,
    *,
    mask: MaskSource | None = None,
    voxel_size: float | None = None,
    origin: tuple[float, float, float] | None = None,
    execution: Execution = LOCAL,
) -> HalfMaps:
    """Open two half maps, and a mask if there is one, and see that they fit each other.

    Parameters
    ----------
    half1, half2 : path or ndarray, shape (nz, ny, nx)
        MRC files, or real arrays.
    mask : path, ndarray, AtomicModel or 'auto', optional
        Values 0 to 1 on the same box. An atomic model, or its file (.cif, .pdb), makes a soft mask
        around its atoms; 'auto' makes one from the mean map. See `choose_mask`.
    voxel_size : float, optional
        Å. Needed for arrays, and for files whose header holds none; overrides headers.
    origin : tuple of float, optional
        (x, y, z) of the first voxel in Å, instead of the header's; an atomic model's mask lies by it.
    execution : Execution
        What stops it.

    Returns
    -------
    HalfMaps
        Arrays as they are; files memory-mapped unless they are compressed.

    Raises
    ------
    MapError
        When a file can't be read, or box or voxel size don't fit.
    Cancelled
        When ``execution.cancel`` was set.

    Examples
    --------
    >>> import numpy as np
    >>> noise = np.random.default_rng(0).normal(size=(2, 16, 16, 16))
    >>> open_half_maps(noise[0], noise[1], voxel_size=1.2).box
    (16, 16, 16)
    """
    if voxel_size is not None:
        voxel_size = checked_size(voxel_size)
    names = tuple(_name(s, f"the array of half map {i}") for i, s in enumerate((half1, half2), 1))
    first, second = _load_pair((half1, half2), names, voxel_size, execution.cancel)
    _check_fit(first, second)
    found = [*_pair_warnings(first, second), *_edge_warnings(first.data, second.data)]
    size = voxel_size if voxel_size is not None else first.voxel_size
    given: list[tuple[str, Source]] = [("half1", half1), ("half2", half2)]
    if is_file(mask):
        given.append(("mask", mask))
    paths = [(role, Path(s)) for role, s in given if not isinstance(s, np.ndarray)]
    maps = HalfMaps(
        half1=first.data,
        half2=second.data,
        voxel_size=size,
        origin=map_origin(first) if origin is None else origin,
        inputs=tuple(InputFile(role=role, name=path.name) for role, path in paths),
        files=tuple(path for _, path in paths),
        warnings=tuple(found),
    )
    _log.info("half maps %s and %s: box %s, voxel size %g Å", *names, maps.box, maps.voxel_size)
    return maps if mask is None else with_mask(maps, mask, any_voxel_size=voxel_size is not None, execution=execution)


def hash_inputs(maps: HalfMaps) -> tuple[InputFile, ...]:
    """The inputs with their SHA-256; reads every file once, so run it beside the analysis.

    Parameters
    ----------
    maps : HalfMaps
        From `open_half_maps`.

    Returns
    -------
    tuple of InputFile
        `maps.inputs` with `sha256` filled in; empty for arrays.

    Raises
    ------
    MapError
        When a file has gone meanwhile.

    Examples
    --------
    >>> import numpy as np
    >>> hash_inputs(open_half_maps(np.zeros((16, 16, 16)), np.zeros((16, 16, 16)), voxel_size=1.2))
    ()
    """
    return hash_files(maps.inputs, maps.files)


def hash_files(inputs: Sequence[InputFile], files: Sequence[str | os.PathLike[str]]) -> tuple[InputFile, ...]:
    """Inputs with the SHA-256 of their files.

    Parameters
    ----------
    inputs : sequence of InputFile
        What the files are.
    files : sequence of path
        Where they lie, one an input.

    Returns
    -------
    tuple of InputFile
        The inputs with `sha256` filled in.

    Raises
    ------
    MapError
        When a file has gone meanwhile.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "a"
    ...     _ = path.write_bytes(b"abc")
    ...     hash_files([InputFile(role="model", name="a")], [path])[0].sha256[:8]
    'ba7816bf'
    """
    import hashlib

    hashed = []
    for item, path in zip(inputs, files, strict=True):
        try:
            with open(path, "rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise MapError(f"Can't read {path} again: {reason(error)}; keep the file in place.") from error
        hashed.append(item.replace(sha256=digest))
    return tuple(hashed)


def with_mask(
    maps: HalfMaps, mask: MaskSource, *, any_voxel_size: bool = False, execution: Execution = LOCAL
) -> HalfMaps:
    """The same half maps with another mask.

    Parameters
    ----------
    maps : HalfMaps
        From `open_half_maps`.
    mask : path, ndarray, AtomicModel or 'auto'
        As in `open_half_maps`.
    any_voxel_size : bool
        Whether a mask file with another voxel size in its header goes without a word.
    execution : Execution
        What stops it.

    Returns
    -------
    HalfMaps
        With what there is to say of the mask among its `warnings`.

    Raises
    ------
    MapError
        When the mask can't be read, or its box doesn't fit.
    ModelError
        When a model can't be read, or lies outside the box.
    Cancelled
        When ``execution.cancel`` was set.

    Examples
    --------
    >>> import numpy as np
    >>> maps = open_half_maps(np.zeros((16, 16, 16)), np.ones((16, 16, 16)), voxel_size=1.2)
    >>> with_mask(maps, np.ones((16, 16, 16))).mask_label
    'array'
    """
    chosen = choose_mask(mask, maps, any_voxel_size=any_voxel_size, execution=execution)
    return replace(maps, mask=chosen.mask, mask_label=chosen.label, warnings=(*maps.warnings, *chosen.warnings))


# --- what fits what ----------------------------------------------------------------------


def _name(source: Source, otherwise: str) -> str:
    return otherwise if isinstance(source, np.ndarray) else os.fspath(source)


def _load_pair(
    sources: Sequence[Source], names: Sequence[str], voxel_size: float | None, cancel: threading.Event | None
) -> tuple[MapData, MapData]:
    """Headers and fit first, then the voxels, two compressed files at a time."""
    headers = [None if isinstance(source, np.ndarray) else Header.of(source) for source in sources]

    def load(index: int) -> MapData:
        header, source = headers[index], sources[index]
        if header is None:
            return MapData(data=checked_array(source, names[index]), voxel_size=_needed(voxel_size), name=names[index])
        return map_data(header, header.voxels(cancel), header.voxel_size() if voxel_size is None else voxel_size)

    if any(header is not None and header.opener for header in headers):
        with ThreadPoolExecutor(2) as pool:
            first, second = pool.map(load, (0, 1))
            return first, second
    return load(0), load(1)


def _needed(voxel_size: float | None) -> float:
    if voxel_size is None:
        raise MapError("Arrays carry no voxel size; pass voxel_size in Å.")
    return voxel_size


def _check_fit(first: MapData, second: MapData) -> None:
    if first.data.shape != second.data.shape:
        raise MapError(
            f"{capital(first.name)} has a box of {box_text(first.box)}, "
            f"{second.name} one of {box_text(second.box)}; give two half maps of one refinement."
        )
    if abs(first.voxel_size - second.voxel_size) > SAME * first.voxel_size:
        raise MapError(
            f"{first.name} has voxels of {first.voxel_size:g} Å, {second.name} of {second.voxel_size:g} Å; "
            "give two half maps of one refinement, or pass the right size (voxel_size, --voxel-size)."
        )
    if min(first.data.shape) < SMALLEST_BOX:
        raise MapError(
            f"{capital(first.name)} has a box of {box_text(first.box)}, but at least {SMALLEST_BOX} a side are needed."
        )


def _pair_warnings(first: MapData, second: MapData) -> list[Caution]:
    said = {caution.code for caution in first.warnings}
    found = [*first.warnings, *(caution for caution in second.warnings if caution.code not in said)]
    far = max(abs(a - b) for a, b in zip(first.origin, second.origin, strict=True)) > SAME * first.voxel_size
    if far or first.start != second.start:
        a, b = (m.origin if far else m.start for m in (first, second))
        found.append(
            Caution(
                "origins-differ",
                f"The half maps have different origins in their headers, {_triple(a)} and {_triple(b)} (z, y, x): "
                "they are compared voxel by voxel all the same.",
            )
        )
    return found


def _triple(values: Sequence[float]) -> str:
    """A header's (x, y, z) in the order of all messages."""
    return "(" + ", ".join(f"{v:g}" for v in reversed(values)) + ")"


def _edge_warnings(first: Volume, second: Volume) -> list[Caution]:
    """Look at the corners of the box only: they lie outside the sphere that masks leave."""
    size = [min(8, n // 6) for n in first.shape]
    corners = np.array(np.meshgrid(*[[0, 1]] * 3)).T.reshape(-1, 3)
    for volume in (first, second):
        for corner in corners:
            block = tuple(slice(-s, None) if end else slice(0, s) for s, end in zip(size, corner, strict=True))
            if np.any(volume[block]):
                return []
    text = (
        "Both half maps are zero in the corners of the box: they were masked or padded before, "
        "so their FSC is higher than that of the maps as reconstructed."
    )
    return [Caution("masked-before", text)]
