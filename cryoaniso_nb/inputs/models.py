"""Atomic models and their scattering density on a map's grid (gemmi's electron form factors)."""

from __future__ import annotations

import os
from dataclasses import dataclass

import gemmi
import numpy as np
import scipy.fft
from numpy.typing import NDArray

from ..errors import ModelError, SettingsError
from ..geometry.shells import Box
from ..results.cautions import Caution
from ..results.fence import inside

__all__ = ["AtomicModel", "model_density", "read_model"]

Floats = NDArray[np.float64]

HEAVIEST = 98  # gemmi's table of electron form factors ends with californium
FINER = 1.5  # the grid atoms are put on, against the map's: keeps aliasing below 0.3 % at its Nyquist frequency
CUTOFF = 1e-6  # density at which an atom ends


@dataclass(frozen=True, slots=True, eq=False)
class AtomicModel:
    """Atoms of a model, ready to be put on a grid.

    Attributes
    ----------
    name : str
        File name.
    atoms : gemmi.Model
        Chains, residues and atoms, with all copies of the assembly if one was asked for.
    positions : ndarray, shape (N, 3)
        (x, y, z) of each atom in Å.
    copies : int
        Copies of the deposited chains in `atoms`.
    warnings : tuple of Caution
        What a user should know.
    """

    name: str
    atoms: gemmi.Model
    positions: Floats
    copies: int = 1
    warnings: tuple[Caution, ...] = ()

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def center(self) -> Floats:
        """Middle of the box around all atoms, (x, y, z) in Å."""
        return np.asarray((self.positions.min(axis=0) + self.positions.max(axis=0)) / 2)


