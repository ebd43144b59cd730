"""A map against an atomic model: directional FSC and FSO at 0.5."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine.execution import LOCAL, Execution
from ..errors import MapError, ModelError
from ..inputs.half_maps import HalfMaps, MapData, open_half_maps, read_map, with_mask
from ..inputs.mask_choice import MaskSource, is_file
from ..inputs.models import AtomicModel, model_density, read_model
from ..inputs.mrc import map_origin
from ..results.cautions import Caution
from ..results.types import InputFile
from .run import AnalysisResult, analyze

__all__ = ["analyze_against_model"]

LOWEST = slice(1, 6)  # shells 2 to 6: where a model in its place must agree with its map
NOWHERE, DOUBTFUL = 0.1, 0.5
INSIDE = 1.0  # standard deviations of the map above its mean, at the atoms of a model that lies in it


def analyze_against_model(
    volume: str | os.PathLike[str] | MapData | HalfMaps | NDArray[Any],
    model: str | os.PathLike[str] | AtomicModel,
    *,
    mask: MaskSource | None = None,
    voxel_size: float | None = None,
    origin: tuple[float, float, float] | None = None,
    assembly: bool | str = False,
    resolution: float | None = None,
    threshold: float = 0.5,
    cone_half_angle: float = 17.0,
    n_axes: int = 321,
    execution: Execution = LOCAL,
) -> AnalysisResult:
    """Directional FSC between a map and an atomic model.

    The model's density, from electron form factors and B factors, takes the place of the
    second half map. A molecule's own power varies over directions, and with it dFSC against
    noise that is even; so the verdict compares dFSC with what the model's power in each cone
    would give under even noise (`even_noise` of the result).

    Parameters
    ----------
    volume : path, MapData, HalfMaps or ndarray
        The map (z, y, x); of half maps their mean.
    model : path or AtomicModel
        mmCIF or PDB file, fitted into the map.
    mask : path, ndarray, AtomicModel or 'auto', optional
        Multiplies both, see `open_half_maps`; of half maps their own unless given.
    voxel_size : float, optional
        Å; needed for arrays, overrides a header.
    origin : tuple of float, optional
        (x, y, z) of the first voxel in Å, instead of the header's.
    assembly : bool or str
        Build the biological assembly: True for the file's first one, or its name.
    resolution : float, optional
        Å, blurs the model; it changes weights within a cone hardly, and a mask's effect a little.
    threshold : float
        chi, 0.5 for map to model.
    cone_half_angle : float
        Degrees, 3 to 45.
    n_axes : int
        6, 21, 81, 321, 1281 or 5121.
    execution : Execution
        Where to compute, what hears of progress, what stops it.

    Returns
    -------
    AnalysisResult
        As of `analyze`; its `at_500` is the map-model resolution.

    Raises
    ------
    ModelError
        When the model can't be read, lies outside the map's box, or doesn't overlap with the map.
    MapError
        When the map can't be read, or an array comes without voxel size.
    SettingsError
        For settings out of range.
    Cancelled
        When ``execution.cancel`` was set.

    Examples
    --------
    >>> import gemmi
    >>> rng, atoms, residue = np.random.default_rng(0), gemmi.Model(1), gemmi.Residue()
    >>> positions = rng.uniform(16, 48, (50, 3))
    >>> for position in positions:
    ...     atom = gemmi.Atom()
    ...     atom.element, atom.b_iso, atom.pos = gemmi.Element("C"), 30.0, gemmi.Position(*position)
    ...     _ = residue.add_atom(atom)
    >>> chain = gemmi.Chain("A")
    >>> _ = chain.add_residue(residue)
    >>> _ = atoms.add_chain(chain)
    >>> model = AtomicModel("chance", atoms, positions)
    >>> density = model_density(model, (32, 32, 32), 2.0)
    >>> noisy = density + 0.1 * density.std() * rng.normal(size=density.shape)
    >>> bool(analyze_against_model(noisy, model, voxel_size=2.0).global_fsc.fsc[3] > 0.9)
    True
    """
    data = _as_map(volume, voxel_size)
    atoms = model if isinstance(model, AtomicModel) else read_model(model, assembly=assembly)
    start = map_origin(data) if origin is None else origin
    density = model_density(atoms, data.box, data.voxel_size, origin=start, resolution=resolution)
    observed = np.asarray(data.data, dtype=np.float32)
    density *= np.float32(observed.std() / density.std())  # of no effect on FSC, but a mask looks at the mean
    pair = open_half_maps(observed, density, voxel_size=data.voxel_size, origin=start)
    inputs, files = _inputs(volume, data, model, atoms, mask)
    pair = dataclasses.replace(pair, inputs=inputs, files=files, warnings=(*data.warnings, *atoms.warnings))
    if mask is not None:
        pair = with_mask(pair, mask, any_voxel_size=voxel_size is not None, execution=execution)
    elif isinstance(volume, HalfMaps):
        pair = dataclasses.replace(pair, mask=volume.mask, mask_label=volume.mask_label)
    result = analyze(
        pair,
        cone_half_angle=cone_half_angle,
        threshold=threshold,
        n_axes=n_axes,
        execution=execution,
    )
    result = result.with_even_noise(execution=execution)
    return _judged(result, data.name or "the map", atoms.name, _at_atoms(data, atoms, start))


def _as_map(volume: Any, voxel_size: float | None) -> MapData:
    if isinstance(volume, HalfMaps):
        size, name = voxel_size or volume.voxel_size, "the mean of the half maps"
        return MapData(data=volume.mean(), voxel_size=size, origin=volume.origin, name=name)
    if isinstance(volume, MapData):
        return volume if voxel_size is None else dataclasses.replace(volume, voxel_size=voxel_size)
    if isinstance(volume, np.ndarray):
        if volume.ndim != 3 or not np.isrealobj(volume):
            raise MapError(
                f"The map is an array of shape {volume.shape}, type {volume.dtype}; give a real volume (z, y, x)."
            )
        if voxel_size is None:
            raise MapError("A map given as an array needs voxel_size in Å.")
        return MapData(data=volume, voxel_size=voxel_size)
    return read_map(volume, voxel_size)


def _inputs(
    volume: Any, data: MapData, model: Any, atoms: AtomicModel, mask: Any
) -> tuple[tuple[InputFile, ...], tuple[Path, ...]]:
    """The files behind the comparison, those on disk first and in the order of their paths."""
    given = [("map", volume), ("model", model), ("mask", mask)]
    known = [(role, Path(s)) for role, s in given if is_file(s)]
    inputs = [InputFile(role=role, name=path.name) for role, path in known]
    roles = {role for role, _ in known}
    if "map" not in roles:
        inputs.append(InputFile(role="map", name=data.name or "array"))
    if "model" not in roles:
        inputs.append(InputFile(role="model", name=atoms.name))
    return tuple(inputs), tuple(path for _, path in known)


def _at_atoms(data: MapData, atoms: AtomicModel, start: tuple[float, float, float]) -> float:
    """The map's mean at the voxels of the atoms, in its standard deviations above its mean."""
    index = np.rint((atoms.positions - start) / data.voxel_size).astype(np.int64)[:, ::-1]
    values = np.asarray(data.data[tuple(np.clip(index, 0, np.array(data.box) - 1).T)], dtype=np.float64)
    return float((values.mean() - np.mean(data.data, dtype=np.float64)) / np.std(data.data, dtype=np.float64))


