"""Fourier transforms of ducc0, whatever the environment says of threads.

ducc0 reads DUCC0_NUM_THREADS or OMP_NUM_THREADS once, at its first call, and dies of an empty value, of words and of
OpenMP's own lists (``4,2``). Here each call has one thread, so that none of them matters.
"""

from __future__ import annotations

import os
import re

import numpy as np
from ducc0 import fft

__all__ = ["fft"]

_FIRST, _SECOND = "DUCC0_NUM_THREADS", "OMP_NUM_THREADS"  # the one counts before the other


def _read_threads() -> None:
    """Let ducc0 read a number in place of a value that it can't read."""
    value = os.environ.get(_FIRST, os.environ.get(_SECOND, "0"))
    if re.fullmatch(r"\d{1,9}", value):
        return
    before = os.environ.get(_FIRST)
    os.environ[_FIRST] = "0"  # all cores, as without a value
    try:
        fft.r2c(np.zeros(2, dtype=np.float32))
    finally:
        del os.environ[_FIRST]
        if before is not None:
            os.environ[_FIRST] = before


_read_threads()
