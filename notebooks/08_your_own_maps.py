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
# # 08 Your own maps
#
# You will
# - open half maps from files, from a job's folder, and from EMDB,
# - go through a checklist before you believe a number,
# - write the methods paragraph, a report, and the files for a deposition.
#
# The folder below is written by the notebook, in the way of a RELION job; replace it with yours.

# %%
# %matplotlib inline
import tempfile
from pathlib import Path

import numpy as np

import cryoaniso_nb as ca

folder = Path(tempfile.mkdtemp())
job = folder / "Refine3D" / "job012"
job.mkdir(parents=True)
simulated = ca.simulate_half_maps(box=64, voxel_size=1.5, preset="missing-side-views", signal="phantom", seed=8)
for number, half in ((1, simulated.half1), (2, simulated.half2)):
    ca.write_map(job / f"run_half{number}_class001_unfil.mrc", half, 1.5)
(job / "run_sampling.star").write_text("data_\n_rlnSymmetryGroup  C1\n")
mask_file = ca.write_map(folder / "mask.mrc", ca.sphere_mask((64, 64, 64), 27, edge=5), 1.5)

# %% [markdown]
# ## Files
#
# MRC and CCP4 files, compressed or not. Which half maps: the unfiltered, unsharpened, unmasked ones. RELION calls them
# `run_half1_class001_unfil.mrc`, cryoSPARC `..._map_half_A.mrc`. One half is enough where the other is named like it, and so
# is the job's folder.

# %%
opened = ca.open_pair(job, mask=mask_file)
print(*(text.replace(str(folder), "FOLDER") for text in opened.told), sep="\n")
print("point group in the job:", opened.symmetry)
maps = opened.maps
assert maps.box == (64, 64, 64)
assert np.isclose(maps.voxel_size, 1.5)
by_name = ca.open_half_maps(*(job / f"run_half{i}_class001_unfil.mrc" for i in (1, 2)), mask=mask_file)
assert np.array_equal(by_name.half1, maps.half1)

# %% [markdown]
# What doesn't fit is said in a sentence:

# %%
small = ca.write_map(folder / "small_mask.mrc", ca.sphere_mask((48, 48, 48), 20), 1.5)
try:
    ca.open_pair(job, mask=small)
except ca.CryoAnisoError as error:
    refused = str(error).replace(f"{folder}/", "")
print(refused)
assert "48" in refused
assert "64" in refused

# %% [markdown]
# EMDB entries open by their code, with their mask, and are kept in a cache. This needs a network, so that it isn't run here:
#
# ```python
# maps = ca.open_emdb("EMD-8731")      # or ca.open_pair("EMD-8731"), ca.explore("EMD-8731")
# ```
#
# Entries from before half maps were asked for have none; the program says so.
#
# ## A checklist
#
# The program warns of what it can see. The rest is for you to know.
#
# | look at | because |
# | --- | --- |
# | voxel size | every number in Å hangs on it; exactly 1 Å is often a default |
# | mask: soft, loose, of this box | a tight one correlates by itself (notebook 03) |
# | halves unfiltered and unmasked | a filter hides whether the views are uneven (notebook 04) |
# | independent halves | two halves aligned to one reference agree without signal |
# | point group | copies are no new data (notebook 05) |
# | box at least 64 voxels | cones hold too few coefficients in small ones |

# %%
result = ca.analyze(maps, symmetry=opened.symmetry, correct_mask=True)
for caution in result.warnings:
    print(f"{caution.code}: {caution}")
print(f"\n{result.summary()['headline']}")
low, high = ca.analyze(simulated).regions.worst.interval
truth = simulated.truth.resolution.max()
print(f"truth of the unmasked maps in the worst direction: {truth:.1f} Å, found in them {low:.1f} to {high:.1f} Å")
assert low <= truth <= high
assert result.regions.worst.resolution < high
assert "no-mask" not in {caution.code for caution in result.warnings}
assert result.summary()["verdict"]["cause"] == "views"

# %% [markdown]
# These maps are simulated, so that the truth is known: it is that of the maps without a mask, and found in them. The mask
# leaves noise of the solvent out, and so the masked maps are resolved a little further.

# %%
ca.figure(result)

# %% [markdown]
# ## What now?

# %%
for step in result.next_steps():
    print(f"{step.text}\n    {step.command}")
assert 2 <= len(result.next_steps()) <= 4

# %% [markdown]
# ## Into the paper

# %%
text = result.methods_text()
print(text)
assert "64 x 64 x 64 voxels of 1.5 Å" in text

# %% [markdown]
# Say which maps, mask and point group you used; the paragraph does. Don't quote the worst single direction of 321: quote the
# region with its interval.
#
# ## Report and deposition
#
# The report is one HTML page with figures and settings. EMDB takes the FSC as XML with the half maps and the mask.

# %%
ca.write_report(result, folder / "report.html", maps=maps)
written = [*ca.write_export(result, "emdb-xml", folder / "deposit"), *ca.write_export(result, "csv", folder / "tables")]
print(*(str(path.relative_to(folder)) for path in written), sep="\n")
first = next(path for path in written if path.suffix == ".xml").read_text()
assert first.startswith("<?xml")
assert "Resolution (A-1)" in first

# %% [markdown]
# On the command line all of this is
#
# ```sh
# cryoaniso analyze Refine3D/job012 --mask mask.mrc --correct-mask -o out
# cryoaniso report out
# cryoaniso export out --format emdb-xml -o deposit
# ```
#
# ## Exercise
#
# Save the result, load it in a new session, and write its methods paragraph with cones of 20 degrees. Do you need the
# maps?
#
# <details><summary>Solution</summary>
#
# ```python
# path = result.save(folder / "result.npz")
# print(ca.load_result(path).with_cones(cone_half_angle=20).methods_text())
# ```
#
# No: the result holds an angular histogram, from which any cones of 10 degrees or more follow.
# </details>

# %%
path = result.save(folder / "result.npz")
again = ca.load_result(path)
assert "half-angle of 20°" in again.with_cones(cone_half_angle=20).methods_text()
assert "half-angle of 10°" in again.with_cones(cone_half_angle=10).methods_text()
