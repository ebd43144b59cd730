"""Pairs of half maps: a molecule, views, a mask, noise, and the truth about them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from itertools import product
from zlib import crc32

import numpy as np
import scipy.fft

from .groups import rotations
from .lattice import cap_means, cone_sums, frequencies, shell_mean, shells
from .molecules import density, mask_of
from .noise import padded_transform, reconstruct, white
from .truth import CAP, CHI, Truth, masked_power, symmetry_gain, truth_of
from .views import Axis, draw_views, noise_power

FALL = 4.0  # ln of the envelope's power, zero frequency over the cut-off
FIELD_FALL = 6.0
FIELD_VOXEL_SIZE = 1.5  # Å
STIFF = 0.1  # holds the contrast at 1 where noise is even and can't tell


@dataclass(frozen=True, kw_only=True)
class Case:
    """What a pair is made of.

    Attributes
    ----------
    molecule : str
        See `molecules`: 'trpv1', 'syn-GROUP-number', ..., or 'field-GROUP', a featureless signal that fills the box.
    box : int
        Voxels along each side; even.
    views : str
        See `views.view_density`.
    axis : tuple of float, or 'random'
        Of the views; 'random' is drawn from the seed.
    cutoff : float
        Share of Nyquist where the global FSC of the maps as analyzed (with the mask) falls to 0.143.
    mask : str
        Given to the analysis: 'none', 'loose', 'tight'.
    before : bool
        Whether both halves are multiplied by a soft sphere first, as halves that were masked before.
    wiener : bool
        Whether both halves are filtered by tau^2 / (tau^2 + sigma^2(k)), as a regularized refinement leaves them.
    method : str
        'filtered': white noise given the power 1 / sampling. 'projections': reconstructed from noisy projections.
    n_views : int
        Projections a half, divided by the order of the point group.
    particle : str
        '', or 'axial:R' or 'cubic:R': the signal's own cut-off differs by R : 1 (z, or x, y and z, worst).
    """

    molecule: str
    box: int = 64
    views: str = "uniform"
    axis: Axis | str = (0.0, 0.0, 1.0)
    cutoff: float = 0.5
    mask: str = "none"
    before: bool = False
    wiener: bool = False
    method: str = "filtered"
    n_views: int = 2000
    particle: str = ""

    @property
    def is_field(self) -> bool:
        """Whether the signal is a random field."""
        return self.molecule.startswith("field-")

    @property
    def label(self) -> str:
        """All that differs from the defaults, as text."""
        default = asdict(Case(molecule=""))
        return " ".join(f"{k}={v}" for k, v in asdict(self).items() if v != default[k] or k in ("box", "views"))


def every(**choices: object) -> tuple[Case, ...]:
    """A case for every combination; a tuple or list holds choices, anything else is the same in all."""
    lists = [value if isinstance(value, tuple | list) else (value,) for value in choices.values()]
    return tuple(Case(**dict(zip(choices, values, strict=True))) for values in product(*lists))  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class Pair:
    """Half maps (box, box, box; z, y, x), their mask, voxel size (Å) and group, and what is known of them."""

    half1: np.ndarray
    half2: np.ndarray
    mask: np.ndarray | None
    voxel_size: float
    group: str
    truth: Truth
    case: Case


def _cutoff_by_direction(particle: str, n: int) -> np.ndarray | float:
    """Factor on the frequency in the signal's envelope."""
    if not particle:
        return 1.0
    shape, ratio = particle.split(":")
    unit = frequencies(n)[1]
    worse = unit[2] ** 2 if shape == "axial" else 1.5 * ((unit**4).sum(axis=0) - 1 / 3)  # 0 to 1
    return float(ratio) ** (worse - 0.5)


