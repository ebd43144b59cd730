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
# # 05 Poses, symmetry, stage tilt
#
# The haemagglutinin story: a trimer stands on the water surface, nearly all views come from above, and the map is drawn out
# along z. Tilting the stage by 40 degrees cured it (Tan et al. 2017). You will
# - simulate such particles, untilted and tilted,
# - measure what the half maps say of it, and what the poses alone say,
# - predict the tilted data set from the untilted one, and see the prediction come true.
#
# The molecule is made up: three copies of a random chain under C3.

# %%
# %matplotlib inline
import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial.transform import Rotation

import cryoaniso_nb as ca

box, voxel_size, particles = 56, 3.0, 1500
random = np.random.default_rng(8)
steps = random.normal(0, 1.6, (160, 3)) + [0, 0, 0.02]
chain = np.cumsum(steps, axis=0) * 0.55
chain += [7, 0, 0] - chain.mean(axis=0)
trimer = np.concatenate([Rotation.from_euler("z", turn, degrees=True).apply(chain) for turn in (0, 120, 240)])
volume, _ = np.histogramdd(trimer[:, ::-1] + box / 2 + 0.5, bins=[np.arange(box + 1)] * 3)  # (z, y, x)
volume = gaussian_filter(volume, 0.8).astype(np.float32)

figure, panels = plt.subplots(1, 2, figsize=(5, 2.6))
for panel, axis, title in zip(panels, (0, 1), ("from above (along z)", "from the side"), strict=True):
    panel.imshow(volume.sum(axis=axis), cmap="gray", origin="lower")
    panel.set_title(title)
    panel.axis("off")
plt.show()


# %% [markdown]
# ## Two data sets
#
# Each particle is projected, noise is added, and half maps are reconstructed by Fourier inversion, with C3. They are
# like the unfiltered half maps of a refinement (RELION's `_unfil`): only those keep the noise that tells of the views.


# %%
def data_set(tilt):
    """Half maps of the same particles at a stage tilt."""
    return ca.simulate_from_model(
        volume,
        "top-views",
        particles=particles,
        snr=0.3,
        tilt=tilt,
        voxel_size=voxel_size,
        symmetry="C3",
        regularize=False,
        seed=4,
    )


maps = {tilt: data_set(tilt) for tilt in (0, 40)}
results = {tilt: ca.analyze(pair, symmetry="C3") for tilt, pair in maps.items()}
for tilt, result in results.items():
    print(f"tilt {tilt}°: {result.summary()['headline']}\n")
assert results[0].summary()["verdict"]["cause"] == "views"

# %% [markdown]
# ## The poses alone
#
# A view fills the plane across it. With views from above, planes across the beam pile up near the equator and none holds
# z. The **sampling compensation factor** (SCF\*, Baldwin & Lyumkis 2021) says it in a number: 1 for even views, below
# 0.81 is trouble.

# %%
poses = {tilt: pair.poses for tilt, pair in maps.items()}
factors = {tilt: ca.scf(p, symmetry="C3") for tilt, p in poses.items()}
for tilt, factor in factors.items():
    print(f"tilt {tilt}°: SCF* = {factor.scf_star:.2f}, {100 * factor.f0:.0f} % of Fourier space unsampled")
assert factors[0].scf_star < factors[40].scf_star

# %% [markdown]
# ## Is it the tilt that helps?
#
# `tilt_advice` takes the poses of the *untilted* data set, tilts them in thought, and predicts sampling and FSO.

# %%
advice = ca.tilt_advice(poses[0], results[0], symmetry="C3")
print(advice.advice)
for tilt in (0, 20, 40):
    i = int(np.argmin(np.abs(advice.tilts - tilt)))
    print(
        f"tilt {advice.tilts[i]:.0f}°: SCF* {advice.scf_star[i]:.2f}, worst direction has {advice.worst_sampling[i]:.2f} "
        "of the mean sampling"
    )
predicted = advice.scf_star[int(np.argmin(np.abs(advice.tilts - 40)))]
assert abs(predicted - factors[40].scf_star) < 0.1
assert advice.recommended > 0

# %% [markdown]
# The predicted SCF\* at 40 degrees is that of the tilted data set. And the occupancy?

# %%
plt.figure(figsize=(6, 3.4))
i = int(np.argmin(np.abs(advice.tilts - 40)))
plt.plot(results[0].fso.frequency, results[0].fso.occupancy, label="untilted, measured")
plt.plot(results[40].fso.frequency, results[40].fso.occupancy, label="40°, measured")
plt.plot(advice.frequency, advice.occupancy[i], ls="--", color="0.4", label="40°, predicted from untilted")
plt.xlabel("spatial frequency (1/Å)")
plt.ylabel("FSO")
plt.legend()
plt.show()

width = {tilt: result.fso.onset.frequency / result.fso.end.frequency for tilt, result in results.items()}
print({tilt: round(w, 2) for tilt, w in width.items()}, "onset over end of the zone, 1 is a step")
assert width[40] > width[0]

# %% [markdown]
# ## Do the poses explain the map?
#
# If the poses come from this map, directions with more sampling have higher dFSC. A map that contradicts its poses has
# the wrong hand, another file's poses, or a reason that isn't the views.

# %%
agreement = ca.pose_agreement(poses[0], results[0], symmetry="C3")
print(f"correlation of sampling with signal over directions: {agreement.correlation:.2f}")
assert agreement.best == "as given"

# %% [markdown]
# ## Symmetry
#
# A point group copies views: C3 about z does nothing for top views, but D7 or O would have filled the gap. It also
# copies coefficients, so that cones hold fewer independent ones: the tests must be told. Told a group that the map does
# not have, they say so:

# %%
wrong = results[0].with_symmetry("D2")
print(wrong.summary()["headline"])
assert wrong.summary()["verdict"]["reason"] == "wrong-symmetry"

# %% [markdown]
# ## Exercise
#
# What would 20 degrees have done? Simulate it, and compare with the advice.
#
# <details><summary>Solution</summary>
#
# ```python
# twenty = data_set(20)
# print(ca.scf(twenty.poses, symmetry="C3").scf_star)
# print(ca.analyze(twenty, symmetry="C3").summary()["headline"])
# ```
#
# Half the cure: the cone that no view fills gets narrower by 20 degrees but stays. Thin ice costs more signal the more you
# tilt (`thickness_loss=True` counts it), which is why 30 to 40 degrees are usual and not 60.
# </details>
