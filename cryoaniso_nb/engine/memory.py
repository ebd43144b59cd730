"""How much memory there is, and how much an analysis takes."""

from __future__ import annotations

import math
from pathlib import Path

from ..errors import SettingsError
from .execution import Execution

__all__ = ["analysis_memory", "available_memory", "passes_within"]

_BYTES_PER_VOXEL = 24  # transforms of both halves (8), their tiles and slabs, both halves and a mask in memory (12)
BASE = 160 * 2**20  # histogram, cones and modules loaded on the way, whatever the box

_KEPT_FREE = 0.1  # of what is free, for other programs
_SMALL = 2**28  # spectra that fit anywhere: nobody asks what is free
_MOST_PASSES = 32  # more would read the volumes for hours

_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")


def analysis_memory(shape: tuple[int, ...]) -> int:
    """Bytes that the analysis of two half maps takes at its peak, at most.

    Parameters
    ----------
    shape : tuple of int
        Their box.

    Returns
    -------
    int
        Including half maps and mask in memory, as compressed files are.

    Examples
    --------
    >>> analysis_memory((256, 256, 256)) // 2**20
    544
    """
    return BASE + _BYTES_PER_VOXEL * math.prod(shape)


def passes_within(spectra: int, held: int, execution: Execution) -> int:
    """In how many passes over the volumes their spectra fit into memory, a part in each.

    Parameters
    ----------
    spectra : int
        Bytes of all spectra.
    held : int
        Bytes that half maps and mask take in memory already.
    execution : Execution
        Its `memory_limit` counts, else what is free.

    Returns
    -------
    int
        1 where all fit at once.

    Raises
    ------
    SettingsError
        When not even a small part would fit into the limit.

    Examples
    --------
    >>> passes_within(8 * 2**30, 0, Execution(memory_limit=5 * 2**30))
    2
    """
    limit = execution.memory_limit
    if limit is None:
        free = available_memory() if spectra > _SMALL else None
        if free is None:
            return 1
        room = (1 - _KEPT_FREE) * free - BASE
        return min(_MOST_PASSES, max(1, math.ceil(spectra / max(room, 1))))
    room = limit - held - BASE
    if room * _MOST_PASSES < spectra:
        least = held + BASE + spectra / _MOST_PASSES
        raise SettingsError(
            f"The memory limit is {limit / 2**30:.3g} GiB, but these half maps need at least "
            f"{least / 2**30:.3g} GiB; raise the limit, or give uncompressed files, which needn't be held in memory."
        )
    return max(1, math.ceil(spectra / room))


def available_memory() -> int | None:
    """Bytes that can still be had without swapping, within the limits set for this process.

    Returns
    -------
    int or None
        None where the system doesn't tell.

    Examples
    --------
    >>> (available_memory() or 1) > 0
    True
    """
    known = [size for size in (_from_meminfo(), _from_cgroup()) if size is not None]
    return min(known, default=None)


def _from_meminfo() -> int | None:
    try:
        lines = _MEMINFO.read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, ValueError, IndexError, StopIteration):
        return None


def _from_cgroup() -> int | None:
    """What a container's limit leaves; file caches can be given back."""
    try:
        limit = int((_CGROUP / "memory.max").read_text(encoding="ascii"))
        used = int((_CGROUP / "memory.current").read_text(encoding="ascii"))
        held = dict(line.split() for line in (_CGROUP / "memory.stat").read_text(encoding="ascii").splitlines())
        return max(0, limit - used + int(held.get("inactive_file", 0)))
    except (OSError, ValueError):
        return None  # no limit ("max"), or no cgroups
