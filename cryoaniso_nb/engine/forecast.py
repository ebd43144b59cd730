"""What the analysis of a large box will take, said before it starts."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from ..geometry.shells import Box
from .blocks import TILE_BYTES, transform_slab
from .execution import Execution
from .files import held_bytes
from .local import n_threads
from .memory import BASE
from .slabs import passes_over, spectra_bytes
from .volumes import Volumes

__all__ = ["Forecast", "forecast"]

WHOLE = 2.6  # an analysis in transforms of all planes: these, those along z, the histogram
AGAIN = 1.1  # the same, of every further pass
WORTH_SAYING = 4.0  # seconds


@dataclass(frozen=True, slots=True)
class Forecast:
    """Memory and time of an analysis on this machine.

    Attributes
    ----------
    passes : int
        How often the volumes are read.
    memory : int
        Bytes at the peak, without pages of files that the system can take back.
    seconds : float
        From a few planes transformed just now; reading a slow disk comes on top.
    """

    passes: int
    memory: int
    seconds: float

    @property
    def is_worth_saying(self) -> bool:
        """Whether somebody will wait for it, or the memory doesn't hold it at once."""
        return self.passes > 1 or self.seconds > WORTH_SAYING

    def __str__(self) -> str:
        once = "one pass" if self.passes == 1 else f"{self.passes} passes"
        minutes = f"{self.seconds:.0f} s" if self.seconds < 90 else f"{self.seconds / 60:.0f} min"
        return f"about {minutes} and {self.memory / 2**30:.1f} GiB of memory, in {once} over the half maps"


def forecast(maps: Volumes, execution: Execution) -> Forecast:
    """Foresee what `accumulate` takes.

    Parameters
    ----------
    maps : Volumes
        Half maps and mask.
    execution : Execution
        On this machine.

    Returns
    -------
    Forecast
        Of memory and time.

    Raises
    ------
    SettingsError
        When the memory limit is too small for the box.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> half = np.zeros((32, 32, 32), dtype=np.float32)
    >>> forecast(SimpleNamespace(half1=half, half2=half, mask=None, voxel_size=1.0), Execution()).passes
    1
    """
    box: Box = tuple(maps.half1.shape)
    volumes = maps.half1, maps.half2, maps.mask
    passes = passes_over(volumes, np.float32, box, execution)
    rounds = 1 if maps.mask is None else 2
    seconds = _seconds_of_planes(maps, box) * rounds * (WHOLE + AGAIN * (passes - 1)) / n_threads(execution)
    return Forecast(passes, BASE + held_bytes(volumes) + spectra_bytes(box) // passes, seconds)


def _seconds_of_planes(maps: Volumes, box: Box) -> float:
    """To transform all planes of both halves in two dimensions on one thread, from a few of them."""
    count = min(box[0], max(1, TILE_BYTES // (4 * box[1] * box[2])))
    some = slice(box[0] // 2, box[0] // 2 + count)
    planes = maps.half1[some], maps.half2[some], None if maps.mask is None else maps.mask[some]
    transform_slab(*planes, np.float32)  # reads them, and plans the transforms
    start = time.perf_counter()
    transform_slab(*planes, np.float32)
    return (time.perf_counter() - start) * box[0] / len(planes[0])
