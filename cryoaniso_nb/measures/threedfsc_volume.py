"""The 3DFSC volume: directional FSC as a value at every voxel of Fourier space."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from ..engine.blocks import nodes_for
from ..engine.execution import LOCAL, Execution
from ..engine.tasks import map_tasks
from ..errors import ResultError
from ..geometry.directions import cube_nodes
from ..geometry.shells import Box, coordinates, n_shells, shell_frequencies
from ..kernels import histogram as kernels
from ..kernels import volume as kernels_volume
from ..results.types import DirectionalFSC, Result

__all__ = ["CentralSlices", "ThreeDFSC", "central_slices", "centred_coordinates", "node_table", "threedfsc"]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

PLANES = 16  # z planes a task fills: a stop is heard within some 30 ms at 512^3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ThreeDFSC(Result):
    """FSC in the cone around every voxel of Fourier space.

    Attributes
    ----------
    volume : ndarray of float32, shape (nz, ny, nx)
        Zero frequency at index n // 2 with value 1; 0 beyond the Nyquist shell; equal at
        k and -k to the last bit; no NaN.
    voxel_size : float
        Of the map, Å: the volume's axes are frequencies with step 1/(n voxel_size).
    definition : str
        'project' (mean of dFSC over the axes in a cone, weighted as in eq. 1 of the paper) or
        'tan2017' (FSC of the shell's voxels in a hard cone, doi 10.1038/nmeth.4347).
    cone_half_angle : float
        Degrees.
    n_axes : int
        Number of cone axes that the values come from; 0 where each voxel has its own.
    cutoff_shell : int
        Last shell with values; the rest are 0.
    filled : float
        Share of the voxels within the cut-off that no cone measured: they hold their
        shell's global FSC.
    """

    volume: Annotated[Singles, "nz", "ny", "nx"]
    voxel_size: float
    definition: str
    cone_half_angle: float
    n_axes: int
    cutoff_shell: int
    filled: float

    @property
    def labels(self) -> tuple[str, ...]:
        """What the volume is, in lines of at most 80 characters as MRC headers hold them."""
        nz, ny, nx = self.volume.shape
        how = {
            "project": f"mean dFSC of {self.n_axes} axes in {self.cone_half_angle:g} degree cones",
            "tan2017": f"hard {self.cone_half_angle:g} degree cones as in Tan et al. 2017",
        }[self.definition]
        return (
            f"3DFSC, cryoaniso_nb: {how}",
            f"Axes are spatial frequency, step 1/(n voxel size), n = {nz}, {ny}, {nx} (z, y, x)",
            f"Zero frequency at index n//2 = {nz // 2}, {ny // 2}, {nx // 2}; FSC, 0 past shell {self.cutoff_shell}",
        )

    def write_mrc(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write the volume as MRC, with the map's voxel size and labels that say what it is.

        Parameters
        ----------
        path : path
            Where to write.
        overwrite : bool
            Replace a file that exists.

        Returns
        -------
        Path
            The file written.

        Raises
        ------
        OutputError
            When the file exists, or the folder can't be written to.
        """
        from ..inputs.half_maps import write_map

        write_map(path, self.volume, self.voxel_size, labels=self.labels, overwrite=overwrite)
        return Path(path)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class CentralSlices(Result):
    """The three planes of the 3DFSC volume through zero frequency (paper, Fig. 1d).

    Attributes
    ----------
    xy : ndarray of float32, shape (ny, nx)
        kz = 0; rows along y.
    xz : ndarray of float32, shape (nz, nx)
        ky = 0; rows along z.
    yz : ndarray of float32, shape (nz, ny)
        kx = 0; rows along z.
    x, y, z : ndarray
        Frequencies of the columns and rows, 1/Å, ascending.
    """

    xy: Annotated[Singles, "ny", "nx"]
    xz: Annotated[Singles, "nz", "nx"]
    yz: Annotated[Singles, "nz", "ny"]
    x: Annotated[Floats, "nx"]
    y: Annotated[Floats, "ny"]
    z: Annotated[Floats, "nz"]


def centred_coordinates(box: Box) -> tuple[Singles, Singles, Singles]:
    """Frequencies along z, y, x in ascending order, zero at index n // 2.

    Parameters
    ----------
    box : tuple of int
        Voxels along (z, y, x).

    Returns
    -------
    tuple of ndarray of float32
        In units of 1/(longest side); an even side starts at minus half the longest side.

    Examples
    --------
    >>> centred_coordinates((4, 5, 4))[0].tolist()
    [-2.5, -1.25, 0.0, 1.25]
    """
    nx = box[2]
    z, y, half = coordinates(box)  # the same numbers as the histogram's, so that shells are too
    x = np.concatenate([-half[nx // 2 : 0 : -1], half[: (nx + 1) // 2]])
    return np.fft.fftshift(z).astype(np.float32), np.fft.fftshift(y).astype(np.float32), x.astype(np.float32)


def node_table(dfsc: DirectionalFSC, global_fsc: Floats, nodes_per_face: int) -> tuple[Singles, NDArray[np.bool_]]:
    """The volume's values on the cube-face nodes: sum of w dFSC over sum of w.

    Parameters
    ----------
    dfsc : DirectionalFSC
        dFSC of every axis; unmeasured values are left out of both sums.
    global_fsc : ndarray, shape (S,)
        What a node gets where no axis in its cone is measured.
    nodes_per_face : int
        Nodes along a face's side.

    Returns
    -------
    table : ndarray of float32, shape (3 nodes_per_face^2, S + 1)
        Shells 0 (value 1) to Nyquist.
    measured : ndarray of bool, shape (3 nodes_per_face^2, S)
        Where an axis in the cone is measured.

    Examples
    --------
    >>> from cryoaniso_nb.geometry.directions import areas, axes_for
    >>> dfsc = DirectionalFSC(frequency=np.array([0.1]), axes=axes_for(81), areas=areas(81),
    ...                       values=np.full((81, 1), 0.5), n_eff=np.ones((81, 1)), done=np.ones(81, dtype=bool))
    >>> table, measured = node_table(dfsc, np.array([0.5]), 9)
    >>> table[0].tolist(), bool(measured.all())
    ([1.0, 0.5], True)
    """
    values = dfsc.values[dfsc.done]
    finite = np.isfinite(values)
    shells = values.shape[1]
    rows = np.concatenate([np.where(finite, values, 0.0), finite], axis=1).astype(np.float32)
    nodes = cube_nodes(nodes_per_face)
    sums = np.zeros((len(nodes), rows.shape[1]), dtype=np.float32)
    kernels.add_cones(
        nodes.astype(np.float32),
        np.ascontiguousarray(dfsc.axes[dfsc.done].T, dtype=np.float32),
        rows,
        np.ones(len(rows), dtype=np.float32),
        float(np.deg2rad(dfsc.cone_half_angle)),
        sums,
        np.zeros(len(nodes)),
    )
    table = np.ones((len(nodes), shells + 1), dtype=np.float32)
    weight = sums[:, shells:]
    measured = weight > 0
    fallback = np.nan_to_num(global_fsc).astype(np.float32)
    table[:, 1:] = fallback
    np.divide(sums[:, :shells], weight, out=table[:, 1:], where=measured)
    return table, measured


def threedfsc(
    dfsc: DirectionalFSC,
    global_fsc: Floats,
    *,
    nodes_per_face: int | None = None,
    execution: Execution = LOCAL,
) -> ThreeDFSC:
    """The 3DFSC volume of a directional FSC, in this project's definition.

    The value at a voxel of shell s is the mean of dFSC(s, d) over the axes d within the cone
    around it, with the weights of the paper's eq. 1 (doi 10.1038/s41592-023-01874-3). It is
    computed on the nodes of three cube faces and interpolated bilinearly between them: the
    error is below 5 % of dFSC's own noise, 1/sqrt(2 n_eff).

    Parameters
    ----------
    dfsc : DirectionalFSC
        dFSC of every axis, with its box, voxel size and cone.
    global_fsc : ndarray, shape (S,)
        FSC of whole shells, for voxels that no cone measures.
    nodes_per_face : int, optional
        Fineness of the interpolation; by default that of the histogram.
    execution : Execution
        What hears of progress, what stops it.

    Returns
    -------
    ThreeDFSC
        The whole volume, float32.

    Raises
    ------
    ResultError
        When `dfsc` has no box, or other shells than its box.
    Cancelled
        When ``execution.cancel`` was set.

    Examples
    --------
    >>> from cryoaniso_nb.geometry.directions import areas, axes_for
    >>> dfsc = DirectionalFSC(frequency=np.arange(1, 9) / 16, axes=axes_for(81), areas=areas(81),
    ...                       values=np.full((81, 8), 0.5), n_eff=np.ones((81, 8)), done=np.ones(81, dtype=bool),
    ...                       box=(16, 16, 16), voxel_size=1.0)
    >>> threedfsc(dfsc, np.full(8, 0.5)).volume[8, 8, 6:10].tolist()
    [0.5, 0.5, 1.0, 0.5]
    """
    box, voxel_size = _checked_box(dfsc)
    side = nodes_for(dfsc.cone_half_angle) if nodes_per_face is None else nodes_per_face
    table, measured = node_table(dfsc, global_fsc, side)
    z, y, x = centred_coordinates(box)
    volume = np.zeros(box, dtype=np.float32)
    nyquist = -max(box) / 2

    def fill(start: int) -> None:
        kernels_volume.fill_volume(table, side, z, y, x, nyquist, start, min(start + PLANES, box[0]), volume)

    map_tasks(fill, range(0, box[0], PLANES), stage="3DFSC volume", execution=execution.on_this_machine())
    shells = np.arange(1, n_shells(box) + 1)
    return ThreeDFSC(
        volume=volume,
        voxel_size=voxel_size,
        definition="project",
        cone_half_angle=dfsc.cone_half_angle,
        n_axes=int(dfsc.done.sum()),
        cutoff_shell=n_shells(box),
        filled=float(np.average((~measured).mean(axis=0), weights=shells.astype(np.float64) ** 2)),
    )


def central_slices(
    dfsc: DirectionalFSC,
    global_fsc: Floats,
    *,
    nodes_per_face: int | None = None,
) -> CentralSlices:
    """The three central planes of the 3DFSC volume, without the rest of it.

    Parameters
    ----------
    dfsc : DirectionalFSC
        dFSC of every axis, with its box, voxel size and cone.
    global_fsc : ndarray, shape (S,)
        FSC of whole shells, for voxels that no cone measures.
    nodes_per_face : int, optional
        Fineness of the interpolation, as in `threedfsc`.

    Returns
    -------
    CentralSlices
        The planes and the frequencies of their rows and columns; contours at chi are where
        the paper draws the resolution.

    Raises
    ------
    ResultError
        When `dfsc` has no box, or other shells than its box.

    Examples
    --------
    >>> from cryoaniso_nb.geometry.directions import areas, axes_for
    >>> dfsc = DirectionalFSC(frequency=np.arange(1, 9) / 16, axes=axes_for(81), areas=areas(81),
    ...                       values=np.full((81, 8), 0.5), n_eff=np.ones((81, 8)), done=np.ones(81, dtype=bool),
    ...                       box=(16, 16, 16), voxel_size=1.0)
    >>> central_slices(dfsc, np.full(8, 0.5)).xy.shape
    (16, 16)
    """
    box, voxel_size = _checked_box(dfsc)
    side = nodes_for(dfsc.cone_half_angle) if nodes_per_face is None else nodes_per_face
    table, _ = node_table(dfsc, global_fsc, side)
    coordinates = centred_coordinates(box)
    planes = []
    for fixed in range(3):
        kept = list(coordinates)
        kept[fixed] = kept[fixed][box[fixed] // 2 :][:1]
        z, y, x = kept
        out = np.empty((z.size, y.size, x.size), dtype=np.float32)
        kernels_volume.fill_block(table, side, z, y, x, -max(box) / 2, out)
        planes.append(np.squeeze(out, axis=fixed))
    unit = 1 / (max(box) * voxel_size)
    along_z, along_y, along_x = (c.astype(np.float64) * unit for c in coordinates)
    return CentralSlices(xy=planes[0], xz=planes[1], yz=planes[2], x=along_x, y=along_y, z=along_z)


def _checked_box(dfsc: DirectionalFSC) -> tuple[Box, float]:
    """Box and voxel size of a directional FSC, which must have the box's shells."""
    box = dfsc.box
    if min(box) < 1:
        raise ResultError("This directional FSC doesn't say the box of its maps; set its box and voxel_size.")
    if dfsc.values.shape[1] != n_shells(box):
        raise ResultError(
            f"The directional FSC has {dfsc.values.shape[1]} shells, but a box of {box} has {n_shells(box)}; "
            "give the box of the maps that were analyzed."
        )
    expected = shell_frequencies(box, 1.0)
    if not np.allclose(dfsc.frequency / dfsc.frequency[0], expected / expected[0]):
        raise ResultError(
            f"The directional FSC has other shells than a box of {box}; give the box of the maps that were analyzed."
        )
    return box, dfsc.voxel_size
