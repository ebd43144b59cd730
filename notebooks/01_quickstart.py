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
# # Is my map the same in all directions?
#
# A cryo-EM map of a molecule that lies on the grid in few orientations is sharp in some directions and
# blurred in others. You will
# - see that from two simulated half maps whose truth is known, and read the answer beside the truth,
# - learn what FSO, the Bingham test and directional resolution say,
# - open your own maps.

# %%
# %matplotlib inline
import cryoaniso_nb as ca

maps = ca.simulate_half_maps(box=96, voxel_size=1.5, preset="missing-side-views", signal="phantom", seed=1)
maps

# %% [markdown]
# ## 1. Explore
#
# Results come in coarse to fine. Drag the pink cursor in the curves, click the sphere, move the sliders:
# everything follows, and the maps are not read again.

# %%
explorer = ca.explore(maps)
explorer

# %% [markdown]
# ## 2. FSO: how many directions hold signal?
#
# **Fourier shell occupancy** is the share of directions whose FSC reaches chi = 0.143. It is 1 where all
# directions hold signal and 0 where none does. An isotropic map falls from one to the other within a few
# shells; here it takes from the onset (FSO = 0.9) to the end (FSO = 0.1) of the **transition zone**.

# %%
result = explorer.result()  # waits for the run
onset, end = result.fso.transition_zone
print(f"transition zone {onset:.2f} to {end:.2f} Å, FSO = 0.5 at {result.fso.resolution:.2f} Å")
print(f"global FSC = 0.143 at {result.global_fsc.at_143.resolution:.2f} Å: one number for all directions")

# %% [markdown]
# ## 3. BT: can it be chance?
#
# The **Bingham test** asks whether the directions that pass are spread evenly. A small p-value says they
# are not. Cones overlap, so the plain test is anti-conservative; it is a hint, not a proof. The curve that the
# 2023 paper draws grows with anisotropy instead: always say which one you show.

# %%
for curve in ("p_textbook", "p_published"):
    low, high = result.bingham.range(curve)
    print(f"{curve}: anisotropic from {low:.2f} to {high:.2f} Å")

# %% [markdown]
# ## 4. DR: which directions are worse?
#
# **Directional resolution** is where the FSC of each cone falls below chi. Zenith is the angle to the z axis
# (the centre of the sphere's picture), azimuth the angle around it.

# %%
result

# %% [markdown]
# The sentence at the top says by how much resolution differs, where, and why. Beside the truth:

# %%
worst, truth = result.regions.worst, maps.truth
print(
    f"worst region: {worst.resolution:.2f} Å ({worst.interval[0]:.2f}-{worst.interval[1]:.2f}), {worst.zenith:.0f}° from z"
)
print(f"truth:        {truth.resolution.max():.2f} Å, around z")
assert worst.interval[0] < truth.resolution.max() < worst.interval[1]
assert worst.zenith < 20
assert result.summary()["verdict"]["cause"] == "views"

# %% [markdown]
# ## 5. Keep it
#
# Figures are drawn from the result alone, and a saved result can be cut with other cones later.

# %%
ca.figure(result)

# %%
wider = result.with_cones(cone_half_angle=25)
onset, end = wider.fso.transition_zone
print(f"with cones of 25 degrees the zone is {onset:.2f} to {end:.2f} Å")

# %% [markdown]
# ## Exercise
#
# Which preset has its worst directions near the equator: "missing-top-views" or "missing-cone"? Change the first cell, or
# ask in a new one.
#
# <details><summary>Solution</summary>
#
# ```python
# ca.analyze(ca.simulate_half_maps(box=96, voxel_size=1.5, preset="missing-top-views", seed=1)).regions.worst
# ```
#
# A view fills the plane across it. Side views fill planes through z, so z is sampled best; without top views nothing fills
# the plane across z well: the worst directions lie near the equator.
# </details>

# %% [markdown]
# ## Your own maps
#
# Put in your files, or leave them empty and choose them in the widget. `mask` can be a file or `"auto"`.

# %%
half1, half2, mask = "", "", "auto"
ca.explore(half1, half2, mask=mask) if half1 and half2 else ca.explore()
