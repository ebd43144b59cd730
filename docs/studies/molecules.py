"""Molecules on a grid: real ones from their coordinates, and random chains under a point group.

The coordinates of real ones (PDB entries 7l2i, 7a4m and 3j06) are read from the folder named by
CRYOANISO_STUDY_ATOMS, as 7l2i.cif, 7a4m.cif and 3j06.pdb, or as the small .npz files that

    python -m docs.studies.molecules FOLDER OUT

makes of them (then gemmi isn't needed where the studies run).
"""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from pathlib import Path

import numba
import numpy as np
import scipy.ndimage
from scipy.spatial.transform import Rotation

from .groups import rotations

REAL = ("trpv1", "trpv1-chain", "apoferritin", "apoferritin-chain", "tmv")
SYNTHETIC = ("syn-C1", "syn-C2", "syn-C4", "syn-D2", "syn-D7", "syn-O")
FIELDS = ("field-C1", "field-C2", "field-C4", "field-D2", "field-D7", "field-O")  # featureless, fill the box
MASKS = ("none", "loose", "tight")
FILES = {"trpv1": "7l2i.cif", "apoferritin": "7a4m.cif", "tmv": "3j06.pdb"}
APOFERRITIN_CENTER = 136.49921 / 2  # Å, on all three axes of 7a4m
BLOB = 0.7  # voxels, standard deviation of an atom
FILL = 0.62  # of the box, the molecule's diameter
Atoms = tuple[np.ndarray, str]


# --- coordinates --------------------------------------------------------------------------


def read_chains(path: Path) -> dict[str, np.ndarray]:
    """Atoms of every chain of a coordinate file: x, y, z in Å and the atomic number, without H and water."""
    if path.with_suffix(".npz").exists():
        with np.load(path.with_suffix(".npz")) as file:
            return dict(file)
    import gemmi

    chains = {}
    for chain in gemmi.read_structure(str(path))[0]:
        atoms = [
            (*atom.pos.tolist(), atom.element.atomic_number)
            for residue in chain
            for atom in residue
            if atom.element.atomic_number > 1 and residue.name != "HOH"
        ]
        if atoms:
            chains[chain.name] = np.array(atoms, dtype=np.float32)
    return chains


def _real_chains(molecule: str) -> list[np.ndarray]:
    folder = os.environ.get("CRYOANISO_STUDY_ATOMS")
    if folder is None:
        raise ValueError(f"{molecule} needs {FILES[molecule]}: set CRYOANISO_STUDY_ATOMS to the folder that has it")
    return [chain.astype(float) for chain in read_chains(Path(folder) / FILES[molecule]).values()]


def _about_z(chains: list[np.ndarray]) -> np.ndarray:
    """First chain of a C4 tetramer, turned so that the four-fold axis is z through the origin."""
    center = np.mean([chain[:, :3].mean(axis=0) for chain in chains], axis=0)
    first = chains[0][:, :3] - center
    turns = [Rotation.align_vectors(chain[:, :3] - center, first)[0] for chain in chains[1:]]
    quarter = next(turn for turn in turns if abs(turn.magnitude() - np.pi / 2) < 0.1)
    upright, _ = Rotation.align_vectors([[0, 0, 1.0]], [quarter.as_rotvec() / quarter.magnitude()])
    return np.c_[upright.apply(first), chains[0][:, 3]]


def _random_chain(random: np.random.Generator, residues: int, shape: np.ndarray) -> np.ndarray:
    """Self-avoiding walk of C-alpha atoms in an ellipsoid, seven atoms around each.

    Steps of 3.8 Å, atoms 4.2 Å apart where there is room, 140 Å^3 a residue as in proteins.
    """
    size = (residues * 140 / (4 / 3 * np.pi * np.prod(shape))) ** (1 / 3) * shape
    chain = np.zeros((residues, 3))
    heading = random.standard_normal(3)
    for i in range(1, residues):
        best, best_value = heading, -np.inf
        for _ in range(24):
            step = 0.7 * heading / np.linalg.norm(heading) + random.standard_normal(3)
            place = chain[i - 1] + 3.8 * step / np.linalg.norm(step)
            room = np.linalg.norm(chain[: i - 1] - place, axis=1).min() if i > 1 else 9.0
            outside = np.linalg.norm(place / size) - 1
            value = min(room, 4.2) - 4 * max(0.0, outside)
            if value > best_value:
                best, best_value = place, value
            if room >= 4.2 and outside <= 0:
                break
        heading = best - chain[i - 1]
        chain[i] = best
    return (chain[:, None] + random.normal(0, 1.3, (residues, 7, 3))).reshape(-1, 3)


