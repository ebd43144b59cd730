"""Harmonics over directions of what the half maps have in common and of what they don't, in every shell."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from ..geometry.directions import cube_nodes
from ..geometry.harmonics import even_degrees, even_harmonics
from ..geometry.shells import Box, low_lattice
from ..results.types import AngularHistogram, Result

__all__ = [
    "HIGHEST_DEGREE",
    "Moments",
    "NoiseHarmonics",
    "correlation_harmonics",
    "harmonic_moments",
    "noise_harmonics",
]

Floats = NDArray[np.float64]

HIGHEST_DEGREE = 20
HIGHEST_FSC = 0.98  # above, what two halves don't share is interpolation and rounding more than noise


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class NoiseHarmonics(Result):
    """How the noise power of each shell differs over directions.

    Attributes
    ----------
    count : ndarray, shape (S,)
        Coefficients of shells 1 to Nyquist, one per Friedel pair.
    fsc : ndarray, shape (S,)
        FSC of whole shells.
    power : ndarray, shape (S,)
        Noise power of a coefficient, in the units of the maps' transforms.
    values : ndarray, shape (S, C)
        Mean over the shell of (noise power / its mean - 1) times each harmonic of
        `geometry.harmonics.even_harmonics` up to degree 20; NaN where there is no noise.
    """

    count: Annotated[Floats, "S"]
    fsc: Annotated[Floats, "S"]
    power: Annotated[Floats, "S"]
    values: Annotated[Floats, "S", "C"]

    def usable(self, first_shell: int) -> NDArray[np.bool_]:
        """Shells whose noise can be told from signal and from rounding.

        Parameters
        ----------
        first_shell : int
            The first that may be used.

        Returns
        -------
        ndarray of bool, shape (S,)
            Of shells 1 to Nyquist.
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            total = self.power / (1 - self.fsc)
            loud = total > 1e-9 * np.nanmax(np.where(np.isfinite(total), total, 0.0))
            used = (self.fsc < HIGHEST_FSC) & loud
        used[: first_shell - 1] = False
        return np.asarray(used & np.isfinite(self.values).all(axis=1))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Moments:
    """Products of two half maps times harmonics, summed over each shell.

    Attributes
    ----------
    sums : ndarray, shape (4, S)
        Re X*Y, abs(X)^2, abs(Y)^2 and count, one per Friedel pair, of shells 1 to Nyquist.
    moments : ndarray, shape (4, S, C)
        The same times each even harmonic up to degree 20.
    """

    sums: Floats
    moments: Floats

    @property
    def root(self) -> Floats:
        """Root of the product of both halves' power."""
        return np.asarray(np.sqrt(self.sums[1] * self.sums[2]))

    @property
    def fsc(self) -> Floats:
        """FSC of whole shells."""
        root = self.root
        return np.asarray(np.divide(self.sums[0], root, out=np.full(root.shape, np.nan), where=root > 0))


@lru_cache(maxsize=2)
def _at_nodes(nodes_per_face: int) -> NDArray[np.float32]:
    return even_harmonics(cube_nodes(nodes_per_face), HIGHEST_DEGREE).astype(np.float32)


@lru_cache(maxsize=2)
def _at_low(box: Box, first_shell: int) -> tuple[tuple[NDArray[np.int64], Floats], ...]:
    """Places and weighted harmonics of the coefficients of each shell that is kept one by one."""
    lattice = low_lattice(box, first_shell)
    places = [np.flatnonzero(lattice.shell == shell) for shell in range(1, first_shell)]
    return tuple(
        (own, lattice.weight[own, None] * even_harmonics(lattice.direction[own], HIGHEST_DEGREE)) for own in places
    )


def harmonic_moments(histogram: AngularHistogram) -> Moments:
    """Sums over shells of the products of half maps times harmonics.

    Parameters
    ----------
    histogram : AngularHistogram
        Of half maps.

    Returns
    -------
    Moments
        From which harmonics of noise and of dFSC follow.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> harmonic_moments(ca.analyze(ca.simulate_half_maps(box=32, seed=0)).histogram).moments.shape
    (4, 16, 230)
    """
    low = _at_low(histogram.box, histogram.first_shell)
    shells = len(low) + histogram.nodes.shape[1]
    moments = np.empty((4, shells, even_degrees(HIGHEST_DEGREE).size))
    counts = np.empty(shells)
    lattice = low_lattice(histogram.box, histogram.first_shell)
    for row, (own, harmonics) in enumerate(low):
        moments[:3, row] = histogram.low[:, own] @ harmonics
        moments[3, row], counts[row] = harmonics.sum(axis=0), lattice.weight[own].sum()
    nodes = histogram.nodes.reshape(len(histogram.nodes), -1)
    counts[len(low) :] = histogram.nodes[:, :, 3].sum(axis=0, dtype=np.float64)
    dense = (nodes.T @ _at_nodes(histogram.nodes_per_face)).reshape(-1, 4, moments.shape[2])
    moments[:, len(low) :] = dense.transpose(1, 0, 2)
    return Moments(np.concatenate([histogram.shell_sums[:, 1:] / 2, counts[None]]), moments)


def noise_harmonics(of: Moments) -> NoiseHarmonics:
    """Harmonics of the noise of two half maps.

    The difference of the halves holds no signal, whatever the particle. Each half is divided by the root
    of its power in the shell first, so that a scale between them leaves nothing.

    Parameters
    ----------
    of : Moments
        Of half maps, best without a mask: it would correlate coefficients and leave fewer of them.

    Returns
    -------
    NoiseHarmonics
        All that the test of even noise needs.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> maps = ca.simulate_half_maps(box=32, preset="isotropic", seed=0)
    >>> noise = noise_harmonics(harmonic_moments(ca.analyze(maps).histogram))
    >>> noise.values.shape, bool(abs(noise.power[-1] / 32**3 - 1) < 0.1)
    ((16, 230), True)
    """
    count, root = of.sums[3], of.root
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.stack([-2 / root, 1 / of.sums[1], 1 / of.sums[2]])
        total = 2 - 2 * of.fsc
        values = np.einsum("ps,psc->sc", scale, of.moments[:3]) / total[:, None] - of.moments[3] / count[:, None]
        values[~(total > 1e-6)] = np.nan
        power = total * root / 2 / count
    return NoiseHarmonics(count=count, fsc=of.fsc, power=power, values=values)


def correlation_harmonics(of: Moments) -> Floats:
    """Harmonics of Fisher's z of dFSC about that of the shell, to first order and without cones.

    Parameters
    ----------
    of : Moments
        Of half maps with their mask.

    Returns
    -------
    ndarray, shape (S, C)
        Up to degree 20; NaN in shells of FSC 1.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> correlation_harmonics(harmonic_moments(ca.analyze(ca.simulate_half_maps(box=32, seed=0)).histogram)).shape
    (16, 230)
    """
    fsc, root = of.fsc, of.root
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.stack([1 / root, -fsc / 2 / of.sums[1], -fsc / 2 / of.sums[2]])
        return np.asarray(np.einsum("ps,psc->sc", scale, of.moments[:3]) / (1 - fsc**2)[:, None])
