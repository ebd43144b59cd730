"""Size of every test: maps of molecules and fields whose views are even.

python -m docs.studies.even_views --jobs 16 --maps 20 --out even_views.jsonl
"""

from __future__ import annotations

from . import page
from .measure import verdict_row
from .molecules import FIELDS, MASKS, REAL
from .pairs import every
from .runner import main

MOLECULES = (*REAL, *(f"syn-{group}-1001" for group in ("C1", "C2", "C4", "D2", "D7", "O")))
CASES = (
    *every(mask=MASKS, box=(48, 64, 96), molecule=MOLECULES),
    *every(mask=("none", "tight"), box=48, method="projections", molecule=MOLECULES),
    *every(mask=("none", "tight"), molecule=FIELDS),
    *every(before=True, molecule=MOLECULES),
)

if __name__ == "__main__":
    main(verdict_row, CASES, page.even, maps=20, first_seed=1_000_000)
