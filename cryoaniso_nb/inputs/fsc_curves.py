"""FSC curves that other programs have written: RELION, cryoSPARC, 3DFSC, EMAN, EMDB."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from xml.etree import ElementTree

import numpy as np
from gemmi import cif
from numpy.typing import ArrayLike, NDArray

from ..errors import ResultError
from ..results.fence import inside
from ..results.types import Result
from .star import numbers, read_star

__all__ = ["ForeignFSC", "read_fsc"]

Floats = NDArray[np.float64]

# Columns of relion_postprocess, its local resolution, and relion_refine's model files
RELION = {
    "_rlnFourierShellCorrelationUnmaskedMaps": "unmasked",
    "_rlnFourierShellCorrelationMaskedMaps": "masked",
    "_rlnCorrectedFourierShellCorrelationPhaseRandomizedMaskedMaps": "phase-randomised, masked",
    "_rlnFourierShellCorrelationCorrected": "corrected",
    "_rlnFourierShellCorrelation": "FSC",
    "_rlnGoldStandardFsc": "gold standard",
}
CRYOSPARC = {
    "fsc_nomask": "no mask",
    "fsc_sphericalmask": "spherical mask",
    "fsc_loosemask": "loose mask",
    "fsc_tightmask": "tight mask",
    "fsc_noisesub_raw": "noise-substituted, raw",
    "fsc_noisesub_true": "noise-substituted, true",
    "fsc_noisesub": "corrected",
}
_LOCAL = re.compile(r"fsc_(-?\d+)_(-?\d+)_(-?\d+)")
TEXT = (
    "cryoSPARC's line of names beginning with wave_number and numbers below, "
    "EMAN's two columns (1/Å, FSC) or 3DFSC's three (1/pixel, 1/Å, FSC)"
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ForeignFSC(Result):
    """An FSC curve of another program.

    Attributes
    ----------
    program : str
        'RELION', 'cryoSPARC', '3DFSC', 'EMAN' or 'EMDB'.
    label : str
        Which of its curves.
    frequency : ndarray, shape (N,)
        1/Å, increasing, from shell 1 on.
    fsc : ndarray, shape (N,)
        Its values.
    place : tuple of int or None
        Of a local FSC, (z, y, x) of its mask in voxels from the box's centre.
    """

    program: str
    label: str
    frequency: Annotated[Floats, "N"]
    fsc: Annotated[Floats, "N"]
    place: tuple[int, int, int] | None = None


def read_fsc(path: str | os.PathLike[str], *, box_length: float | None = None) -> tuple[ForeignFSC, ...]:
    """FSC curves of RELION's star files, EMDB's XML, and text of cryoSPARC, 3DFSC and EMAN.

    Of RELION: postprocess.star, run_model.star, and relion_locres_fscs.star with its many places.
    Shell 0 is left out.

    Parameters
    ----------
    path : path
        Ending in .star, .xml, or anything else for columns of text.
    box_length : float, optional
        Side of the box in Å (box size times voxel size). Only cryoSPARC needs it: its files
        number the shells and don't say what they measure.

    Returns
    -------
    tuple of ForeignFSC
        Every curve of the file.

    Raises
    ------
    ResultError
        When the file is missing, holds no FSC, or lacks its box.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "fsc.txt").write_text("wave_number\\tfsc_nomask\\n1\\t0.99\\n2\\t0.5\\n")
    ...     read_fsc(f"{folder}/fsc.txt", box_length=100.0)[0].frequency.tolist()
    [0.01, 0.02]
    """
    source = inside(path)
    if not source.is_file():
        raise ResultError(f"There is no FSC file {source}; check the path.")
    kind = source.suffix.lower()
    if kind == ".star":
        return _read_relion(source)
    if kind == ".xml":
        return _read_emdb(source)
    return _read_text(source, box_length)


def _curve(program: str, label: str, frequency: ArrayLike, values: ArrayLike) -> ForeignFSC:
    """A curve without shell 0, to which RELION gives a resolution of 999 Å, and 3DFSC the frequency 0."""
    f, y = np.asarray(frequency, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if f.size > 2 and np.rint(f[1] / np.median(np.diff(f[1:]))) == 1:
        f, y = f[1:], y[1:]
    order = np.argsort(f)
    order = order[f[order] > 0]
    return ForeignFSC(program=program, label=label, frequency=f[order], fsc=y[order])


def _read_relion(source: Path) -> tuple[ForeignFSC, ...]:
    wanted = "_rlnResolution beside a column of FSC, as relion_postprocess and relion_refine write them"
    try:
        found = [(block.name, curve) for block in read_star(source) for curve in _relion_curves(block)]
    except (ValueError, OSError) as error:
        raise ResultError(f"{source} can't be read as a star file ({error}); it should hold {wanted}.") from error
    if not found:
        raise ResultError(f"{source} holds no FSC; it should hold {wanted}.")
    if len({name for name, _ in found}) == 1:
        return tuple(curve for _, curve in found)
    return tuple(curve.replace(**_of_block(name, curve.label)) for name, curve in found)


def _relion_curves(block: cif.Block) -> list[ForeignFSC]:
    frequency = numbers(block, "_rlnResolution")
    columns = ((label, numbers(block, tag)) for tag, label in RELION.items())
    return [_curve("RELION", label, frequency, y) for label, y in columns if y.size and y.size == frequency.size]


def _of_block(name: str, label: str) -> dict[str, Any]:
    """What a block's name tells of its curves: the place of a local FSC, else which class or body."""
    if local := _LOCAL.fullmatch(name):
        return {"place": tuple(int(number) for number in local.groups())}
    return {"label": f"{label}, {name.removeprefix('model_').replace('_', ' ')}"}


