"""Coverage of every interval: FSO's band and crossings, directional resolution, worst and best region, effect.

python -m docs.studies.intervals --jobs 16 --maps 20 --out intervals.jsonl
"""

from __future__ import annotations

from typing import Any

from . import page
from .measure import analyze_pair, row_of
from .pairs import Case, every, make
from .runner import main

MOLECULES = ("trpv1-chain", "trpv1", "syn-C1-1002", "syn-D2-1002", "syn-O-1002", "field-C1")
CASES = every(views=("uniform", "side", "top", "cone30"), mask=("none", "tight"), molecule=MOLECULES)


def job(case: Case, seed: int) -> dict[str, Any]:
    """Analyze a pair with a band, its symmetry told."""
    pair = make(case, seed)
    return row_of(analyze_pair(pair, seed, band=99), pair.truth)


if __name__ == "__main__":
    main(job, CASES, page.intervals, maps=20, first_seed=5_000_000)