@lru_cache(maxsize=32)
def _signal(molecule: str, box: int, cutoff: float, particle: str) -> tuple[np.ndarray, float, str]:
    """Transform of a molecule, or amplitude of a field, to a factor; voxel size; group."""
    k = frequencies(box)[0] * _cutoff_by_direction(particle, box) / (cutoff * box / 2)
    if molecule.startswith("field-"):
        return np.exp(-0.5 * FIELD_FALL * k).astype(np.float32), FIELD_VOXEL_SIZE, molecule.split("-")[1]
    volume, voxel_size, group = density(molecule, box)
    spectrum = scipy.fft.rfftn(volume) * np.exp(-0.5 * FALL * k**2).astype(np.float32)
    spectrum[0, 0, 0] = 0
    return spectrum.astype(np.complex64), voxel_size, group


def _used_mask(case: Case) -> np.ndarray | None:
    """All that multiplies the halves before they are compared."""
    mask = mask_of(case.molecule, case.box, case.mask)
    if case.before:
        sphere = mask_of(case.molecule, case.box, "sphere")
        return sphere if mask is None else mask * sphere
    return mask


@dataclass(frozen=True, eq=False)
class _Plan:
    """What doesn't depend on the seed: factor of the signal against noise of unit variance, filter, truth."""

    scale: float
    filter: np.ndarray | None
    truth: Truth


