"""Power: maps of molecules whose views are uneven, at box 64, FSC 0.143 at half Nyquist.

python -m docs.studies.uneven_views --jobs 16 --maps 10 --out uneven_views.jsonl
"""

from __future__ import annotations

from . import page
from .even_views import MOLECULES
from .measure import verdict_row
from .pairs import every
from .runner import main
from .views import VIEWS

UNEVEN = VIEWS[1:]
CASES = (
    *every(mask=("none", "tight"), views=UNEVEN, axis="random", molecule=MOLECULES),
    *every(method="projections", views=UNEVEN, axis="random", molecule=MOLECULES),
    *every(wiener=True, views=UNEVEN, axis="random", molecule=MOLECULES),
)

if __name__ == "__main__":
    main(verdict_row, CASES, page.uneven, maps=10, first_seed=2_000_000)
