"""One pair of large half maps on the nodes of a Slurm job.

In a batch script: srun --ntasks=10 python slurm_job.py half1.mrc half2.mrc result.npz
Of the ten processes one becomes the scheduler, one runs what is below, eight are workers.
"""

import sys

from dask_jobqueue.slurm import SLURMRunner
from distributed import Client

import cryoaniso_nb as ca


def main(half1: str, half2: str, result: str) -> None:
    """Analyze on all workers of the job, and save the result."""
    with SLURMRunner(worker_options={"nthreads": 1}) as runner, Client(runner) as client:
        client.wait_for_workers(runner.n_workers)
        execution = ca.Execution(client, progress=lambda stage, done, total: print(stage, done, "of", total))
        analysis = ca.analyze(ca.open_half_maps(half1, half2), execution=execution)
        print(analysis.summary()["headline"])
        print("written to", analysis.save(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
