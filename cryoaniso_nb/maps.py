"""Two half maps that fit each other, with their mask: arrays (z, y, x), lazy where they come from files."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .errors import MapError
from .mapfiles import SAME, Header, MapData, Volume, box_text, checked_size, read_map, write_map
from .results import InputFile, Truth
from .writing import reason

__all__ = ["HalfMaps", "MapData", "hash_inputs", "open_half_maps", "read_map", "write_map"]

Source: TypeAlias = "str | os.PathLike[str] | Volume"

SMALLEST_BOX = 16  # voxels a side; smaller boxes have too few shells to say anything


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
        'none', 'auto', 'array', or the mask's file name.
    inputs : tuple of InputFile
        The files, without SHA-256; `hash_inputs` adds it.
    files : tuple of path
        Where the files in `inputs` are, in the same order.
    warnings : tuple of str
        What is odd about the maps, one sentence each.
    truth : Truth or None
        What is known of simulated maps.
    """

    half1: Volume
    half2: Volume
    voxel_size: float
    mask: NDArray[np.float32] | None = None
    mask_label: str = "none"
    inputs: tuple[InputFile, ...] = ()
    files: tuple[Path, ...] = ()
    warnings: tuple[str, ...] = ()
    truth: Truth | None = None

    @property
    def box(self) -> tuple[int, int, int]:
        """Voxels along (z, y, x)."""
        nz, ny, nx = self.half1.shape
        return int(nz), int(ny), int(nx)

    @property
    def has_mask(self) -> bool:
        """Whether the halves are multiplied with a mask."""
        return self.mask is not None

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
        return f"<HalfMaps box {box_text(self.half1)}, {self.voxel_size:g} Å, mask: {self.mask_label}>"