def _read_emdb(source: Path) -> tuple[ForeignFSC, ...]:
    try:
        root = ElementTree.parse(source).getroot()
        points = [(float(p.findtext("x", "nan")), float(p.findtext("y", "nan"))) for p in root.iter("coordinate")]
    except (ElementTree.ParseError, ValueError, OSError) as error:
        raise ResultError(f"{source} can't be read as XML; it should hold an <fsc> of <coordinate>s.") from error
    if not points:
        raise ResultError(f"{source} holds no FSC; it should hold an <fsc> of <coordinate>s.")
    x, y = zip(*points, strict=True)
    return (_curve("EMDB", root.get("title") or source.stem, x, y),)


def _read_text(source: Path, box_length: float | None) -> tuple[ForeignFSC, ...]:
    try:
        text = source.read_text(encoding="utf-8")
        lines = [line.replace(",", " ").split() for line in text.splitlines() if not line.lstrip().startswith("#")]
        lines = [line for line in lines if line]
        named = bool(lines) and "wave_number" in lines[0]
        table = np.array([[float(v) for v in line] for line in lines[named:]])
    except (UnicodeDecodeError, OSError) as error:
        raise ResultError(f"{source} can't be read as text; it should hold {TEXT}.") from error
    except ValueError as error:
        raise ResultError(f"{source} isn't a table of numbers ({error}); it should hold {TEXT}.") from error
    if named and table.shape[1:] == (len(lines[0]),):
        return _cryosparc(source, lines[0], table, box_length)
    if named or table.ndim != 2 or table.shape[1] not in (2, 3):
        raise ResultError(f"{source} holds no FSC that is known; it should hold {TEXT}.")
    return (_unnamed(source, table),)


def _cryosparc(source: Path, names: list[str], table: Floats, box_length: float | None) -> tuple[ForeignFSC, ...]:
    if box_length is None or not box_length > 0:
        raise ResultError(
            f"{source} numbers its shells; give the box length in Å (box size times voxel size) to read it."
        )
    x = table[:, names.index("wave_number")] / box_length
    return tuple(
        _curve("cryoSPARC", CRYOSPARC.get(name, name), x, table[:, i])
        for i, name in enumerate(names)
        if name.startswith("fsc_")
    )


def _unnamed(source: Path, table: Floats) -> ForeignFSC:
    """Columns without names: what they measure is checked, since other programs write other columns."""
    frequency, fsc = table[:, -2], table[:, -1]
    highest = float(frequency[-1])
    if not ((np.diff(frequency) > 0).all() and 0 < highest < 2 and (np.abs(fsc) <= 1 + 1e-6).all()):
        raise ResultError(
            f"{source} has a column from {frequency[0]:g} to {highest:g} before one from {fsc.min():g} to "
            f"{fsc.max():g}, but frequencies in 1/Å should rise and an FSC lies within -1 to 1; it should hold {TEXT}."
        )
    return _curve("EMAN" if table.shape[1] == 2 else "3DFSC", source.stem, frequency, fsc)
