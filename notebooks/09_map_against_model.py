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
# # 09 A map against an atomic model
#
# You will
# - compute the directional FSC between a map and a model, at the threshold 0.5,
# - place both in one frame, and notice when they aren't,
# - see what the model tells that half maps can't, and what it doesn't tell.
#
# The model is a made-up chain of 220 residues, no protein, written as mmCIF. The map is made from it: 1500 noisy
# projections from around the top. So the model is right, and views from the side are missing.

# %%
# %matplotlib inline
import tempfile
from pathlib import Path

import gemmi
import matplotlib.pyplot as plt
import numpy as np

import cryoaniso_nb as ca

rng = np.random.default_rng(3)
trace = [np.zeros(3)]
while len(trace) < 220:
    step = rng.standard_normal(3)
    here = trace[-1] + 3.8 * step / np.linalg.norm(step)
    if np.linalg.norm(here / (22, 18, 14)) < 1:
        trace.append(here)
chain = gemmi.Chain("A")
for number, here in enumerate(trace, 1):
    residue = gemmi.Residue()
    residue.name, residue.seqid = "ALA", gemmi.SeqId(str(number))
    for name, offset in (("N", (-1.2, 0.4, 0)), ("CA", (0, 0, 0)), ("C", (1.2, 0.5, 0.2)), ("O", (1.5, 1.5, 0.6))):
        atom = gemmi.Atom()
        atom.name, atom.element, atom.b_iso, atom.occ = name, gemmi.Element(name[0]), 40.0, 1.0
        atom.pos = gemmi.Position(*(here + offset))
        residue.add_atom(atom)
    chain.add_residue(residue)
structure, first = gemmi.Structure(), gemmi.Model("1")
first.add_chain(chain)
structure.add_model(first)
path = Path(tempfile.mkdtemp()) / "model.cif"
structure.make_mmcif_document().write_file(str(path))


model = ca.read_model(path)
views = {"top views": "top-views", "even views": "uniform"}
maps = {
    name: ca.simulate_from_model(model, kind, particles=1500, snr=0.1, box=64, voxel_size=1.5, seed=2, regularize=False)
    for name, kind in views.items()
}
origin = tuple(model.center - 32 * 1.5)  # the simulation puts the model's middle into the middle of the box
print(f"{len(model.positions)} atoms")
assert len(model.positions) == 880

# %% [markdown]
# ## Threshold
#
# Two noisy halves have an FSC *F*. Their mean then has a correlation of √(2*F* / (1 + *F*)) with the truth, and a model
# stands for the truth. *F* = 0.143 becomes 0.5.

# %%
print(f"{np.sqrt(2 * 0.143 / 1.143):.3f}")
assert abs(np.sqrt(2 * 0.143 / 1.143) - 0.5) < 0.001

# %% [markdown]
# ## Map against model

# %%
against = {name: ca.analyze_against_model(pair, model, origin=origin) for name, pair in maps.items()}
for name, result in against.items():
    print(f"{name}: {result.summary()['headline']}\n")


def near(result, low, high):
    """Median resolution in directions between two angles to z."""
    angle = np.rad2deg(np.arccos(np.abs(result.dfsc.axes[:, 2])))
    return float(np.nanmedian(result.directional_resolution.resolution[(angle >= low) & (angle <= high)]))


for name, result in against.items():
    print(f"{name}: {near(result, 0, 25):.1f} Å around z, {near(result, 70, 90):.1f} Å across z")
assert near(against["top views"], 0, 25) > 1.5 * near(against["top views"], 70, 90)
assert near(against["even views"], 0, 25) < 1.25 * near(against["even views"], 70, 90)

# %% [markdown]
# Seen from the top, the map agrees with its own, right model much worse around z. That is the map's fault.
# With even views the same model agrees about equally well in all directions.
#
# ## Beside the half maps
#
# A model that is wrong in places lowers the agreement as missing views do. The half maps know nothing of the model, so
# ask them too:

