"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .errors import OutputError

__all__ = ["reason", "written_whole"]


def reason(error: OSError) -> str:
    """Why the system refused, as part of a sentence.

    Parameters
    ----------
    error : OSError
        What was raised.

    Returns
    -------
    str
        Like 'permission denied'.

    Examples
    --------
    >>> reason(OSError(13, "Permission denied"))
    'permission denied'
    """
    return (error.strerror or str(error) or type(error).__name__).lower()


@contextlib.contextmanager
def written_whole(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary path that becomes `path` when the block ends well, and vanishes otherwise.

    Parameters
    ----------
    path : path
        File to write; an existing one is replaced. Its folder must exist.

    Yields
    ------
    Path
        Write there; the ending is that of `path`.

    Raises
    ------
    OutputError
        When the system refuses to write.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with written_whole(f"{folder}/a.txt") as part:
    ...         _ = part.write_text("a")
    ...     [file.name for file in Path(folder).iterdir()]
    ['a.txt']
    """
    target = Path(path)
    try:
        # In a folder of its own the file gets the usual permissions, whatever writes it.
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.", suffix=".part") as folder:
            part = Path(folder) / target.name
            yield part
            os.replace(part, target)
    except OSError as error:
        raise OutputError(f"Can't write {target}: {reason(error)}; choose a folder you can write to.") from error
