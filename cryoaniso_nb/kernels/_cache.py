"""How the loops are compiled, and kept for the next process where that can be done."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from typing import Any

import numba
from numba.core.caching import FunctionCache

__all__ = ["compiled"]

log = logging.getLogger(__name__)


class _Kept(FunctionCache):  # type: ignore[misc]
    """A function's files of compiled code; damaged ones are as good as none, and are written anew."""

    def load_overload(self, *given: Any) -> Any:
        """The compiled function, or None when it must be compiled."""
        try:
            return super().load_overload(*given)
        except Exception as error:  # files that can't be unpickled raise anything
            log.info("compiled kernels are damaged and made anew: %s", error)
            with contextlib.suppress(OSError):
                self.flush()
            return None

    def save_overload(self, *given: Any) -> None:
        """Keep it, unless the disk doesn't let us."""
        with contextlib.suppress(OSError):
            super().save_overload(*given)


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function with numba, without the GIL.

    Parameters
    ----------
    **options
        Further ones of `numba.njit`.

    Returns
    -------
    callable
        A decorator.

    Examples
    --------
    >>> @compiled(error_model="numpy")
    ... def half(x):
    ...     return x / 2
    >>> half(3.0)
    1.5
    """

    def decorate(function: Callable[..., Any]) -> Any:
        made: Any = numba.njit(nogil=True, **options)(function)
        try:
            made._cache = _Kept(function)  # as `cache=True` does with numba's own
        except RuntimeError:  # numba finds no folder to write to: neither the package's nor the user's
            log.info("compiled kernels can't be kept: neither the package nor a cache is writable")
        return made

    return decorate