# %%
halves = ca.analyze(maps["top views"])
print(halves.summary()["headline"])
figure, panel = plt.subplots(figsize=(6, 3.4))
panel.plot(halves.fso.frequency, halves.fso.occupancy, label="half maps, threshold 0.143")
panel.plot(against["top views"].fso.frequency, against["top views"].fso.occupancy, ls="--", label="map and model, 0.5")
panel.set(xlabel="spatial frequency (1/Å)", ylabel="FSO")
panel.legend(frameon=False)
plt.show()
difference = np.abs(halves.fso.occupancy - against["top views"].fso.occupancy)[5:]
print(f"the two differ by {difference.mean():.2f} on average beyond the first five shells")
assert difference.mean() < 0.15
assert halves.summary()["verdict"]["cause"] == "views"

# %% [markdown]
# Both say the same, as they must where the model is right. Where the model's curves lie far below those of the half
# maps, it is the model, or its place in the map, or too much of the map that it doesn't explain.
#
# ## One frame
#
# The most frequent mistake: the map's origin. The same model moved by 6 Å along each axis:

# %%
moved = ca.analyze_against_model(maps["even views"], model, origin=tuple(np.array(origin) + 6))
print(next(text for text in moved.warnings if text.code == "model-misfit"))
assert "model-misfit" not in {text.code for text in against["even views"].warnings}
try:
    ca.analyze_against_model(maps["even views"], model, origin=(0, 0, 0))
except ca.CryoAnisoError as error:
    print(error)
    refused = True
assert refused

# %% [markdown]
# ## A mask around the model
#
# Where a map shows more than the model, mask it around the atoms.

# %%
mask = ca.model_mask(model, (64, 64, 64), 1.5, origin=origin)
masked = ca.analyze_against_model(maps["even views"], model, origin=origin, mask=mask)
bare = against["even views"].global_fsc.at_500
print(f"the mask holds {mask.mean():.0%} of the box")
print(f"FSC 0.5: without mask {bare.resolution:.2f} Å, with it {masked.summary()['fsc_0.5_text']}")
assert mask.mean() < 0.25
assert not masked.global_fsc.at_500.resolution > bare.resolution

# %% [markdown]
# But a mask made from the model looks like the model, and raises its agreement by itself: compare masked with masked.
#
# ## Exercise
#
# What does a wrong model look like? Move every tenth of the residues by 5 Å in a direction of chance, and compare it with
# the map of even views. Does agreement differ by direction?
#
# <details><summary>Solution</summary>
#
# ```python
# for number, residue in enumerate(first["A"]):
#     if number % 10 == 0:
#         push = np.random.default_rng(number).standard_normal(3)
#         for atom in residue:
#             atom.pos += gemmi.Position(*(5 * push / np.linalg.norm(push)))
# structure.make_mmcif_document().write_file(str(path))
# worse = ca.analyze_against_model(maps["even views"], ca.read_model(path), origin=origin)
# ```
#
# Agreement falls in all directions about alike: errors without a direction leave no mark in it.
# </details>

# %%
for number, residue in enumerate(structure[0]["A"]):
    if number % 10 == 0:
        push = np.random.default_rng(number).standard_normal(3)
        for atom in residue:
            atom.pos += gemmi.Position(*(5 * push / np.linalg.norm(push)))
structure.make_mmcif_document().write_file(str(path))
worse = ca.analyze_against_model(maps["even views"], ca.read_model(path), origin=origin)
print(
    f"right {bare.resolution:.2f} Å, wrong {worse.global_fsc.at_500.resolution:.2f} Å; wrong by direction: "
    f"{near(worse, 0, 25):.1f} Å around z, {near(worse, 70, 90):.1f} Å across"
)
assert np.nanmean(worse.global_fsc.fsc) < np.nanmean(against["even views"].global_fsc.fsc)
assert 0.7 < near(worse, 0, 25) / near(worse, 70, 90) < 1.4
