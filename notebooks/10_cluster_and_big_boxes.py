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
# # 10 Big boxes and a cluster
#
# You will
# - know how much memory a box takes before you start,
# - follow a run, and stop it,
# - run on a cluster with the same call, and see that the numbers stay the same,
# - choose between many small jobs and one big one.

# %%
# %matplotlib inline
import threading

import matplotlib.pyplot as plt
import numpy as np
from distributed import Client, LocalCluster

import cryoaniso_nb as ca
from cryoaniso_nb.engine import analysis_memory, available_memory
from cryoaniso_nb.errors import Cancelled

maps = ca.simulate_half_maps(box=64, voxel_size=1.5, preset="missing-side-views", signal="phantom", seed=10)
result = ca.analyze(maps)
print(result.summary()["headline"])

# %% [markdown]
# ## Memory
#
# The program asks how much memory there is before it loads a transform.

# %%
boxes = (128, 256, 384, 512, 640)
need = [analysis_memory((n, n, n)) / 2**30 for n in boxes]
for n, gigabytes in zip(boxes, need, strict=True):
    print(f"box {n}: about {gigabytes:5.1f} GiB for the analysis")
assert available_memory() is None or available_memory() > 0
assert 5 < need[3] / need[1] < 7

# %% [markdown]
# From 256 to 512, twice the side, it takes about six times the memory. What doesn't fit at once is read in several passes,
# where the half maps are uncompressed files (`--memory-limit 6GiB`, `ca.Execution(memory_limit=6 * 2**30)`). Less to do is better:
# crop the box to the particle plus its mask's edge, noise outside tells nothing of it; or bin, if the FSC ends long before Nyquist.

# %%
figure, panel = plt.subplots(figsize=(5, 3))
panel.plot(boxes, need, "o-")
panel.set(xlabel="box (voxels a side)", ylabel="memory (GiB)", yscale="log")
plt.show()

# %% [markdown]
# ## Follow it, stop it
#
# Everything that takes a while takes an `execution`: where to compute, whom to tell, and when to stop.

# %%
stages = {}
ca.analyze(maps, execution=ca.Execution(progress=lambda stage, done, total: stages.update({stage: (done, total)})))
for stage, (done, total) in stages.items():
    print(f"{stage}: {done} of {total}")
assert all(done == total for done, total in stages.values())

stop = threading.Event()
stop.set()  # a button or Ctrl-C would do it
try:
    ca.analyze(maps, execution=ca.Execution(cancel=stop))
except Cancelled as error:
    stopped = type(error).__name__
print("stopped:", stopped)
assert stopped == "Cancelled"

# %% [markdown]
# ## A cluster
#
# On a cluster Dask hands the work out; the call is the same. Here the cluster is two workers of this process.

# %%
with (
    LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None) as cluster,
    Client(cluster) as client,
):
    far = ca.analyze(maps, execution=ca.Execution(client))
    handed_out = cluster.scheduler.transition_counter
gap = np.nanmax(np.abs(far.dfsc.values - result.dfsc.values))
print(f"largest difference of a dFSC: {gap:.0e}")
assert gap < 1e-5
assert handed_out > 0, "the scheduler saw no task"

# %% [markdown]
# Where it is computed changes no number beyond rounding: less than 0.00001 of an FSC.
#
# With a real one, start the scheduler and workers by your queue (here Slurm), and give the address:
#
# ```sh
# srun --ntasks=1 dask scheduler --port 8786 &
# srun --ntasks=8 --cpus-per-task=8 --mem=32G dask worker tcp://$(hostname):8786 --nthreads 8
# ```
#
# ```python
# ca.analyze(maps, execution=ca.Execution("tcp://node17:8786"))
# ```
#
# ## Many maps
#
# For many pairs, don't split one map over a cluster: give each pair to a job of its own, or let `ca.survey` go through them,
# which goes on where it was after an interruption (notebook 07). A single box of 384 is done on one computer before a
# cluster has started.
#
# ## Cones of a big box
#
# The result keeps an angular histogram instead of the maps. From shell 24 on each shell takes the same room, however many
# voxels it has; in the shells below, single coefficients are kept.

# %%
sizes, voxels = {}, {}
for n in (64, 96, 128):
    pair = ca.simulate_half_maps(box=n, voxel_size=1.5, preset="isotropic", seed=1)
    histogram = ca.analyze(pair, n_axes=6).histogram
    sizes[n] = (histogram.nodes.nbytes + sum(part.nbytes for part in histogram.low)) / 2**20
    voxels[n] = (pair.half1.nbytes + pair.half2.nbytes) / 2**20
    print(f"box {n}: half maps {voxels[n]:.1f} MiB, histogram {sizes[n]:.1f} MiB, from shell {histogram.first_shell}")
    assert histogram.first_shell == 24
assert sizes[128] / sizes[96] < voxels[128] / voxels[96]
assert sizes[128] < voxels[128]

# %% [markdown]
# It grows more slowly than the maps. So results are kept and cut again with other cones, and maps may stay where they are.
#
# ## Exercise
#
# How large may the box be on a computer with 16 GiB? Use `analysis_memory`.
#
# <details><summary>Solution</summary>
#
# ```python
# max(n for n in range(64, 1025, 32) if analysis_memory((n, n, n)) < 16 * 2**30)
# ```
# </details>

# %%
largest = max(n for n in range(64, 1025, 32) if analysis_memory((n, n, n)) < 16 * 2**30)
print(f"up to {largest} voxels a side")
assert analysis_memory((largest,) * 3) < 16 * 2**30 <= analysis_memory((largest + 32,) * 3)