def open_half_maps(
    half1: Source,
    half2: Source,
    *,
    mask: Source | None = None,
    voxel_size: float | None = None,
    cancel: threading.Event | None = None,
) -> HalfMaps:
    """Open two half maps, and a mask if there is one, and see that they fit each other.

    Parameters
    ----------
    half1, half2 : path or ndarray, shape (nz, ny, nx)
        MRC files, or real arrays.
    mask : path, ndarray or 'auto', optional
        Values 0 to 1 on the same box; 'auto' makes a soft mask from the mean map.
    voxel_size : float, optional
        Å. Needed for arrays, and for files whose header holds none; overrides headers.
    cancel : threading.Event, optional
        Set it to stop decompressing, or making the mask.

    Returns
    -------
    HalfMaps
        Arrays as they are; files memory-mapped unless they are compressed.

    Raises
    ------
    MapError
        When a file can't be read, or box or voxel size don't fit.
    Cancelled
        When `cancel` was set.

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
    first, second = _load_pair((half1, half2), names, voxel_size, cancel)
    _check_fit(first, second)
    found = [*_pair_warnings(first, second), *_edge_warnings(first.data, second.data)]
    size = voxel_size if voxel_size is not None else first.voxel_size
    given: list[tuple[str, Source]] = [("half1", half1), ("half2", half2)]
    mask_array, label = None, "none"
    if isinstance(mask, str) and mask == "auto":
        from .masks import auto_mask

        pair = HalfMaps(half1=first.data, half2=second.data, voxel_size=size)
        mask_array, label = auto_mask(pair, cancel=cancel), "auto"
    elif mask is not None:
        mask_array, label, odd = _load_mask(mask, first, voxel_size, cancel)
        found += odd
        given.append(("mask", mask))
    paths = [(role, Path(s)) for role, s in given if not isinstance(s, np.ndarray)]
    return HalfMaps(
        half1=first.data,
        half2=second.data,
        voxel_size=size,
        mask=mask_array,
        mask_label=label,
        inputs=tuple(InputFile(role=role, name=path.name) for role, path in paths),
        files=tuple(path for _, path in paths),
        warnings=tuple(found),
    )


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
            return MapData(data=_checked_array(source, names[index]), voxel_size=_needed(voxel_size), name=names[index])
        return header.map_data(header.voxels(cancel), header.voxel_size() if voxel_size is None else voxel_size)

    if any(header is not None and header.opener for header in headers):
        with ThreadPoolExecutor(2) as pool:
            first, second = pool.map(load, (0, 1))
            return first, second
    return load(0), load(1)


def _needed(voxel_size: float | None) -> float:
    if voxel_size is None:
        raise MapError("Arrays carry no voxel size; pass voxel_size in Å.")
    return voxel_size


def _checked_array(source: Any, name: str) -> Volume:
    array = np.asarray(source)
    if array.ndim != 3:
        raise MapError(f"{_capital(name)} has {array.ndim} dimensions, but a map has 3 (z, y, x).")
    if array.dtype.kind not in "biuf":
        raise MapError(f"{_capital(name)} holds {array.dtype} values, but a map holds real numbers.")
    return array


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:] if text.startswith("the ") else text


def _check_fit(first: MapData, second: MapData) -> None:
    if first.data.shape != second.data.shape:
        raise MapError(
            f"{_capital(first.name)} has a box of {box_text(first.data)} voxels, "
            f"{second.name} one of {box_text(second.data)}; give two half maps of one refinement."
        )
    if abs(first.voxel_size - second.voxel_size) > SAME * first.voxel_size:
        raise MapError(
            f"{first.name} has voxels of {first.voxel_size:g} Å, {second.name} of {second.voxel_size:g} Å; "
            "give two half maps of one refinement, or pass the right size (voxel_size, --voxel-size)."
        )
    if min(first.data.shape) < SMALLEST_BOX:
        raise MapError(
            f"{_capital(first.name)} has a box of {box_text(first.data)} voxels, "
            f"but at least {SMALLEST_BOX} a side are needed."
        )


def _pair_warnings(first: MapData, second: MapData) -> list[str]:
    found = list(first.warnings or second.warnings)
    far = max(abs(a - b) for a, b in zip(first.origin, second.origin, strict=True)) > SAME * first.voxel_size
    if far or first.start != second.start:
        a, b = (m.origin if far else m.start for m in (first, second))
        found.append(
            f"The half maps have different origins in their headers, {_triple(a)} and {_triple(b)}: "
            "they are compared voxel by voxel all the same."
        )
    return found


def _triple(values: Sequence[float]) -> str:
    return "(" + ", ".join(f"{v:g}" for v in values) + ")"


def _edge_warnings(first: Volume, second: Volume) -> list[str]:
    """Look at the corners of the box only: they lie outside the sphere that masks leave."""
    size = [min(8, n // 6) for n in first.shape]
    corners = np.array(np.meshgrid(*[[0, 1]] * 3)).T.reshape(-1, 3)
    for volume in (first, second):
        for corner in corners:
            block = tuple(slice(-s, None) if end else slice(0, s) for s, end in zip(size, corner, strict=True))
            if np.any(volume[block]):
                return []
    return [
        "Both half maps are zero in the corners of the box: they were masked or padded before, "
        "so their FSC is higher than that of the maps as reconstructed."
    ]


def _load_mask(
    mask: Source, first: MapData, voxel_size: float | None, cancel: threading.Event | None
) -> tuple[NDArray[np.float32], str, list[str]]:
    found: list[str] = []
    name = _name(mask, "the array of the mask")
    if isinstance(mask, np.ndarray):
        raw, label = _checked_array(mask, name), "array"
    else:
        header = Header.of(mask)
        raw, label = header.voxels(cancel), header.path.name
        size = header.lengths()[0]
        if voxel_size is None and size > 0 and abs(size - first.voxel_size) > SAME * first.voxel_size:
            found.append(
                f"The mask {name} has voxels of {size:.5g} Å in its header, the half maps of {first.voxel_size:g} Å: "
                "it is used voxel by voxel all the same."
            )
    if raw.shape != first.data.shape:
        raise MapError(
            f"The mask {label if label != 'array' else '(an array)'} has a box of {box_text(raw)} voxels, "
            f"{first.name} one of {box_text(first.data)}; make the mask on the half maps' box."
        )
    values = np.ascontiguousarray(raw, dtype=np.float32)
    low, high = float(values.min()), float(values.max())
    if not np.isfinite(low + high):
        raise MapError(f"{_capital(name)} (mask) holds NaN or infinite voxels; make it again.")
    if low == high == 0:
        raise MapError(f"{_capital(name)} (mask) is zero everywhere; give one that covers the particle.")
    if low < -SAME or high > 1 + SAME:
        found.append(f"The mask has values from {low:.4g} to {high:.4g}, outside 0 to 1: it is used as it is.")
    return values, label, found
