"""Slabs -> blocks -> sums in this process, in as many passes over the volumes as memory asks for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..geometry.shells import Box
from .blocks import Block, Plan, add, transform_slab
from .execution import Execution
from .files import forget, held_bytes
from .local import ONE_BLAS_THREAD, map_here, n_threads
from .memory import passes_within

__all__ = ["parts_of", "passes_over", "reduce_here", "spectra_bytes", "sum_rows"]

Volumes: TypeAlias = Sequence[NDArray[Any] | None]  # half maps, and mask or None

ALONE = Execution("synchronous")


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
    volumes: Volumes,
    dtype: Any,
    block: Block,
    stage: str,
    execution: Execution,
) -> Any:
    """Slabs -> blocks -> a sum on this machine.

    Usually one pass holds the spectra of both halves. Where memory doesn't let it, each of n passes
    takes every n-th row along y: the volumes are read n times and folded, but nothing is transformed
    twice, and no disk is needed.

    Parameters
    ----------
    volumes : sequence of ndarray or None, length 3
        Half maps and mask.
    dtype : dtype
        Real type to compute in.
    block : Block
        Of pieces and their rows, gives a partial sum.
    stage : str
        What is being done, for `progress`.
    execution : Execution
        On this machine.

    Returns
    -------
    object
        The sum of all blocks.
    """
    height, passes = block.box[1], passes_over(volumes, dtype, block.box, execution)
    partial = []
    for number in range(passes):

        def tell(done: int, total: int, number: int = number) -> None:
            execution.tell(stage, number * total + done, passes * total)

        partial.append(sum_rows(volumes, dtype, block, slice(number, height, passes), execution, tell))
    return add(*partial)


def passes_over(volumes: Volumes, dtype: Any, box: Box, execution: Execution) -> int:
    """In how many passes over the volumes their spectra fit into memory.

    Parameters
    ----------
    volumes : sequence of ndarray or None, length 3
        Half maps and mask.
    dtype : dtype
        Real type to compute in.
    box : tuple of int
        Voxels along (z, y, x).
    execution : Execution
        On this machine.

    Returns
    -------
    int
        1 where all fit at once.

    Raises
    ------
    SettingsError
        When the memory limit is too small for the box.

    Examples
    --------
    >>> half = np.zeros((32, 32, 32), dtype=np.float32)
    >>> passes_over((half, half, None), np.float32, half.shape, ALONE)
    1
    """
    return parts_of(box[1], passes_within(spectra_bytes(box, dtype), held_bytes(volumes), execution))


def parts_of(height: int, least: int) -> int:
    """In how many parts the rows along y are best taken: a divisor lets them be folded.

    Parameters
    ----------
    height : int
        Of the box along y.
    least : int
        Parts that there must be.

    Returns
    -------
    int
        At least that many; `least` itself where no divisor is near.

    Examples
    --------
    >>> parts_of(512, 3), parts_of(90, 4), parts_of(127, 2)
    (4, 5, 2)
    """
    least = min(least, height)
    return next((parts for parts in range(least, min(2 * least, height) + 1) if height % parts == 0), least)


def sum_rows(
    volumes: Volumes,
    dtype: Any,
    block: Block,
    rows: slice,
    execution: Execution = ALONE,
    tell: Callable[[int, int], None] | None = None,
) -> Any:
    """One pass over the volumes, for some rows along y.

    Parameters
    ----------
    volumes : sequence of ndarray or None, length 3
        Half maps and mask.
    dtype : dtype
        Real type to compute in.
    block : Block
        Of pieces and their rows, gives a partial sum.
    rows : slice
        With its three numbers.
    execution : Execution
        On this machine.
    tell : callable, optional
        Called with (done, total) steps.

    Returns
    -------
    object
        The sum over these rows.
    """
    count = len(range(block.box[1])[rows])
    plan = Plan.of((block.box[0], count, block.box[2]), n_threads(execution))
    shape = 2, block.box[0], count, block.box[2] // 2 + 1
    spectra = np.empty(shape, dtype=np.result_type(dtype, np.complex64))
    total = len(plan.slabs) + len(plan.blocks)

    def transform(planes: tuple[int, int]) -> None:
        part = slice(*planes)
        some = [None if volume is None else volume[part] for volume in volumes]
        out = spectra[0, part], spectra[1, part]
        transform_slab(some[0], some[1], some[2], dtype, execution.cancel, out=out, rows=rows)  # type: ignore[arg-type]
        for of_volume, volume in zip(some, volumes, strict=True):
            if of_volume is not None and volume is not None:
                forget(of_volume, volume)

    def reduce(inner: tuple[int, int]) -> Any:
        kept = slice(rows.start + inner[0] * rows.step, rows.start + inner[1] * rows.step, rows.step)
        return block([(spectra[0][:, slice(*inner)], spectra[1][:, slice(*inner)])], kept)

    def told(before: int) -> Callable[[int], None]:
        return lambda done: None if tell is None else tell(before + done, total)

    # The kernels are loaded beside the first transforms, which leave the other cores alone.
    loading = threading.Thread(target=block.load, daemon=True)
    loading.start()
    with ONE_BLAS_THREAD if rows.step > 1 else nullcontext():  # planes are folded by a product of matrices
        map_here(transform, plan.slabs, execution, told(0))
    loading.join()
    return add(*map_here(reduce, plan.blocks, execution, told(len(plan.slabs))))
