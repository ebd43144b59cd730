"""Errors of the package: each message is one sentence for the person at the keyboard."""

from __future__ import annotations

import threading

__all__ = [
    "Cancelled",
    "CryoAnisoError",
    "MapError",
    "ModelError",
    "OutputError",
    "OutsideError",
    "PosesError",
    "ResultError",
    "SettingsError",
]


class CryoAnisoError(ValueError):
    """Base of every error that a user can cause and mend."""


class MapError(CryoAnisoError):
    """A map or mask can't be read, or doesn't fit the others."""


class SettingsError(CryoAnisoError):
    """A setting is outside what makes sense, or doesn't fit another one."""


class OutputError(CryoAnisoError):
    """Something can't be written where it was asked to go."""


class OutsideError(CryoAnisoError):
    """A path leads out of the folders that a shared server shows."""


class ResultError(CryoAnisoError):
    """A result lacks what was asked of it, or its file can't be read."""


class ModelError(CryoAnisoError):
    """An atomic model can't be read, or doesn't fit the map."""


class PosesError(CryoAnisoError):
    """A poses file can't be read, or holds no usable angles."""


class Cancelled(Exception):
    """The run was stopped on request: no fault of anyone's, so neither a `CryoAnisoError` nor a ValueError."""

    @classmethod
    def if_set(cls, cancel: threading.Event | None) -> None:
        """Give up when told to stop.

        Parameters
        ----------
        cancel : threading.Event or None
            Whether to stop; None never says so.

        Raises
        ------
        Cancelled
            When it is set.

        Examples
        --------
        >>> Cancelled.if_set(threading.Event())
        """
        if cancel is not None and cancel.is_set():
            raise cls("The run was stopped.")