def _synthetic_unit(name: str) -> np.ndarray:
    """Asymmetric unit of 'syn-GROUP' or 'syn-GROUP-number', so placed that neighbors touch."""
    _, group, *number = name.split("-")
    order = len(rotations(group))
    random = np.random.default_rng([int(number[0]) if number else 0, order])
    residues = int(random.integers(500, 900) if order == 1 else random.integers(150, 350))
    shape = np.array([1.0, random.uniform(0.6, 0.95), random.uniform(0.5, 0.8)])
    atoms = _random_chain(random, residues, shape)
    turn = Rotation.random(random_state=int(random.integers(1 << 30)))
    atoms = turn.apply(atoms - atoms.mean(axis=0))
    if order > 1:
        places = random.standard_normal((200, 3))
        places /= np.linalg.norm(places, axis=1, keepdims=True)
        gaps = [np.linalg.norm(rotations(group)[1:] @ place - place, axis=1).min() for place in places]
        best = int(np.argmax(gaps))
        radius = np.sqrt((atoms**2).sum(axis=1).mean())
        atoms += places[best] * 2.0 * radius / gaps[best]
    return np.c_[atoms, np.full(len(atoms), 7.0)]


@lru_cache(maxsize=64)
def atoms_of(molecule: str) -> Atoms:
    """All atoms (N, 4: x, y, z in Å about the origin, weight), and the point group."""
    base = molecule.removesuffix("-chain")
    if base.startswith("syn-"):
        unit, group = _synthetic_unit(base), base.split("-")[1]
    elif base == "trpv1":
        unit, group = _about_z(_real_chains(base)), "C4"
    elif base == "apoferritin":
        unit, group = _real_chains(base)[0], "O"
        unit[:, :3] -= APOFERRITIN_CENTER
    elif base == "tmv":
        unit, group = _real_chains(base)[0], "C1"
    else:
        raise ValueError(f"no molecule {molecule}: it must be one of {', '.join(REAL)} or syn-GROUP-number")
    if molecule.endswith("-chain"):
        group = "C1"
    if group == "C1":
        unit[:, :3] -= (unit[:, :3].min(axis=0) + unit[:, :3].max(axis=0)) / 2
    copies = np.concatenate([unit[:, :3] @ rotation.T for rotation in rotations(group)])
    return np.c_[copies, np.tile(unit[:, 3], len(rotations(group)))], group


# --- on the grid --------------------------------------------------------------------------


@numba.njit(cache=True, fastmath=True)
def splat(points, weights, sigma, reach, volume):
    """Add Gaussian blobs at points (x, y, z in voxels from n // 2) to a periodic volume (z, y, x)."""
    n = volume.shape[0]
    half, width = n // 2, 2 * reach + 1
    lines = np.empty((3, width), dtype=np.float32)
    first = np.empty(3, dtype=np.int64)
    for p in range(points.shape[0]):
        for a in range(3):
            c = points[p, a] + half
            first[a] = np.int64(np.floor(c + 0.5)) - reach
            for i in range(width):
                d = first[a] + i - c
                lines[a, i] = np.exp(-0.5 * d * d / (sigma * sigma))
        for iz in range(width):
            z = (first[2] + iz) % n
            for iy in range(width):
                y = (first[1] + iy) % n
                w = weights[p] * lines[2, iz] * lines[1, iy]
                for ix in range(width):
                    volume[z, y, (first[0] + ix) % n] += w * lines[0, ix]


@lru_cache(maxsize=32)
def density(molecule: str, box: int) -> tuple[np.ndarray, float, str]:
    """Density (box, box, box), the voxel size in Å that makes it fit, and the point group."""
    atoms, group = atoms_of(molecule)
    voxel_size = 2 * float(np.linalg.norm(atoms[:, :3], axis=1).max()) / (FILL * box)
    volume = np.zeros((box,) * 3, dtype=np.float32)
    splat(np.ascontiguousarray(atoms[:, :3] / voxel_size), atoms[:, 3].astype(np.float32), BLOB, 3, volume)
    volume.flags.writeable = False
    return volume, voxel_size, group


@lru_cache(maxsize=64)
def mask_of(molecule: str, box: int, kind: str) -> np.ndarray | None:
    """Soft mask: 'none' (None), 'loose' and 'tight' around the dilated density, 'sphere' of a radius of 0.37 boxes."""
    if kind == "none":
        return None
    if kind == "sphere" or molecule.startswith("field"):
        radius = {"sphere": 0.37, "loose": 0.36, "tight": 0.25}[kind] * box
        z, y, x = np.indices((box,) * 3) - box // 2
        distance, edge = np.sqrt(z**2 + y**2 + x**2) - radius, 0.05 * box
    else:
        blurred = scipy.ndimage.gaussian_filter(density(molecule, box)[0], 0.02 * box)
        grow, edge = {"loose": (0.06 * box, 0.09 * box), "tight": (0.015 * box, 0.05 * box)}[kind]
        inside = blurred > 0.12 * np.quantile(blurred, 0.999)
        distance = scipy.ndimage.distance_transform_edt(~inside) - grow
    mask = (0.5 + 0.5 * np.cos(np.pi * np.clip(distance / edge, 0, 1))).astype(np.float32)
    mask.flags.writeable = False
    return mask


def main() -> None:
    """Make the .npz files."""
    source, target = map(Path, sys.argv[1:3])
    target.mkdir(parents=True, exist_ok=True)
    for name in FILES.values():
        np.savez_compressed(target / Path(name).with_suffix(".npz"), **read_chains(source / name))


if __name__ == "__main__":
    main()
