"""Power against the size of the effect: views from even to uneven, and particles that diffract unevenly by themselves.

python -m docs.studies.smallest_effect --jobs 16 --maps 30 --out smallest_effect.jsonl
"""

from __future__ import annotations

from . import page
from .measure import verdict_row
from .pairs import every
from .runner import main

MOLECULES = ("trpv1-chain", "trpv1", "syn-D2-1001", "field-C1")
VIEWS = tuple(f"mild:{ratio:g}" for ratio in (1.15, 1.3, 1.5, 2.0, 3.0))
CUTOFFS = (1.02, 1.04, 1.08, 1.15, 1.3)
CASES = (
    *every(mask=("none", "tight"), views=VIEWS, molecule=MOLECULES),
    *every(mask=("none", "tight"), particle=tuple(f"axial:{ratio:g}" for ratio in CUTOFFS), molecule=MOLECULES),
    *every(particle=tuple(f"cubic:{ratio:g}" for ratio in CUTOFFS), molecule=("field-C1", "field-O")),
)

if __name__ == "__main__":
    main(verdict_row, CASES, page.effects, maps=30, first_seed=4_000_000)
