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
# # 06 Filtered maps, difference maps, the 3DFSC
#
# A map sharpened to its global resolution shows noise along its poor direction, as features that look like density.
#
# You will
# - filter a map so that every direction ends where its signal ends,
# - look at the difference: what the filter takes away,
# - make the 3DFSC volume, cut it, and read its sphericity,
# - write everything for ChimeraX,
# - find out what that means for building.

# %%
# %matplotlib inline
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import cryoaniso_nb as ca

box, voxel_size = 80, 1.5
maps = ca.simulate_half_maps(box=box, voxel_size=voxel_size, preset="missing-cone", signal="phantom", seed=6)
result = ca.analyze(maps)
print(result.summary()["headline"])
mean = (maps.half1 + maps.half2) / 2

# %% [markdown]
# ## Two filters
#
# - **isotropic**: a low-pass at FSO = 0.9. Up to there nearly all directions hold signal: what is left is honest in all
#   directions, and throws away what the good ones have.
# - **anisotropic**: each direction as far as *it* is resolved, by the 3DFSC. Nothing good is lost; the map is sharp across
#   z and smooth along z, as the data are.

# %%
cut_off = ca.fso_cut_off(result.fso)
isotropic = ca.isotropic_filter(mean, cut_off, voxel_size=voxel_size)
anisotropic = ca.anisotropic_filter(mean, result.threedfsc(), voxel_size=voxel_size)
print(f"isotropic: everything beyond {1 / cut_off:.2f} Å goes")

shown = {"as reconstructed": mean, "isotropic filter": isotropic.filtered, "anisotropic filter": anisotropic.filtered}
figure, panels = plt.subplots(1, 3, figsize=(9, 3.2))
for panel, (name, volume) in zip(panels, shown.items(), strict=True):
    cut = volume[:, box // 2]  # (z, x): z runs up
    low, high = np.quantile(cut, [0.01, 0.995])
    panel.imshow(cut, cmap="gray", origin="lower", vmin=low, vmax=high)
    panel.set(title=name, xlabel="x", ylabel="z", xticks=[], yticks=[])
plt.show()

# %% [markdown]
# ## What was taken
#
# The difference between a map and its filtered version should look like noise. Where it looks like the molecule, the
# filter is too strong.

# %%
figure, panels = plt.subplots(1, 2, figsize=(6, 3.2))
for panel, (name, filtered) in zip(panels, {"isotropic": isotropic, "anisotropic": anisotropic}.items(), strict=True):
    cut = filtered.difference[:, box // 2]
    panel.imshow(cut, cmap="gray", origin="lower", vmin=0, vmax=np.quantile(cut, 0.995))
    panel.set(title=f"difference, {name}", xlabel="x", ylabel="z", xticks=[], yticks=[])
plt.show()

noise = float((((maps.half1 - maps.half2) / 2) ** 2).mean())
taken = {
    name: float((filtered.difference**2).mean()) / noise
    for name, filtered in {"isotropic": isotropic, "anisotropic": anisotropic}.items()
}
print({name: round(value, 2) for name, value in taken.items()}, "power taken, over that of the mean map's noise")
assert taken["anisotropic"] < taken["isotropic"]

# %% [markdown]
# ## 3DFSC
#
# The FSC around every direction and frequency, as a volume: its axes are spatial frequency, zero in the middle. Cut at
# 0.5 or 0.143 its surface is round for an isotropic map; here it is flat along z.

# %%
volume = result.threedfsc()
middle = volume.volume.shape[0] // 2
figure, panels = plt.subplots(1, 2, figsize=(6.4, 3.2))
for panel, (name, cut) in zip(
    panels, {"kx, ky": volume.volume[middle], "kx, kz": volume.volume[:, middle]}.items(), strict=True
):
    panel.imshow(cut, origin="lower", vmin=0, vmax=1, cmap="viridis")
    panel.contour(np.nan_to_num(cut), levels=[0.143, 0.5], colors="white", linewidths=0.8)
    panel.set(title=name, xticks=[], yticks=[])
plt.show()

sphericity = result.sphericity()
print(f"sphericity at 0.5: {sphericity.value:.2f} (1 is a ball)")
assert sphericity.value < 0.97

# %% [markdown]
# Sphericity is a single number for a shape: a ball, a thick disc and a cigar can have the same. Worst and best region with
# their intervals say more.
#
# ## For ChimeraX
#
# Arrows along the worst and best direction, the map and the 3DFSC beside it; open the `.cxc` file in ChimeraX.

# %%
folder = Path(tempfile.mkdtemp())
ca.write_map(folder / "filtered.mrc", anisotropic.filtered, voxel_size)
ca.write_map(folder / "threedfsc.mrc", np.nan_to_num(volume.volume).astype(np.float32), voxel_size)
files = ca.write_export(
    result, "chimerax", folder, map_file=folder / "filtered.mrc", threedfsc_file=folder / "threedfsc.mrc"
)
print(sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")))
assert any(path.suffix == ".cxc" for path in files)

# %% [markdown]
# On the command line: `cryoaniso filter half1.mrc half2.mrc --kind anisotropic -o filtered`,
# `cryoaniso threedfsc out -o threedfsc.mrc`, `cryoaniso export out --format chimerax --map filtered.mrc`.
#
# ## Building in such a map
#
# A helix along z shows its pitch of 5.4 Å only where the map resolves it *along z*; across z side chains may be clear
# all the same.

# %%
worst = result.regions.worst
print(f"worst: {worst.resolution:.2f} Å within {worst.region_degrees:.0f}° of its middle, {worst.zenith:.0f}° from z")
truth = float(np.nanmax(maps.truth.resolution))
print(f"truth: {truth:.2f} Å")
assert worst.interval[0] <= truth <= worst.interval[1]

# %% [markdown]
# ## Exercise
#
# The *global* resolution is often used for one low-pass of the whole map. Filter with it, look at the (x, z) cut, and
# compare with the anisotropic filter.
#
# <details><summary>Solution</summary>
#
# ```python
# globally = ca.isotropic_filter(mean, result.global_fsc.at_143.frequency, voxel_size=voxel_size)
# plt.imshow(globally.volume[:, box // 2], cmap="gray", origin="lower")
# ```
#
# Streaks along z stay: between the worst and the global resolution the directions around z hold noise only, and the
# low-pass keeps it.
# </details>
