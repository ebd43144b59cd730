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
# # 11 Write your own measure
#
# You will
# - write a measure of anisotropy as a function of the directional FSC,
# - test it on a dFSC of which the answer is known, then on maps whose truth is known,
# - find out what noise does to it, before you quote it,
# - make its result one that saves, loads and prints like the program's own.
#
# The measure: by how much dFSC near one axis leads that across it.

# %%
# %matplotlib inline
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray

import cryoaniso_nb as ca
from cryoaniso_nb.results import Frequencies, Result

# %% [markdown]
# ## 1. A function
#
# `result.dfsc` holds `values` (axes × shells), `axes` (unit vectors x, y, z), `areas` (of each axis on the sphere) and
# `frequency`. What couldn't be measured is NaN, and has to stay out of means without becoming 0.


# %%
def mean_over(dfsc, chosen):
    """Mean over chosen axes, weighted by area; NaN where none is measured."""
    measured = np.isfinite(dfsc.values) & chosen[:, None]
    total = dfsc.areas @ measured
    sums = dfsc.areas @ np.where(measured, dfsc.values, 0.0)
    return np.divide(sums, total, out=np.full(total.shape, np.nan), where=total > 0)


def lead_of(dfsc, axis=(0, 0, 1), within=30.0):
    """dFSC within some degrees of an axis minus that within as many of the plane across it."""
    cosine = np.abs(dfsc.axes @ np.asarray(axis, dtype=float))
    along = cosine >= np.cos(np.deg2rad(within))
    across = cosine <= np.sin(np.deg2rad(within))
    return mean_over(dfsc, along) - mean_over(dfsc, across)


# %% [markdown]
# ## 2. A case that can be done in the head
#
# All axes near z have 0.8, the rest 0.3: the lead is 0.5. With an unmeasured shell it is unknown there.

# %%
maps = ca.simulate_half_maps(box=48, voxel_size=1.5, preset="missing-side-views", seed=3)
result = ca.analyze(maps)
axes, shells = result.dfsc.axes, result.dfsc.frequency.size
values = np.where(np.abs(axes[:, 2]) > 0.7, 0.8, 0.3)[:, None] * np.ones(shells)
known = result.dfsc.replace(values=values)
print(lead_of(known)[:3])
assert np.allclose(lead_of(known), 0.5)
values[:, 0] = np.nan
assert np.isnan(lead_of(result.dfsc.replace(values=values))[0])

# %% [markdown]
# ## 3. Maps whose truth is known
#
# `maps.truth.dfsc` is what the maps were made with. The measure of the truth is what the measure of the maps should be.

# %%
truth = lead_of(result.dfsc.replace(values=maps.truth.dfsc, done=np.ones(len(axes), bool)))
found = lead_of(result.dfsc)
figure, panel = plt.subplots(figsize=(6, 3.4))
panel.plot(result.dfsc.frequency, truth, color="#d55e00", label="truth")
panel.plot(result.dfsc.frequency, found, "o", color="#0072b2", label="measured")
panel.axhline(0, color="0.5", lw=0.8)
panel.set(xlabel="spatial frequency (1/Å)", ylabel="lead of z")
panel.legend(frameon=False)
plt.show()
off = np.abs(found - truth)[4:]
print(
    f"measured and true lead differ by {off.mean():.3f} on average beyond shell 4; the truth reaches {np.nanmin(truth):.2f}"
)
assert off.mean() < 0.1
assert np.nanmin(truth) < -0.3

# %% [markdown]
# z lags behind by more than 0.3 at most, and the mean error is below 0.1.
#
# ## 4. What does noise do to it?
#
# Before a number is quoted it needs an interval, or an error rate. Twelve even maps tell what chance gives.

# %%
chance = []
for seed in range(12):
    even = ca.simulate_half_maps(box=48, voxel_size=1.5, preset="isotropic", seed=seed)
    chance.append(np.nanmean(lead_of(ca.analyze(even).dfsc)[4:]))
mine = np.nanmean(found[4:])
print(f"even maps: {np.mean(chance):+.3f} ± {np.std(chance):.3f}; these maps: {mine:+.3f}")
assert abs(mine) > 5 * np.std(chance)
assert abs(np.mean(chance)) < 0.03

# %% [markdown]
# The lead of these maps is more than five standard deviations from what even maps give. Twelve are few: for a p-value
# take some hundred, and maps of *your* FSC, box and mask. And a particle's own shape gives a lead as well (notebook 04).
#
# ## 5. A result like the others
#
# A frozen dataclass that derives from `Result` saves to one file without pickle, loads, prints, and becomes a table. The
# annotations say which lengths must agree.


# %%
@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class AxisLead(Result):
    """By how much dFSC near an axis leads that across it, in each shell."""

    frequency: Frequencies
    lead: Annotated[NDArray[np.float64], "S"]


mine = AxisLead(frequency=result.dfsc.frequency, lead=found)
path = mine.save(Path(tempfile.mkdtemp()) / "lead.npz")
loaded = Result.load(path)
print(loaded)
assert np.array_equal(loaded.lead, mine.lead, equal_nan=True)
mine.to_dataframe().tail(3).round(3)

# %% [markdown]
# To bring a measure into the package: "How to add a measure" in CONTRIBUTING.md walks through this very example, with types,
# a docstring that runs, and tests.
#
# ## Exercise
#
# The lead of x instead of z: what should it be for these maps, and is it?
#
# <details><summary>Solution</summary>
#
# ```python
# lead_of(result.dfsc, axis=(1, 0, 0))
# ```
#
# x is one of the good directions, and z is among those across it: x leads, by less than z lags, since y across it is good too.
# </details>

# %%
sideways = np.nanmean(lead_of(result.dfsc, axis=(1, 0, 0))[4:])
print(f"lead of x {sideways:+.3f}, of z {np.nanmean(found[4:]):+.3f}")
assert 0 < sideways < -np.nanmean(found[4:])