def read_model(path: str | os.PathLike[str], *, assembly: bool | str = False) -> AtomicModel:
    """Read an atomic model.

    Parameters
    ----------
    path : path
        mmCIF or PDB file, gzipped or not; its first model is used.
    assembly : bool or str
        Build the biological assembly: True for the file's first one, or its name.

    Returns
    -------
    AtomicModel
        All atoms.

    Raises
    ------
    ModelError
        When the file is missing or unreadable, holds no atoms or atoms of unknown elements,
        or has no such assembly.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> line = "ATOM      1  CA  ALA A   1      11.000  12.000  13.000  1.00 20.00           C"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "one.pdb"
    ...     _ = path.write_text(line)
    ...     read_model(path).positions.tolist()
    [[11.0, 12.0, 13.0]]
    """
    source = inside(path)
    if not source.is_file():
        raise ModelError(f"There is no model file {source}; check the path.")
    try:
        structure = gemmi.read_structure(str(source))
    except (IndexError, ValueError, RuntimeError, OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{source.name} can't be read as an mmCIF or PDB file; is it damaged?") from error
    if len(structure) == 0 or structure[0].count_atom_sites() == 0:
        raise ModelError(f"{source.name} holds no atoms; give the coordinates (mmCIF or PDB) of the model.")
    _check_positions(structure[0], source.name)
    _check_elements(structure[0], source.name)
    deposited = structure[0].count_atom_sites()
    atoms = _assembled(structure, assembly, source.name) if assembly else structure[0]
    copies = round(atoms.count_atom_sites() / deposited)
    return AtomicModel(
        name=source.name,
        atoms=atoms,
        positions=np.array([site.atom.pos.tolist() for site in atoms.all()]),
        copies=copies,
        warnings=() if assembly else _unbuilt(structure, source.name),
    )


def _check_positions(model: gemmi.Model, source: str) -> None:
    """gemmi reads blank coordinates as 0."""
    nowhere = sum(1 for site in model.all() if site.atom.pos.tolist() == [0.0, 0.0, 0.0])
    if nowhere > 1:
        raise ModelError(
            f"{nowhere} atoms of {source} lie at 0, 0, 0 Å exactly, as blank coordinates do; mend the file."
        )


def _check_elements(model: gemmi.Model, source: str) -> None:
    """gemmi would take an unknown element for something, without a word."""
    unknown = [site for site in model.all() if not 1 <= site.atom.element.atomic_number <= HEAVIEST]
    if unknown:
        first = unknown[0]
        raise ModelError(
            f"{len(unknown)} of {model.count_atom_sites()} atoms in {source} have no element with a known "
            f"electron form factor (the first: atom {first.atom.name} of {first.residue.name} {first.residue.seqid}, "
            f"chain {first.chain.name}); name their elements or remove them."
        )


def _assembled(structure: gemmi.Structure, assembly: bool | str, source: str) -> gemmi.Model:
    names = [entry.name for entry in structure.assemblies]
    if not names:
        raise ModelError(f"{source} describes no biological assembly; leave assembly out, or give a file that does.")
    if isinstance(assembly, str) and assembly not in names:
        raise ModelError(f"{source} has no assembly '{assembly}', only {', '.join(names)}.")
    chosen = structure.assemblies[names.index(assembly) if isinstance(assembly, str) else 0]
    built = gemmi.make_assembly(chosen, structure[0], gemmi.HowToNameCopiedChain.Dup)
    if built.count_atom_sites() == 0:
        raise ModelError(f"Assembly {chosen.name} of {source} holds no atoms; its chains are missing from the file.")
    return built


def _unbuilt(structure: gemmi.Structure, source: str) -> tuple[Caution, ...]:
    copies = [sum(len(g.operators) for g in entry.generators) for entry in structure.assemblies]
    if copies and min(copies) > 1:
        text = (
            f"{source} describes an assembly of {copies[0]} copies and only the deposited one is used: "
            "ask for the assembly if the map shows it whole."
        )
        return (Caution("assembly-unbuilt", text),)
    return ()


def model_density(
    model: AtomicModel,
    box: Box,
    voxel_size: float,
    *,
    origin: tuple[float, float, float] | None = (0.0, 0.0, 0.0),
    resolution: float | None = None,
) -> NDArray[np.float32]:
    """Scattering density of a model for electrons, on the grid of a map.

    Form factors and B factors are the atoms' own; atoms are put on a finer grid, from which
    the map's frequencies are cut out.

    Parameters
    ----------
    model : AtomicModel
        From `read_model`.
    box : tuple of int
        Voxels along (z, y, x).
    voxel_size : float
        Å.
    origin : tuple of float, or None
        (x, y, z) of the first voxel in Å; None centres the model in the box.
    resolution : float, optional
        Å: blurs by a Gaussian whose transform falls to 1/e at this resolution.

    Returns
    -------
    ndarray of float32, shape `box`
        The density (z, y, x).

    Raises
    ------
    ModelError
        When atoms lie outside the box.
    SettingsError
        For a voxel size or resolution that isn't positive.

    Examples
    --------
    >>> atoms = gemmi.Model(1)
    >>> residue = gemmi.Residue()
    >>> carbon = gemmi.Atom()
    >>> carbon.element, carbon.b_iso, carbon.pos = gemmi.Element("C"), 20.0, gemmi.Position(6, 4, 2)
    >>> _ = residue.add_atom(carbon)
    >>> chain = gemmi.Chain("A")
    >>> _ = chain.add_residue(residue)
    >>> _ = atoms.add_chain(chain)
    >>> model = AtomicModel("one carbon", atoms, np.array([[6.0, 4.0, 2.0]]))
    >>> density = model_density(model, (16, 16, 16), 1.0)
    >>> [int(i) for i in np.unravel_index(density.argmax(), density.shape)]
    [2, 4, 6]
    """
    for name, value in (("voxel size", voxel_size), ("resolution", 1.0 if resolution is None else resolution)):
        if not (np.isfinite(value) and value > 0):
            raise SettingsError(f"The {name} is {value:g} Å, but it must be positive.")
    size = np.array(box[::-1]) * voxel_size
    start = (
        model.center - (np.array(box[::-1]) // 2) * voxel_size if origin is None else np.asarray(origin, dtype=float)
    )
    _check_placement(model, start, size, voxel_size)
    shape = tuple(int(scipy.fft.next_fast_len(int(np.ceil(FINER * n)), real=True)) for n in box)
    calculator = gemmi.DensityCalculatorE()
    calculator.cutoff = CUTOFF
    calculator.grid.set_unit_cell(gemmi.UnitCell(float(size[0]), float(size[1]), float(size[2]), 90, 90, 90))
    calculator.grid.spacegroup = gemmi.SpaceGroup("P 1")
    calculator.grid.set_size(*shape[::-1])
    spacing = float((size / shape[::-1]).max())
    sharpest = min(site.atom.b_iso for site in model.atoms.all())
    calculator.blur = max(0.0, 8 * np.pi**2 * (0.95 * spacing) ** 2 - sharpest)
    moved = model.atoms.clone()
    moved.transform_pos_and_adp(gemmi.Transform(gemmi.Mat33(), gemmi.Vec3(*(-start).tolist())))
    calculator.add_model_density_to_grid(moved)
    return _cut(np.asarray(calculator.grid.array).T, box, size[::-1], calculator.blur, resolution)


def _check_placement(model: AtomicModel, start: Floats, size: Floats, voxel_size: float) -> None:
    inside = ((model.positions >= start - voxel_size / 2) & (model.positions <= start + size - voxel_size / 2)).all(
        axis=1
    )
    if inside.all():
        return
    lost = (
        f"All {len(model)} atoms of {model.name} lie"
        if not inside.any()
        else f"{(~inside).sum()} of {len(model)} atoms of {model.name} lie"
    )
    low, high = (", ".join(f"{value:.0f}" for value in corner[::-1]) for corner in (start, start + size))
    raise ModelError(
        f"{lost} outside the map's box, which reaches from ({low}) to ({high}) Å (z, y, x); "
        "fit the model into this map, or check the map's origin and voxel size."
    )


def _cut(
    fine: NDArray[np.float32], box: Box, size: Floats, blur: float, resolution: float | None
) -> NDArray[np.float32]:
    """The map's frequencies of a finer grid, with the grid's blur undone and the wanted one applied."""
    transform = scipy.fft.rfftn(fine, workers=-1)
    for axis, count in enumerate(box[:2]):
        low = (count + 1) // 2
        keep = np.r_[0:low, fine.shape[axis] - (count - low) : fine.shape[axis]]
        transform = np.take(transform, keep, axis=axis)
    transform = transform[:, :, : box[2] // 2 + 1]
    fz, fy = (np.fft.fftfreq(n, s / n) for n, s in zip(box[:2], size[:2], strict=True))
    fx = np.fft.rfftfreq(box[2], size[2] / box[2])
    square = fz[:, None, None] ** 2 + fy[:, None] ** 2 + fx**2
    nyquist = 0.25 * max(n / s for n, s in zip(box, size, strict=True)) ** 2
    exponent = blur / 4 * np.minimum(square, nyquist)  # the corners hold little but rounding
    if resolution is not None:
        exponent -= resolution**2 * square
    transform *= np.exp(exponent).astype(np.float32)
    density = scipy.fft.irfftn(transform, s=box, workers=-1)
    return np.asarray(density * (np.prod(box) / fine.size), dtype=np.float32)
