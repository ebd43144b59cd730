# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 03 Masks and traps
#
# You will see what six ordinary accidents do to the answer, each beside the truth:
# no mask, a tight mask, halves that were masked before, early shells, Nyquist, and a wrong voxel size.

# %%
# %matplotlib inline
import matplotlib.pyplot as plt
import numpy as np

import cryoaniso_nb as ca

box, voxel_size = 72, 2.0


def signal_to_noise(shell, direction):
    """A missing cone around z: signal over noise is five times less within 30 degrees of it."""
    poor = np.abs(direction[:, 2]) > np.cos(np.deg2rad(30))
    return np.where(poor, 0.2, 1.0) * np.exp(6 - 15 * shell / (box / 2)) / 6


maps = ca.simulate_half_maps(box=box, voxel_size=voxel_size, ssnr=signal_to_noise, signal="phantom", seed=3)
middle = maps.half1[box // 2] + maps.half2[box // 2]
plt.figure(figsize=(3, 3))
plt.imshow(middle, cmap="gray")
plt.axis("off")
plt.title("a molecule in solvent, and noise")
plt.show()


# %% [markdown]
# ## 1. No mask
#
# Solvent holds noise and no signal. In the FSC of unmasked halves it counts in full, so every curve falls too early.
# A soft mask around the molecule takes it away. `mask="auto"` makes one from the map.


# %%
def zone(result):
    """Transition zone in words."""
    onset, end = result.fso.transition_zone
    return f"{onset:.1f} to {end:.1f} Å" if np.isfinite(end) else f"{onset:.1f} Å to beyond Nyquist"


def masked(mask):
    """The same half maps with another mask."""
    return ca.open_half_maps(maps.half1, maps.half2, voxel_size=voxel_size, mask=mask)


bare, auto = ca.analyze(maps), ca.analyze(masked("auto"))
print("no mask:  ", zone(bare))
print("auto mask:", zone(auto))
assert auto.fso.transition_zone[1] < bare.fso.transition_zone[1]
for warning in bare.warnings:
    print("!", warning)
assert "no-mask" in [warning.code for warning in bare.warnings]

# %% [markdown]
# ## 2. A mask that is too tight
#
# Multiplying with a mask blurs Fourier space: neighbouring coefficients share noise. A tight, sharp mask correlates the
# halves, raises every curve, and leaves cones few coefficients of their own.

# %%
tight_mask = ca.sphere_mask((box,) * 3, radius=12.0, edge=1.0)
tight = ca.analyze(masked(tight_mask))
print("tight mask:", zone(tight))
for warning in tight.warnings:
    print("!", warning)

# %% [markdown]
# How much of the curve is the mask's? Phases beyond a frequency are replaced by random ones, which hold no signal; what
# correlation is left is the mask's, and is taken off (Chen et al. 2013), in whole shells and in cones.

# %%
corrected = tight.with_mask_correction(masked(tight_mask))
plt.figure(figsize=(6, 3.2))
plt.plot(tight.global_fsc.frequency, tight.global_fsc.fsc, label="masked")
plt.plot(tight.global_fsc.frequency, corrected.mask_correction.randomised, label="masked, random phases")
plt.plot(tight.global_fsc.frequency, corrected.mask_correction.corrected, label="corrected")
plt.plot(bare.global_fsc.frequency, bare.global_fsc.fsc, color="0.7", label="no mask")
plt.axhline(0.143, color="0.8", lw=0.8)
plt.xlabel("spatial frequency (1/Å)")
plt.ylabel("FSC")
plt.legend()
plt.show()

# %% [markdown]
# ## 3. Masked twice
#
# Some programs write halves that were masked already. A second mask changes little, but whoever believes them to be
# unmasked takes the mask's correlation for signal. Zeros in both halves give it away.

# %%
before = ca.sphere_mask((box,) * 3, radius=24.0)
halves = [half * before for half in (maps.half1, maps.half2)]
twice = ca.analyze(ca.open_half_maps(*halves, voxel_size=voxel_size))
codes = [warning.code for warning in twice.warnings]
print(codes)
assert "masked-before" in codes

# %% [markdown]
# ## 4. Early shells
#
# The first shells hold a handful of coefficients; a cone of 17 degrees holds one, or none. dFSC there is ±1 by chance.
# A rule that looks for the *first* crossing finds some of these: the resolution it reports is off by a factor of five.
# The rule used here weighs what a curve has above the level before and after, and a dip in shell 3 changes nothing.

# %%
d = bare.directional_resolution
early = d.first_crossing > 1.5 * d.resolution
print(f"{early.sum()} of {early.size} directions have a first crossing far before the one that counts")
print(
    f"effective coefficients in a cone of shell 2: {bare.dfsc.n_eff[:, 1].mean():.1f}, of shell 20: "
    f"{bare.dfsc.n_eff[:, 19].mean():.0f}"
)
assert bare.dfsc.n_eff[:, 1].mean() < 5

# %% [markdown]
# ## 5. Nyquist
#
# Curves that never fall below 0.143 say: *better than Nyquist*, not *equal to it*. Those directions are counted as the
# best, drawn in a colour of their own, and no number is made up for them.

# %%
good = ca.simulate_half_maps(
    box=48, voxel_size=3.0, seed=5, ssnr=lambda shell, direction: np.full(len(direction), 30.0)
)
sharp = ca.analyze(good)
reaching = int((sharp.directional_resolution.flag == ca.ResolutionFlag.NOT_CROSSED).sum())
print(f"{reaching} of {sharp.settings.n_axes} directions reach Nyquist ({2 * 3.0:.0f} Å)")
print(sharp.summary()["headline"])
assert reaching == sharp.settings.n_axes

# %% [markdown]
# ## 6. A wrong voxel size
#
# Shells, FSO and ratios don't know Å; every number in Å scales with the voxel size. A header that says 1 Å for maps of
# 2 Å halves every resolution, and nothing in the curves betrays it.

# %%
wrong = ca.analyze(ca.open_half_maps(maps.half1, maps.half2, voxel_size=1.0))
ratio = bare.fso.transition_zone[1] / wrong.fso.transition_zone[1]
print(f"end of the zone: {bare.fso.transition_zone[1]:.2f} or {wrong.fso.transition_zone[1]:.2f} Å, {ratio:.2f} : 1")
assert abs(ratio - 2) < 1e-6

# %% [markdown]
# ## Exercise
#
# Make a mask with a radius of 20 voxels and a soft edge of 8. Is its zone nearer to that of the automatic mask, or of the
# tight one?
#
# <details><summary>Solution</summary>
#
# ```python
# soft = ca.sphere_mask((box,) * 3, radius=20.0, edge=8.0)
# zone(ca.analyze(masked(soft)))
# ```
#
# It lies between no mask and the automatic one: a sphere takes in more solvent than a mask that follows the molecule,
# and correlates less than the tight one.
# </details>
