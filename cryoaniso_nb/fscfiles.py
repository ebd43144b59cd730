"""FSC curves that other programs have written: RELION, cryoSPARC, EMDB."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from .errors import ResultError
from .results import Result

__all__ = ["ForeignFSC", "read_fsc"]

Floats = NDArray[np.float64]

# relion_postprocess, block data_fsc
RELION = {
    "_rlnFourierShellCorrelationUnmaskedMaps": "unmasked",
    "_rlnFourierShellCorrelationMaskedMaps": "masked",
    "_rlnCorrectedFourierShellCorrelationPhaseRandomizedMaskedMaps": "phase-randomised, masked",
    "_rlnFourierShellCorrelationCorrected": "corrected",
    "_rlnFourierShellCorrelation": "FSC",
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ForeignFSC(Result):
    """An FSC curve of another program.

    Attributes
    ----------
    program : str
        'RELION', 'cryoSPARC' or 'EMDB'.
    label : str
        Which of its curves.
    frequency : ndarray, shape (N,)
        1/Å, increasing, above 0.
    fsc : ndarray, shape (N,)
        Its values.
    """

    program: str
    label: str
    frequency: Floats
    fsc: Floats


def read_fsc(path: str | os.PathLike[str], *, box_length: float | None = None) -> tuple[ForeignFSC, ...]:
    """FSC curves of a relion_postprocess star file, a cryoSPARC text file or an EMDB XML file.

    Parameters
    ----------
    path : path
        Ending in .star, .xml, or anything else for cryoSPARC's columns of text.
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
    source = Path(path)
    if not source.is_file():
        raise ResultError(f"There is no FSC file {source}; check the path.")
    kind = source.suffix.lower()
    if kind == ".star":
        return _read_relion(source)
    if kind == ".xml":
        return _read_emdb(source)
    return _read_cryosparc(source, box_length)


def _curve(program: str, label: str, frequency: Sequence[float], values: Sequence[float]) -> ForeignFSC:
    f, y = np.asarray(frequency, dtype=np.float64), np.asarray(values, dtype=np.float64)
    order = np.argsort(f)
    order = order[f[order] > 0]
    return ForeignFSC(program=program, label=label, frequency=f[order], fsc=y[order])


def _read_relion(source: Path) -> tuple[ForeignFSC, ...]:
    from gemmi import cif

    wanted = "a loop data_fsc with _rlnResolution, as relion_postprocess writes it"
    try:
        document = cif.read(str(source))
        blocks = [block for block in document if block.name == "fsc"] or list(document)
        for block in blocks:
            x = [float(v) for v in block.find_values("_rlnResolution")]
            if not x:
                continue
            found = {label: [float(v) for v in block.find_values(tag)] for tag, label in RELION.items()}
            curves = [_curve("RELION", label, x, y) for label, y in found.items() if len(y) == len(x)]
            if curves:
                return tuple(curves)
    except (ValueError, RuntimeError, OSError) as error:
        raise ResultError(f"{source} can't be read as a star file; it should hold {wanted}.") from error
    raise ResultError(f"{source} holds no FSC; it should hold {wanted}.")


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


def _read_cryosparc(source: Path, box_length: float | None) -> tuple[ForeignFSC, ...]:
    wanted = "a line of names beginning with wave_number, and numbers below"
    try:
        lines = [line.replace(",", " ").split() for line in source.read_text(encoding="utf-8").splitlines()]
        lines = [line for line in lines if line]
        if not lines or "wave_number" not in lines[0]:
            raise ResultError(f"{source} holds no FSC of cryoSPARC; it should hold {wanted}.")
        names, table = lines[0], np.array([[float(v) for v in line] for line in lines[1:]])
        if table.ndim != 2 or table.shape[1] != len(names):
            raise ResultError(f"{source} has {len(names)} names but other numbers of columns; it should hold {wanted}.")
    except (UnicodeDecodeError, OSError) as error:
        raise ResultError(f"{source} can't be read as text; it should hold {wanted}.") from error
    except ResultError:
        raise
    except ValueError as error:
        raise ResultError(f"{source} holds something that isn't a number; it should hold {wanted}.") from error
    if box_length is None or not box_length > 0:
        raise ResultError(
            f"{source} numbers its shells; give the box length in Å (box size times voxel size) to read it."
        )
    x = table[:, names.index("wave_number")] / box_length
    return tuple(
        _curve("cryoSPARC", CRYOSPARC.get(name, name), x.tolist(), table[:, i].tolist())
        for i, name in enumerate(names)
        if name.startswith("fsc_")
    )
