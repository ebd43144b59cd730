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
# # 07 Comparing maps and classes, a survey
#
# Two classes of one data set, two masks, or all maps of a facility's year: which is better, where, and is it more than
# noise? You will
# - compare two maps by direction, with their intervals,
# - run a survey over a folder of pairs, see one fail, and go on,
# - read its table.

# %%
# %matplotlib inline
import csv
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import cryoaniso_nb as ca

box, voxel_size = 48, 2.5
presets = ("isotropic", "missing-cone", "missing-side-views", "missing-top-views")
pairs = {name: ca.simulate_half_maps(box=box, voxel_size=voxel_size, preset=name, seed=20) for name in presets}

# %% [markdown]
# ## Two maps
#
# Compare like with like: same box, voxel size, cone and threshold. Curves of FSO lie on one figure; the median direction
# says which is better on the whole, the worst region where it hurts.

# %%
results = {name: ca.analyze(maps) for name, maps in pairs.items()}
plt.figure(figsize=(6, 3.4))
for name, result in results.items():
    plt.plot(result.fso.frequency, result.fso.occupancy, label=name)
plt.xlabel("spatial frequency (1/Å)")
plt.ylabel("FSO")
plt.legend()
plt.show()

print(f"{'':20} {'median':>7} {'best':>6} {'worst':>6} {'95 % interval':>16}")
for name, result in results.items():
    s, worst, best = result.summary()["directional_resolution"], result.regions.worst, result.regions.best
    low, high = worst.interval
    print(
        f"{name:20} {s['percentile_50_angstrom']:7.2f} {best.resolution:6.2f} {worst.resolution:6.2f} {low:8.2f} to {high:.2f}"
    )

# %% [markdown]
# A difference is more than noise where the intervals of the same direction don't overlap. Around z:


# %%
def around_z(result):
    """Median resolution within 20 degrees of z, in Å."""
    near = np.abs(result.dfsc.axes[:, 2]) > np.cos(np.deg2rad(20))
    return float(np.nanmedian(result.directional_resolution.resolution[near]))


print({name: round(around_z(result), 2) for name, result in results.items()})
assert around_z(results["missing-side-views"]) > 1.3 * around_z(results["isotropic"])

# %% [markdown]
# In a running notebook `ca.explore(maps, compare=other_result)` shows both in the same axes.
#
# ## A survey
#
# A table with one line a pair, a folder of job folders, or EMDB codes: `ca.survey` (or `cryoaniso survey`) takes them all
# in one process. One of the pairs below names a file that isn't there.

# %%
folder = Path(tempfile.mkdtemp())
for name, maps in pairs.items():
    for part, half in ((1, maps.half1), (2, maps.half2)):
        ca.write_map(folder / f"{name}_half{part}.mrc", half, voxel_size)
with (folder / "pairs.csv").open("w", newline="") as stream:
    table = csv.writer(stream)
    table.writerow(["name", "half1", "half2"])
    table.writerows([name, f"{name}_half1.mrc", f"{name}_half2.mrc"] for name in pairs)
    table.writerow(["lost", "lost_half1.mrc", "lost_half2.mrc"])

survey = ca.survey(folder / "pairs.csv", folder / "out")
frame = survey.to_dataframe().reset_index()
print(frame[["name", "status", "cause", "effect_ratio"]].to_string(index=False))

status = dict(zip(frame["name"], frame["status"], strict=True))
assert status.pop("lost") == "failed"
assert set(status.values()) == {"done"}
causes = dict(zip(frame["name"], frame["cause"], strict=True))
assert causes["missing-cone"] == causes["missing-side-views"] == "views"

# %% [markdown]
# The failed pair is a row with its reason; the command's exit code is 3 then. Stopped by Ctrl-C or a reboot, the same call
# goes on where it was and redoes nothing that is finished. `out/index.html` is a table to sort, with a page for each pair.

# %%
print(sorted(path.name for path in (folder / "out").iterdir() if not path.name.startswith(".")))
reason = dict(zip(frame["name"], frame["reason"], strict=True))["lost"]
print(reason.replace(str(folder), "FOLDER"))

# %% [markdown]
# ## Exercise
#
# Rank the maps by the ratio of worst to best region. Does the order agree with that of the width of the transition zone?
#
# <details><summary>Solution</summary>
#
# ```python
# frame.sort_values("effect_ratio")[["name", "effect_ratio"]]
# {name: r.fso.end.frequency / r.fso.onset.frequency for name, r in results.items()}
# ```
#
# Nearly: the zone's width counts *how many* directions are poor, the ratio *how poor* the worst ones are. A narrow missing
# cone has a large ratio and a zone like that of many mildly poor directions.
# </details>
