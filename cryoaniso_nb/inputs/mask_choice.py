"""The mask that goes with half maps: a file, an array, an atomic model's, or an automatic one."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeGuard

import numpy as np
from numpy.typing import NDArray

from ..engine.execution import LOCAL, Execution
from ..errors import MapError
from ..geometry.shells import box_text
from ..results.cautions import Caution
from .mrc import checked_array
from .mrc_header import SAME, Header, Volume, capital

if TYPE_CHECKING:
    from .models import AtomicModel

__all__ = ["ChosenMask", "MaskSource", "choose_mask", "is_file", "is_model"]

MaskSource: TypeAlias = "str | os.PathLike[str] | Volume | AtomicModel"

AUTO = "auto"
MODELS = (".cif", ".mmcif", ".pdb", ".ent")
COARSER = (1, 2, 4)  # times the usual low-pass, where nothing stands out


@dataclass(frozen=True, slots=True, eq=False)
class ChosenMask:
    """A mask and what there is to say of it.

    Attributes
    ----------
    mask : ndarray of float32, shape (nz, ny, nx), or None
        Multiplies both halves.
    label : str
        'none', 'auto', 'array', or the name of the mask's or the model's file.
    warnings : tuple of Caution
        What is odd about it, or how it came about.
    """

    mask: NDArray[np.float32] | None
    label: str
    warnings: tuple[Caution, ...] = ()


class Masked(Protocol):
    """What the choice of a mask reads of half maps."""

    @property
    def box(self) -> tuple[int, int, int]:
        """Voxels along (z, y, x)."""

    @property
    def voxel_size(self) -> float:
        """Å."""

    @property
    def origin(self) -> tuple[float, float, float]:
        """(x, y, z) of the first voxel in Å."""

    def mean(self) -> NDArray[np.float32]:
        """The mean of both halves."""


def is_file(mask: Any) -> TypeGuard[str | os.PathLike[str]]:
    """Whether a mask is given as a file.

    Parameters
    ----------
    mask : path, ndarray, AtomicModel, 'auto' or None
        As given.

    Returns
    -------
    bool
        True for a path.

    Examples
    --------
    >>> is_file("mask.mrc"), is_file("auto"), is_file(None)
    (True, False, False)
    """
    return isinstance(mask, (str, os.PathLike)) and mask != AUTO


def choose_mask(
    mask: MaskSource, maps: Masked, *, any_voxel_size: bool = False, execution: Execution = LOCAL
) -> ChosenMask:
    """The mask that is meant, on the box of the half maps.

    Parameters
    ----------
    mask : path, ndarray, AtomicModel or 'auto'
        A map file or an array with values 0 to 1 on the same box; an atomic model or its file,
        whose atoms get a soft mask; 'auto' for one made from the mean map. Where no particle stands out
        there, the mean map is low-passed further, twice and four times; then a sphere as large as the
        box serves. A particle that fills the box gets no mask. The warnings say which it was.
    maps : HalfMaps
        What it is for.
    any_voxel_size : bool
        Whether a file with another voxel size in its header goes without a word.
    execution : Execution
        What stops it.

    Returns
    -------
    ChosenMask
        With its label, and what there is to say of it.

    Raises
    ------
    MapError
        When a file can't be read, or its box doesn't fit.
    ModelError
        When a model can't be read, or lies outside the box.
    Cancelled
        When ``execution.cancel`` was set.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> noise = ca.simulate_half_maps(box=32, voxel_size=4.0, preset="isotropic", signal="noise", seed=0)
    >>> choose_mask("auto", noise).warnings[0][:36]
    'No particle stands out from the nois'
    """
    if isinstance(mask, str) and mask == AUTO:
        return _automatic(maps, execution)
    if isinstance(mask, np.ndarray) or (is_file(mask) and not is_model(mask)):
        return _loaded(mask, maps, any_voxel_size, execution.cancel)
    from .masks import model_mask
    from .models import AtomicModel, read_model

    model = mask if isinstance(mask, AtomicModel) else read_model(mask)
    return ChosenMask(model_mask(model, maps.box, maps.voxel_size, origin=maps.origin), model.name, model.warnings)


def is_model(path: str | os.PathLike[str]) -> bool:
    """Whether a file is an atomic model, by its ending.

    Parameters
    ----------
    path : path
        Of a mask.

    Returns
    -------
    bool
        True for mmCIF and PDB files, gzipped or not.

    Examples
    --------
    >>> is_model("a.cif.gz"), is_model("mask.mrc")
    (True, False)
    """
    return Path(str(path).lower().removesuffix(".gz")).suffix in MODELS


def _automatic(maps: Masked, execution: Execution) -> ChosenMask:
    from .masks import LOW_PASS, FillsBoxError, NoParticleError, auto_mask, sphere_mask

    finest = max(LOW_PASS, 3 * maps.voxel_size)
    for times in COARSER:
        try:
            made = auto_mask(maps, low_pass=times * finest, execution=execution)
        except FillsBoxError:
            said = "The particle fills nearly the whole box: no automatic mask was made, none is applied."
            return ChosenMask(None, "none", (Caution("mask-fallback", said),))
        except NoParticleError:
            continue
        if times == 1:
            return ChosenMask(made, AUTO)
        said = (
            f"No particle stands out from the noise at {finest:.0f} Å: the automatic mask was made from the mean map "
            f"at {times * finest:.0f} Å and is wider than usual; see that it fits."
        )
        return ChosenMask(made, AUTO, (Caution("mask-fallback", said),))
    edge = max(3, min(maps.box) // 10)
    radius = min(maps.box) // 2 - edge
    said = (
        f"No particle stands out from the noise in the mean map: instead of an automatic mask a sphere of "
        f"{radius * maps.voxel_size:.0f} Å with a soft edge is used, as large as the box allows."
    )
    return ChosenMask(sphere_mask(maps.box, radius, edge), AUTO, (Caution("mask-fallback", said),))


def _loaded(
    mask: str | os.PathLike[str] | Volume, maps: Masked, any_voxel_size: bool, cancel: threading.Event | None
) -> ChosenMask:
    found: list[Caution] = []
    if isinstance(mask, np.ndarray):
        name, label = "the mask (an array)", "array"
        raw = checked_array(mask, name)
    else:
        header = Header.of(mask)
        name, label = f"the mask {header.path}", header.path.name
        raw, size = header.voxels(cancel), header.lengths()[0]
        if not any_voxel_size and size > 0 and abs(size - maps.voxel_size) > SAME * maps.voxel_size:
            text = (
                f"{capital(name)} has voxels of {size:.5g} Å in its header, the half maps of {maps.voxel_size:g} Å: "
                "it is used voxel by voxel all the same."
            )
            found.append(Caution("mask-voxel-size", text))
    if raw.shape != maps.box:
        raise MapError(
            f"{capital(name)} has a box of {box_text(raw.shape)}, the half maps one of {box_text(maps.box)}; "
            "make the mask on the half maps' box."
        )
    values = np.ascontiguousarray(raw, dtype=np.float32)
    low, high = float(values.min()), float(values.max())
    if not np.isfinite(low + high):
        raise MapError(f"{capital(name)} holds NaN or infinite voxels; make it again.")
    if low == high == 0:
        raise MapError(f"{capital(name)} is zero everywhere; give one that covers the particle.")
    if low < -SAME or high > 1 + SAME:
        text = f"{capital(name)} has values from {low:.4g} to {high:.4g}, outside 0 to 1: it is used as it is."
        found.append(Caution("mask-values", text))
    return ChosenMask(values, label, tuple(found))
