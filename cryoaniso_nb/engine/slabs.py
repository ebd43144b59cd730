"""Slabs -> blocks -> sums in this process, in as many passes over the volumes as memory asks for."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..geometry.shells import Box
from .blocks import Block, Plan, add, ranges, transform_slab
from .execution import Execution
from .files import forget, is_mapped
from .local import map_here, n_threads
from .memory import passes_within

__all__ = ["reduce_here", "spectra_bytes"]


def spectra_bytes(box: Box, dtype: Any = np.float32) -> int:
    """Bytes of the spectra of two half maps.

    Parameters
    ----------
    box : tuple of int
        Voxels along (z, y, x).
    dtype : dtype
        Real type to compute in.

    Returns
    -------
    int
        Of both together.

    Examples
    --------
    >>> spectra_bytes((256, 256, 256)) // 2**20
    129
    """
    return 2 * box[0] * box[1] * (box[2] // 2 + 1) * np.result_type(dtype, np.complex64).itemsize


def reduce_here(
    volumes: Sequence[NDArray[Any] | None],
    dtype: Any,
    block: Block,
    stage: str,
    execution: Execution,
) -> Any:
    """Slabs -> blocks -> a sum on this machine.

    Each pass holds the spectra of both halves for some rows along y. Usually one pass holds them all;
    where memory doesn't let it, the volumes are read and transformed again for the next rows, which
    takes no room on a disk and about as long as reading spectra back from one.

    Parameters
    ----------
    volumes : sequence of ndarray or None, length 3
        Half maps and mask.
    dtype : dtype
        Real type to compute in.
    block : Block
        Of pieces and first row, gives a partial sum.
    stage : str
        What is being done, for `progress`.
    execution : Execution
        On this machine.

    Returns
    -------
    object
        The sum of all blocks.
    """
    box = block.box
    held = sum(volume.nbytes for volume in volumes if volume is not None and not is_mapped(volume))
    passes = ranges(box[1], passes_within(spectra_bytes(box, dtype), held, execution))
    plan = Plan.of(box, n_threads(execution))
    per_pass = max(n_threads(execution), math.ceil(len(plan.blocks) / len(passes)))
    total = len(passes) * (len(plan.slabs) + per_pass)
    height = max(stop - start for start, stop in passes)
    spectra = np.empty((2, box[0], height, box[2] // 2 + 1), dtype=np.result_type(dtype, np.complex64))

    # The kernels are loaded beside the first transforms, which leave the other cores alone.
    loading = threading.Thread(target=block.load, daemon=True)
    loading.start()
    partial, before = [], 0

    def tell(done: int) -> None:
        execution.tell(stage, before + done, total)

    for start, stop in passes:
        rows = None if len(passes) == 1 else slice(start, stop)
        kept = spectra[:, :, : stop - start]

        def transform(planes: tuple[int, int], rows: slice | None = rows, kept: NDArray[Any] = kept) -> None:
            part = slice(*planes)
            first, second, mask = (None if v is None else v[part] for v in volumes)
            out = kept[0, part], kept[1, part]
            transform_slab(first, second, mask, dtype, execution.cancel, out=out, rows=rows)  # type: ignore[arg-type]
            for planes_of, volume in zip((first, second, mask), volumes, strict=True):
                if planes_of is not None and volume is not None:
                    forget(planes_of, volume)

        def reduce(inner: tuple[int, int], start: int = start, kept: NDArray[Any] = kept) -> Any:
            return block([(kept[0][:, slice(*inner)], kept[1][:, slice(*inner)])], start + inner[0])

        map_here(transform, plan.slabs, execution, tell)
        before += len(plan.slabs)
        loading.join()
        blocks = ranges(stop - start, per_pass)
        partial.append(add(*map_here(reduce, blocks, execution, tell)))
        before += per_pass
    execution.tell(stage, total, total)
    return add(*partial)
