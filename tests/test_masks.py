"""Masks: on maps whose particle is known, and on real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

import cryoaniso_nb as ca
from cryoaniso_nb.errors import MapError
from cryoaniso_nb.inputs.half_maps import HalfMaps, open_half_maps
from cryoaniso_nb.inputs.masks import auto_mask, soft_mask, sphere_mask


def blob_pair(
    rng: np.random.Generator, shape: tuple[int, int, int] = (48, 54, 60), noise: float = 1.0, voxel_size: float = 2.0
) -> tuple[HalfMaps, NDArray[np.bool_]]:
    """Half maps of a bent rod off the centre, and where it is."""
    z, y, x = np.ogrid[tuple(slice(0, n) for n in shape)]
    inside = np.zeros(shape, dtype=bool)
    for t in np.linspace(-1, 1, 9):
        inside |= (z - 24 - 9 * t) ** 2 + (y - 22 - 5 * t**2) ** 2 + (x - 36) ** 2 < 6**2
    density = ndimage.gaussian_filter(inside.astype(np.float32), 1)
    half1, half2 = (density + noise * rng.normal(size=shape).astype(np.float32) for _ in range(2))
    return HalfMaps(half1=half1, half2=half2, voxel_size=voxel_size), inside


@pytest.mark.parametrize("noise", [0.1, 1.0])
def test_the_mask_covers_the_particle_and_not_the_solvent(rng: np.random.Generator, noise: float) -> None:
    maps, inside = blob_pair(rng, noise=noise)
    mask = auto_mask(maps)
    assert mask.dtype == np.float32
    assert mask.shape == maps.box
    assert mask.min() >= 0
    assert mask.max() == 1
    assert mask[inside].mean() > 0.99
    far = ndimage.distance_transform_edt(~inside) > 16  # voxels: widening, edge, and the low-pass's reach
    assert mask[far].max() == 0
    assert np.abs(np.diff(mask, axis=0)).max() < 0.35  # no hard edge


def test_the_mask_follows_the_particle_through_any_permutation_of_axes(rng: np.random.Generator) -> None:
    maps, _ = blob_pair(rng, (48, 48, 48))
    turned = HalfMaps(half1=maps.half1.transpose(2, 0, 1), half2=maps.half2.transpose(2, 0, 1), voxel_size=2.0)
    np.testing.assert_allclose(auto_mask(turned), auto_mask(maps).transpose(2, 0, 1), atol=1e-4)


def test_a_mask_does_not_depend_on_contrast_units(rng: np.random.Generator) -> None:
    maps, _ = blob_pair(rng)
    scaled = HalfMaps(half1=maps.half1 / 1024, half2=maps.half2 / 1024, voxel_size=2.0)
    np.testing.assert_allclose(auto_mask(scaled), auto_mask(maps), atol=1e-4)


def test_only_the_largest_part_is_kept_and_its_holes_are_filled(rng: np.random.Generator) -> None:
    shape = (64, 64, 64)
    distance = np.sqrt(sum(g**2 for g in np.ogrid[-32:32, -32:32, -32:32]))
    density = ((distance < 20) & (distance > 12)).astype(np.float32)  # a hollow shell
    density[2:6, 2:6, 2:6] = 1  # a speck far from it
    noise = 0.05 * rng.normal(size=(2, *shape)).astype(np.float32)
    mask = auto_mask(HalfMaps(half1=density + noise[0], half2=density + noise[1], voxel_size=4.0))
    assert mask[32, 32, 32] == 1
    assert mask[3, 3, 3] == 0


def test_noise_alone_gives_no_mask() -> None:
    with pytest.raises(MapError, match="stands out from the noise"):
        auto_mask(ca.simulate_half_maps(box=48, preset="isotropic", signal="noise", seed=3))


def test_constant_and_infinite_maps_give_no_mask() -> None:
    flat = np.ones((16, 16, 16), dtype=np.float32)
    with pytest.raises(MapError, match="constant"):
        auto_mask(HalfMaps(half1=flat, half2=flat, voxel_size=1.0))
    bad = flat.copy()
    bad[0, 0, 0] = np.inf
    with pytest.raises(MapError, match="NaN or infinite"):
        auto_mask(HalfMaps(half1=bad, half2=flat, voxel_size=1.0))


def test_a_mask_raises_the_fsc_of_a_phantom(rng: np.random.Generator) -> None:
    maps, _ = blob_pair(rng, noise=1.2)
    masked = open_half_maps(maps.half1, maps.half2, mask="auto", voxel_size=2.0)
    assert masked.mask_label == "auto"
    found = ca.analyze(masked, n_axes=6).global_fsc
    assert found.fsc[8:16].mean() > found.fsc_unmasked[8:16].mean()


def test_a_real_microtubule_is_found(shared_data: Path) -> None:
    folder = shared_data / "microtubule_wedge_48"
    maps = open_half_maps(folder / "half1.mrc", folder / "half2.mrc", mask="auto")
    assert maps.mask is not None
    density = maps.mean()
    wall = density > np.percentile(density, 97)  # the tube's wall is the densest there is
    assert maps.mask[wall].mean() > 0.95
    assert 0.2 < maps.mask.mean() < 0.7


# --- soft edges --------------------------------------------------------------------------


@given(st.integers(0, 6), st.integers(0, 4), st.integers(0, 2**32 - 1))
def test_a_soft_mask_is_one_inside_and_zero_beyond_its_edge(edge: int, extend: int, seed: int) -> None:
    inside = np.random.default_rng(seed).random((14, 15, 16)) > 0.995
    inside[7, 7, 7] = True
    mask = soft_mask(inside, edge=edge, extend=extend)
    distance = ndimage.distance_transform_edt(~inside)
    assert (mask[distance <= extend] == 1).all()
    assert (mask[distance > extend + edge] == 0).all()
    between = (distance > extend) & (distance < extend + edge)
    expected = 0.5 + 0.5 * np.cos(np.pi * (distance[between] - extend) / max(edge, 1))
    np.testing.assert_allclose(mask[between], expected, atol=1e-6)


def test_a_sphere_has_its_volume() -> None:
    mask = sphere_mask((64, 64, 65), 20.0, edge=0.0)
    assert mask.sum() == pytest.approx(4 / 3 * np.pi * 20**3, rel=0.01)
    assert mask[32, 32, 32] == 1
    assert ndimage.center_of_mass(mask) == pytest.approx((32, 32, 32))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: soft_mask(np.zeros((4, 4, 4))), "zero everywhere"),
        (lambda: soft_mask(np.ones((4, 4, 4)), edge=-1), "-1"),
        (lambda: sphere_mask((4, 4, 4), -2.0), "-2"),
    ],
)
def test_masks_that_make_no_sense_are_refused(call: object, words: str) -> None:
    with pytest.raises(MapError, match=words):
        call()  # type: ignore[operator]