def _judged(result: AnalysisResult, volume: str, model: str, height: float) -> AnalysisResult:
    """The result, with a word on whether the model lies where the map is; `height` is that of the map at its atoms."""
    low = float(np.nanmean(result.global_fsc.fsc[LOWEST]))
    first, last = (
        1 / result.global_fsc.frequency[i] for i in (LOWEST.start, min(LOWEST.stop, result.global_fsc.fsc.size) - 1)
    )
    where = f"their FSC is {low:.2f} between {first:.0f} and {last:.0f} Å"
    if not low >= NOWHERE and height < INSIDE:
        raise ModelError(
            f"{model} and {volume} don't overlap ({where}, and the map at the atoms lies only {height:.1f} standard "
            "deviations above its mean): fit the model into this map, or check its origin, voxel size and hand."
        )
    if low >= DOUBTFUL:
        return result
    text = f"{model} hardly agrees with {volume} even at low resolution ({where}): is it fitted, and complete?"
    if height >= INSIDE:
        text = (
            f"{model} hardly agrees with {volume} even at low resolution ({where}), though the map at its atoms lies "
            f"{height:.1f} standard deviations above its mean: if it is a part of what the map shows, mask the map "
            "around it (--mask-from)."
        )
    note = Caution("model-misfit", text)
    return result.replace(map_warnings=(*result.map_warnings, note), warnings=(*result.warnings, note))