def _plan(case: Case, power: np.ndarray) -> _Plan:
    """Plan for noise of a power (rfftn, about 1)."""
    n, mask = case.box, _used_mask(case)
    signal, voxel_size, group = _signal(case.molecule, n, case.cutoff, case.particle)

    def signal_power(amplitude: np.ndarray) -> np.ndarray:
        if case.is_field:
            return masked_power(amplitude**2, mask, n)
        if mask is not None:
            amplitude = scipy.fft.rfftn(scipy.fft.irfftn(amplitude, s=(n,) * 3) * mask)
        return np.abs(amplitude) ** 2

    noise, found = masked_power(power, mask, n), signal_power(signal)
    near = np.arange(n // 2 + 1)
    near = near[np.abs(near - case.cutoff * n / 2) <= 2]
    ratio = shell_mean(noise, n)[near] / shell_mean(found, n)[near]
    scale2 = CHI / (1 - CHI) * np.exp(np.mean(np.log(ratio)))
    keep = None
    if case.wiener:
        tau2 = scale2 * shell_mean(np.abs(signal) ** 2 * (n**3 if case.is_field else 1), n)
        tau2[0] = tau2[1]
        tau2 = tau2.astype(np.float32)[shells(n)]
        keep = tau2 / (tau2 + power * np.float32(n**3))
        power = power * keep**2
        noise, found = masked_power(power, mask, n), signal_power(signal * keep)
    if len(rotations(group)) > 1:
        gain = symmetry_gain(n, group)
        power, noise, found = power * gain, noise * gain, found * gain if case.is_field else found
    return _Plan(float(np.sqrt(scale2)), keep, truth_of(scale2 * found, noise, power, n, voxel_size, group, mask))


@lru_cache(maxsize=64)
def _filtered_plan(case: Case) -> tuple[np.ndarray, _Plan]:
    group = _signal(case.molecule, case.box, case.cutoff, case.particle)[2]
    power = noise_power(case.box, case.views, case.axis, group)
    return np.sqrt(power), _plan(case, power)


def _filtered(case: Case, random: np.random.Generator) -> tuple[list[np.ndarray], _Plan]:
    signal, _, group = _signal(case.molecule, case.box, case.cutoff, case.particle)
    amplitude, plan = _filtered_plan(case)
    if case.is_field:
        signal = signal * white(case.box, group, random)
        plan = replace(plan, truth=_truth_of_field(case, plan, signal))
    return [plan.scale * signal + amplitude * white(case.box, group, random) for _ in range(2)], plan


def _truth_of_field(case: Case, plan: _Plan, signal: np.ndarray) -> Truth:
    """Truth given this very signal, as for molecules: only noise is random."""
    mask, n = _used_mask(case), case.box
    found = plan.scale * signal if plan.filter is None else plan.scale * signal * plan.filter
    if mask is not None:
        found = scipy.fft.rfftn(scipy.fft.irfftn(found, s=(n,) * 3) * mask)
    (power, size), _ = cone_sums([np.abs(found) ** 2, np.ones((1, 1, 1))], n)
    with np.errstate(invalid="ignore", divide="ignore"):
        return replace(plan.truth, signal=power / size, shell_signal=shell_mean(np.abs(found) ** 2, n))


def _calibrated(power: np.ndarray, drawn: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Expected power from that of the weights, with the level of each shell and the contrast of the noise drawn.

    Where slices are few, neighbors share noise and their mean has more power: caps drawn go with a power, a little
    above 1, of caps expected (r = 0.995).
    """
    n = len(power)
    found, expected = (np.log(cap_means(array, n, CAP)) for array in (drawn, power))
    expected -= expected.mean()
    contrast = (found @ expected + STIFF) / (expected @ expected + STIFF)
    shaped = np.maximum(power / np.maximum(shell_mean(power, n), 1e-12).astype(np.float32)[shells(n)], 1e-6) ** contrast
    return np.asarray(shaped * (level / np.maximum(shell_mean(shaped, n), 1e-12)).astype(np.float32)[shells(n)])


def _projected(case: Case, random: np.random.Generator) -> tuple[list[np.ndarray], _Plan]:
    n = case.box
    signal, _, group = _signal(case.molecule, n, case.cutoff, case.particle)
    padded = padded_transform(scipy.fft.irfftn(signal, s=(n,) * 3))
    count = max(case.n_views // len(rotations(group)), 60)
    spectra, powers = [], []
    for _ in range(2):
        *parts, power = reconstruct(padded, draw_views(case.views, count, case.axis, random), group, random)
        spectra.append([scipy.fft.rfftn(part) for part in parts])
        powers.append(power)
    drawn = np.mean([np.abs(noise) ** 2 for _, noise in spectra], axis=0)
    level = shell_mean(drawn, n) / n**3
    unit = 1 / np.sqrt(level[n // 8 :].mean())
    power = _calibrated(np.mean(powers, axis=0), drawn, level * unit**2)
    plan = _plan(case, power)
    return [plan.scale * clean + np.float32(unit) * noise for clean, noise in spectra], plan


def make(case: Case, seed: int) -> Pair:
    """The pair of a case and a seed; cases share no noise."""
    random = np.random.default_rng([seed, crc32(case.label.encode())])
    if isinstance(case.axis, str):
        x, y, z = random.standard_normal(3)
        length = float(np.sqrt(x * x + y * y + z * z))
        case = replace(case, axis=(x / length, y / length, z / length))
    spectra, plan = (_projected if case.method == "projections" else _filtered)(case, random)
    if plan.filter is not None:
        spectra = [spectrum * plan.filter for spectrum in spectra]
    halves = [scipy.fft.irfftn(spectrum, s=(case.box,) * 3).astype(np.float32) for spectrum in spectra]
    if case.before:
        sphere = mask_of(case.molecule, case.box, "sphere")
        halves = [half * sphere for half in halves]
    _, voxel_size, group = _signal(case.molecule, case.box, case.cutoff, case.particle)
    mask = mask_of(case.molecule, case.box, case.mask)
    return Pair(halves[0], halves[1], mask, voxel_size, group, plan.truth, case)


def plain_sums(pair: Pair) -> np.ndarray:
    """Sums of Re X* Y, |X|^2 and |Y|^2 in every cone, (3, 321, box/2 + 1), by plain summing over voxels."""
    halves = [half if pair.mask is None else half * pair.mask for half in (pair.half1, pair.half2)]
    x, y = (scipy.fft.rfftn(half) for half in halves)
    return cone_sums([(x.conj() * y).real, np.abs(x) ** 2, np.abs(y) ** 2], len(halves[0]))[0]
