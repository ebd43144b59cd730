"""Half maps whose true directional FSC is known before anything is measured.

In Fourier space the halves are S a(k) + N1 and S a(k) + N2, with S, N1 and N2 unit complex
noise of real maps and a^2 the wanted spectral signal-to-noise ratio of a coefficient, both
multiplied with the noise's amplitude.

The presets derive a^2 from a distribution of views, as a reconstruction does. A projection
along v fills the central slice perpendicular to v, so the sampling of a direction d is the
average of the view density over the great circle perpendicular to d; a^2 is proportional to
it, its mean over the sphere is 1, and it falls exponentially with frequency. By default the
noise's power is one over it, as views that are missing leave it, and the signal is the same in
all directions; the global FSC of uneven views then lies below that of even ones, 0.143 at 0.6
of Nyquist, since noise counts in full there. With ``cause="particle"`` noise is even, the
signal carries the difference, and all presets have that global FSC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from ..engine.cones import cone_sums
from ..engine.execution import LOCAL, Execution
from ..errors import SettingsError
from ..geometry.directions import areas as areas_for
from ..geometry.directions import axes_for
from ..geometry.shells import (
    Box,
    coordinates,
    first_dense_shell,
    hermitian_weights,
    low_lattice,
    n_shells,
    shell_frequencies,
    shell_of,
)
from ..inputs.half_maps import HalfMaps
from ..kernels import histogram as kernels
from ..measures.crossing import crossings
from ..measures.expected_occupancy import expected_occupancy
from ..measures.fourier_shell_occupancy import occupancy_curve, transition_zone
from ..measures.fsc import correlation
from ..results.types import AngularHistogram, Truth

__all__ = ["PRESETS", "Preset", "expected_histogram", "preset_ssnr", "sampling", "simulate_half_maps", "truth_of"]

Floats = NDArray[np.float64]
Ssnr = Callable[[NDArray[np.int64], Floats], Floats]

CONE = 17.0  # degrees
THRESHOLD = 0.143
CUTOFF = 0.6  # of Nyquist, where the global FSC falls to 0.143
FALL = 6.0  # ln of a^2 at zero frequency over a^2 at the cut-off

# Density of views against their tilt from z in degrees, and the share of evenly spread views added to it.
_VIEWS: dict[str, tuple[Callable[[Floats], Floats], float]] = {
    "isotropic": (np.ones_like, 1.0),
    "missing-top-views": (lambda tilt: np.exp(-0.5 * ((tilt - 90) / 4) ** 2), 0.0),
    "missing-side-views": (lambda tilt: np.exp(-0.5 * (tilt / 20) ** 2), 0.08),
    "missing-cone": (lambda tilt: 1 / (1 + np.exp((tilt - 45) / 2)), 0.08),
}

PRESETS = tuple(_VIEWS)


@lru_cache(maxsize=len(_VIEWS))
def _sampling_table(preset: str) -> tuple[Floats, Floats]:
    """Sampling against the cosine of the angle to z."""
    density, even = _VIEWS[preset]
    cosine = (np.arange(20000) + 0.5) / 20000
    mean = density(np.rad2deg(np.arccos(cosine))).mean()
    grid = np.sin(np.linspace(0, np.pi / 2, 721))
    turn = (np.arange(2000) + 0.5) / 2000 * np.pi / 2
    height = np.sqrt(1 - grid**2)[:, None] * np.cos(turn)  # of the views perpendicular to the direction
    circle = density(np.rad2deg(np.arccos(height))).mean(axis=1) / mean
    table = (1 - even) * circle + even
    return grid, table / np.interp(cosine, grid, table).mean()


def sampling(preset: str, direction: Floats) -> Floats:
    """How often a preset's views sample a Fourier direction, relative to the mean.

    Parameters
    ----------
    preset : str
        'isotropic': views everywhere. 'missing-top-views': side views only, along the
        equator (4 degrees spread), so that z is sampled far more than the rest.
        'missing-side-views': views within about 20 degrees of z and a few elsewhere, so
        that z is sampled least. 'missing-cone': views up to 45 degrees from z and a few
        elsewhere, as from a tilt series: an almost empty cone of 45 degrees around z.
    direction : ndarray, shape (M, 3)
        Unit vectors (x, y, z).

    Returns
    -------
    ndarray, shape (M,)
        Positive; the mean over the sphere is 1.

    Raises
    ------
    SettingsError
        For an unknown preset.

    Examples
    --------
    >>> sampling("missing-side-views", np.array([[0.0, 0, 1], [1, 0, 0]])).round(2).tolist()
    [0.08, 2.27]
    """
    if preset not in _VIEWS:
        raise SettingsError(f"The preset is '{preset}', but it must be one of {', '.join(PRESETS)}.")
    grid, table = _sampling_table(preset)
    return np.interp(np.abs(direction[:, 2]), grid, table)


@dataclass(frozen=True, slots=True)
class Preset:
    """Spectral signal-to-noise ratio a^2 of a preset, ``preset(shell, direction)``.

    Attributes
    ----------
    name : str
        One of `PRESETS`.
    cutoff : float
        Shell where the global FSC falls to 0.143.
    cause : {'views', 'particle'}
        Whether a^2 differs by direction because of the noise, as uneven views make it, or of the signal.
    """

    name: str
    cutoff: float
    cause: Literal["views", "particle"] = "views"

    def __call__(self, shell: NDArray[np.int64], direction: Floats) -> Floats:
        """a^2 of coefficients (M,) by shell (M,) and direction (M, 3)."""
        fall = np.exp(FALL * (1 - shell / self.cutoff))
        return np.asarray(THRESHOLD / (1 - THRESHOLD) * fall * sampling(self.name, direction))

    def noise(self, direction: Floats) -> Floats:
        """Noise power of coefficients (M,): one over how often views sampled them."""
        return np.ones(len(direction)) if self.cause == "particle" else 1 / sampling(self.name, direction)


def preset_ssnr(preset: str, box: Box, cause: Literal["views", "particle"] = "views") -> Preset:
    """Spectral signal-to-noise ratio a^2 of a preset.

    Parameters
    ----------
    preset : str
        One of `PRESETS`.
    box : tuple of int
        Voxels along (z, y, x); sets the shell where the global FSC falls to 0.143.
    cause : {'views', 'particle'}
        Whether the noise is uneven, as uneven views leave it, or the particle's own power.

    Returns
    -------
    Preset
        ``(shell (M,), unit vectors (M, 3)) -> a^2 (M,)``.

    Raises
    ------
    SettingsError
        For an unknown preset or cause.

    Examples
    --------
    >>> ssnr = preset_ssnr("isotropic", (100, 100, 100))
    >>> float(ssnr(np.array([30]), np.array([[0.0, 0, 1]]))[0].round(4))
    0.1669
    """
    sampling(preset, np.zeros((0, 3)))
    if cause not in ("views", "particle"):
        raise SettingsError(f"The cause is '{cause}', but it must be views or particle.")
    return Preset(preset, CUTOFF * n_shells(box), cause)


def simulate_half_maps(
    box: int | Box = 128,
    voxel_size: float = 1.0,
    preset: str = "missing-top-views",
    seed: int = 0,
    ssnr: Ssnr | None = None,
    signal: str = "noise",
    cause: Literal["views", "particle"] = "views",
    *,
    execution: Execution = LOCAL,
) -> HalfMaps:
    """Half maps with a known directional FSC.

    Parameters
    ----------
    box : int or tuple of int
        Voxels along each axis, or along (z, y, x).
    voxel_size : float
        Å.
    preset : str
        'isotropic', 'missing-top-views', 'missing-side-views' or 'missing-cone'; see `sampling`.
    seed : int
        Of the random numbers: the same seed gives the same maps.
    ssnr : callable, optional
        Instead of a preset: ``(shell int array (M,), unit vectors xyz (M, 3)) -> a^2 (M,)``,
        so that the true dFSC of a coefficient is a^2 / (1 + a^2).
    signal : str
        'noise', or 'phantom' for a signal that looks like a molecule in slices.
    cause : {'views', 'particle'}
        What a preset's directions differ by: noise, which uneven views leave stronger where they sample
        less, or the particle's own power under even noise.
    execution : Execution
        What hears of progress.

    Returns
    -------
    HalfMaps
        Two float32 maps, without mask; their `truth` holds what is known of them.

    Raises
    ------
    SettingsError
        For an unknown preset, signal or cause, a box under 16, or a bad `ssnr`.

    Examples
    --------
    >>> maps = simulate_half_maps(box=24, preset="isotropic")
    >>> maps.half1.shape, maps.truth.dfsc.shape
    ((24, 24, 24), (321, 12))
    """
    size: Box = (box, box, box) if isinstance(box, int) else box
    if min(size) < 16:
        raise SettingsError(f"The box is {size}, but every side must have at least 16 voxels.")
    if signal not in ("noise", "phantom"):
        raise SettingsError(f"The signal is '{signal}', but it must be noise or phantom.")
    if not voxel_size > 0:
        raise SettingsError(f"The voxel size is {voxel_size} Å, but it must be positive.")
    a2 = preset_ssnr(preset, size, cause) if ssnr is None else ssnr
    random = np.random.default_rng(seed)

    execution.tell("simulating", 0, 4)
    source = random.standard_normal(size, dtype=np.float32) if signal == "noise" else _phantom(size, random)
    spectrum = scipy.fft.rfftn(source, workers=-1)
    if signal == "phantom":
        _flatten(spectrum, size)
    execution.tell("simulating", 1, 4)
    for z, amplitude, _ in _amplitudes(size, a2):
        spectrum[z] *= amplitude
    spectrum[0, 0, 0] = 0  # the mean has no direction
    clean = scipy.fft.irfftn(spectrum, s=size, workers=-1)
    del spectrum, source
    execution.tell("simulating", 2, 4)
    halves = [clean + _noise(size, a2, random) for _ in range(2)]
    execution.tell("simulating", 3, 4)
    truth = truth_of(size, voxel_size, a2)
    execution.tell("simulating", 4, 4)
    return HalfMaps(half1=halves[0], half2=halves[1], voxel_size=float(voxel_size), mask=None, truth=truth)


def _noise(box: Box, ssnr: Ssnr, random: np.random.Generator) -> NDArray[np.float32]:
    """Noise of one half map."""
    white = random.standard_normal(box, dtype=np.float32)
    if not hasattr(ssnr, "noise"):
        return white
    spectrum = scipy.fft.rfftn(white, workers=-1)
    for z, _, amplitude in _amplitudes(box, ssnr):
        spectrum[z] *= amplitude
    return np.asarray(scipy.fft.irfftn(spectrum, s=box, workers=-1), dtype=np.float32)


def _amplitudes(box: Box, ssnr: Ssnr) -> Iterator[tuple[int, NDArray[np.float32], NDArray[np.float32]]]:
    """(z index, amplitudes of signal and noise in that plane of the rfft lattice) one after the other.

    The noise has power 1 unless `ssnr` has a method `noise` that tells it by direction. The signal
    is 0 at the origin.
    """
    z, y, x = coordinates(box)
    for iz, kz in enumerate(z):
        plane = np.broadcast_arrays(x[None, :], y[:, None], kz)
        k = np.stack([c.ravel() for c in plane], axis=1)
        radius = np.sqrt((k**2).sum(axis=1))
        shell = shell_of(radius)
        direction = k / np.maximum(radius, 1e-12)[:, None]
        a2 = np.asarray(ssnr(shell, direction), dtype=np.float64)
        if a2.shape != shell.shape:
            raise SettingsError(
                f"ssnr gave an array of shape {a2.shape} for {shell.size} coefficients; return one a^2 each."
            )
        measured = a2[(shell > 0) & (shell <= n_shells(box))]
        if not (np.isfinite(measured).all() and (measured >= 0).all()):
            raise SettingsError("ssnr gave negative, infinite or NaN values; a^2 must be 0 or more.")
        a2[~np.isfinite(a2) | (shell == 0)] = 0
        noise = np.asarray(ssnr.noise(direction)) if hasattr(ssnr, "noise") else np.ones(shell.size)
        powers = np.maximum(a2, 0) * noise, noise
        signal, rest = (np.sqrt(power).astype(np.float32).reshape(y.size, x.size) for power in powers)
        yield iz, signal, rest


def _phantom(box: Box, random: np.random.Generator) -> NDArray[np.float32]:
    """Blobs along a self-attracting chain, of a diameter of about half the box."""
    radius = 0.27 * min(box)
    count = int(min(4000, 60 + 0.12 * radius**3))
    step = random.standard_normal((count, 3))
    step *= 0.35 * radius / np.linalg.norm(step, axis=1, keepdims=True)
    chain = np.zeros((count, 3))
    for i in range(1, count):
        chain[i] = chain[i - 1] + step[i]
        reach = np.linalg.norm(chain[i] / (1.0, 0.8, 0.6))  # an ellipsoid: it has a shape to recognise
        if reach > radius:
            chain[i] *= (2 * radius - reach) / reach if reach < 1.8 * radius else 0.2
    volume = np.zeros(box, dtype=np.float32)
    centre = np.array(box) / 2 + chain
    offset = np.arange(-4, 5)
    sigma = 1.1  # voxels: still above the rounding error at Nyquist
    for point, weight in zip(centre, random.uniform(0.5, 1.5, count), strict=True):
        base = np.round(point).astype(int)
        rows = [(b + offset) % n for b, n in zip(base, box, strict=True)]
        lines = [np.exp(-0.5 * ((b + offset - p) / sigma) ** 2) for b, p in zip(base, point, strict=True)]
        volume[np.ix_(*rows)] += weight * lines[0][:, None, None] * lines[1][:, None] * lines[2]
    return volume


def _flatten(spectrum: NDArray[np.complexfloating[Any, Any]], box: Box) -> None:
    """Divide a transform by the root mean square of its shells, to the power of white noise."""
    z, y, x = coordinates(box)
    weights = np.broadcast_to(hermitian_weights(box), (y.size, x.size)).ravel()
    top = int(np.sqrt(3) * max(box)) + 2

    def shells(kz: float) -> NDArray[np.int64]:
        return shell_of(np.sqrt(kz**2 + y[:, None] ** 2 + x**2))

    power, count = np.zeros(top), np.zeros(top)
    for iz, kz in enumerate(z):
        shell = shells(kz).ravel()
        power += np.bincount(shell, weights * np.abs(spectrum[iz]).ravel() ** 2, top)
        count += np.bincount(shell, weights, top)
    scale = np.sqrt(np.prod(box) * count / np.maximum(power, 1e-30)).astype(np.float32)
    for iz, kz in enumerate(z):
        spectrum[iz] *= scale[shells(kz)]


def expected_histogram(box: Box, voxel_size: float, ssnr: Ssnr, nodes_per_face: int = 49) -> AngularHistogram:
    """What an angular histogram holds on average: the signal's power, and twice that of signal and noise.

    Parameters
    ----------
    box : tuple of int
        Voxels along (z, y, x).
    voxel_size : float
        Å.
    ssnr : callable
        ``(shell (M,), unit vectors (M, 3)) -> a^2 (M,)``.
    nodes_per_face : int
        Nodes along a face's side.

    Returns
    -------
    AngularHistogram
        Its cone sums are expectations; their ratio is the true dFSC.

    Examples
    --------
    >>> histogram = expected_histogram((16, 16, 16), 1.0, lambda shell, direction: np.ones(shell.size))
    >>> float(histogram.low[0].mean() / histogram.low[1].mean())
    0.5
    """
    first, last = first_dense_shell(box), n_shells(box)
    z, y, x = (c.astype(np.float32) for c in coordinates(box))
    multiplicity = (hermitian_weights(box) / 2).astype(np.float32)
    nodes, noise_nodes = np.zeros((2, 3 * nodes_per_face**2, last + 1 - first, 4), dtype=np.float32)
    sums, noise_sums = np.zeros((2, 3, last + 1))
    for iz, signal, noise in _amplitudes(box, ssnr):
        for amplitude, to_nodes, to_sums in ((signal, nodes, sums), (noise, noise_nodes, noise_sums)):
            plane = amplitude[None].astype(np.complex64)
            kernels.spread(plane, plane, z[iz : iz + 1], y, x, multiplicity, first, last, nodes_per_face, to_nodes)
            kernels.add_shells(plane, plane, z[iz : iz + 1], y, x, multiplicity * 2, to_sums)
    nodes[:, :, 1:3] += noise_nodes[:, :, 1:3]
    sums[1:] += noise_sums[1:]
    lattice = low_lattice(box, first)
    uneven = ssnr.noise(lattice.direction) if hasattr(ssnr, "noise") else np.ones(lattice.shell.size)
    low = np.asarray(ssnr(lattice.shell, lattice.direction), dtype=np.float64) * uneven
    return AngularHistogram(
        box=box,
        voxel_size=voxel_size,
        nodes_per_face=nodes_per_face,
        first_shell=first,
        nodes=nodes,
        low=np.stack([low, uneven + low, uneven + low]),
        shell_sums=sums,
        unmasked_sums=sums,
    )


def truth_of(
    box: Box, voxel_size: float, ssnr: Ssnr, *, cone_half_angle: float = CONE, threshold: float = THRESHOLD
) -> Truth:
    """What is known of simulated half maps.

    Parameters
    ----------
    box : tuple of int
        Voxels along (z, y, x).
    voxel_size : float
        Å.
    ssnr : callable
        ``(shell (M,), unit vectors (M, 3)) -> a^2 (M,)``.
    cone_half_angle : float
        Degrees.
    threshold : float
        chi.

    Returns
    -------
    Truth
        Expected dFSC of 321 axes (ratio of expectations in each cone), FSO without noise
        and with it, their transition zones, and the true directional resolution.

    Examples
    --------
    >>> truth = truth_of((24, 24, 24), 1.0, preset_ssnr("isotropic", (24, 24, 24)))
    >>> truth.fso_ideal[[5, 11]].tolist()
    [1.0, 0.0]
    """
    axes, areas = axes_for(321), areas_for(321)
    frequency = shell_frequencies(box, voxel_size)
    histogram = expected_histogram(box, voxel_size, ssnr)
    sums = cone_sums(histogram, axes, cone_half_angle, execution=Execution("synchronous"))
    dfsc = correlation(sums.xy, sums.xx, sums.yy)
    ideal = occupancy_curve(dfsc, areas, threshold)
    expected = expected_occupancy(dfsc, sums.n_eff, areas, threshold)
    crossing = crossings(frequency, dfsc, threshold, sums.n_eff)[0]
    return Truth(
        frequency=frequency,
        axes=axes,
        areas=areas,
        dfsc=dfsc,
        n_eff=sums.n_eff,
        fsc=correlation(*histogram.shell_sums[:, 1:]),
        fso_ideal=ideal,
        fso_expected=expected,
        transition_zone_ideal=_ends(frequency, ideal),
        transition_zone_expected=_ends(frequency, expected),
        resolution=1 / crossing,
    )


def _ends(frequency: Floats, occupancy: Floats) -> tuple[float, float]:
    onset, end = transition_zone(frequency, occupancy)
    return onset.resolution, end.resolution
