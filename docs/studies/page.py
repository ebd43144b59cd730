"""The tables of docs/statistics.md, each from the rows of one study.

    python -m docs.studies.page FOLDER

puts the tables of all NAME.jsonl in a folder into the page, between the comments that name them.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import tables as t
from .runner import rows_of

PAGE = Path(__file__).parent.parent / "statistics.md"
NOISE_RATIOS = (1.0, 1.1, 1.2, 1.5, 3.0, float("inf"))
Row = dict[str, Any]
Tables = dict[str, str]

TESTS: tuple[t.Column, ...] = (
    ("maps", t.count),
    ("noise p ≤ 0.05", t.share(t.rejects("noise_p_value"))),
    ("dFSC p ≤ 0.05", t.share(t.rejects("dfsc_p_value"))),
    ("noise alone p ≤ 0.05", t.share(t.rejects("difference_p_value"))),
    ("Bingham p ≤ 0.05", t.share(t.rejects("bingham_p_value"))),
)
VERDICT: tuple[t.Column, ...] = (
    ("maps", t.count),
    *((f"verdict: {cause}", t.share(t.blamed(cause))) for cause in ("views", "particle", "none", "unknown")),
    *TESTS[1:3],
)
SHELLS: tuple[t.Column, ...] = (
    ("maps", t.count),
    ("textbook p < 0.05", t.shells("textbook_rejected")),
    ("published > 0.95", t.shells("published_rejected")),
    ("calibrated p ≤ 0.05", t.shells("calibrated_rejected")),
)
DIRECTIONS: tuple[t.Column, ...] = (
    ("maps", t.count),
    ("bias, shells", t.mean_of("shells_bias")),
    ("rms, shells", t.mean_of("shells_square", "{:.2f}", root=True)),
    ("axes lost", t.total_of("axes_lost")),
    ("interval covers", t.ratio_of("axes_covered", "axes_known")),
)
OCCUPANCY: tuple[t.Column, ...] = (
    ("maps", t.count),
    *((f"FSO = {level}, rms shells", t.crossing_error(level)) for level in (0.9, 0.5, 0.1)),
    ("onset > 1.5 × truth", t.late_onsets(1.5)),
    ("band covers", t.ratio_of("band_covered", "band_shells")),
    *((f"{level} covered", t.share(t.covers(f"fso_{level}", f"true_fso_{level}"))) for level in (0.9, 0.5, 0.1)),
)
REGIONS: tuple[t.Column, ...] = (
    ("maps", t.count),
    ("worst within 15 %", t.share(t.within("worst", "true_worst", 1.15))),
    ("axis within 20°", t.share(t.near("worst_angle", 20.0))),
    ("axis covered", t.share(t.near("worst_angle", "worst_region"))),
    ("worst covered", t.share(t.covers("worst", "true_worst"))),
    ("best within 15 %", t.share(t.within("best", "true_best", 1.15))),
    ("best covered", t.share(t.covers("best", "true_best"))),
    ("effect, truth", t.mean_of("true_effect", "{:.2f}")),
    ("effect, found", t.mean_of("effect_ratio", "{:.2f}")),
    ("effect covered", t.share(t.covers("effect", "true_effect"))),
)
EFFECTS: tuple[t.Column, ...] = (
    ("maps", t.count),
    ("noise, truth", t.mean_of("true_noise_ratio", "{:.2f}")),
    ("noise, found", t.mean_of("noise_ratio", "{:.2f}")),
    ("covered", t.share(t.covers("noise", "true_noise_ratio"))),
    ("resolution, 95 : 5 %", t.mean_of("true_percentile_effect", "{:.3f}")),
    *TESTS[1:4],
    ("verdict: views", t.share(t.blamed("views"))),
    ("verdict: particle", t.share(t.blamed("particle"))),
)


def even(rows: list[Row]) -> Tables:
    """What each test claims of maps with even views."""
    fields = [row for row in rows if row["molecule"].startswith("field")]
    molecules = [row for row in rows if not row["molecule"].startswith("field")]
    return {
        "even-views": t.table(molecules, ("method", "before", "mask"), VERDICT),
        "even-views-molecules": t.table(molecules, ("molecule",), TESTS),
        "even-views-boxes": t.table(molecules, ("box",), TESTS),
        "even-views-fields": t.table(fields, ("mask",), VERDICT),
        "even-views-shells": t.table(fields, ("molecule",), SHELLS),
    }


def uneven(rows: list[Row]) -> Tables:
    """What each test finds in maps with uneven views."""
    plain = [row for row in rows if not row["wiener"]]
    return {
        "uneven-views": t.table(rows, ("views", "method", "wiener", "mask"), VERDICT),
        "uneven-views-molecules": t.table(plain, ("molecule",), EFFECTS),
        "uneven-views-noise": t.table(
            t.binned(plain, "true_noise_ratio", NOISE_RATIOS), ("true noise ratio",), EFFECTS
        ),
        "uneven-views-regions": t.table(plain, ("views", "method", "mask"), REGIONS),
    }


def effects(rows: list[Row]) -> Tables:
    """Power by size of the effect, and the smallest effect found in 80 % of maps."""
    by_views = [row for row in rows if row["views"] != "uniform"]
    by_particle = [row for row in rows if row["views"] == "uniform"]
    return {
        "effects-views": t.table(by_views, ("views", "mask"), EFFECTS, total=False),
        "effects-particle": t.table(by_particle, ("particle", "mask"), EFFECTS, total=False),
        "smallest-effect": _smallest(rows),
    }


def _smallest(rows: list[Row]) -> str:
    """Ratio at which each test finds 80 % of maps, interpolated between the ratios that were run."""
    groups: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for row in rows:
        kind, ratio = t.ratio_of_case(row)
        groups[kind, row["mask"], row["molecule"]].append({**row, "ratio": ratio})
    found = {
        "noise": t.rejects("noise_p_value"),
        "dFSC": t.rejects("dfsc_p_value"),
        "verdict: views": t.blamed("views"),
        "verdict: particle": t.blamed("particle"),
    }
    lines = [["effect", "mask", "molecule", *found], ["---"] * (3 + len(found))]
    lines += [[*key, *(t.smallest(members, test) for test in found.values())] for key, members in groups.items()]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def directions(rows: list[Row], keys: Sequence[str], name: str) -> Tables:
    """Directional resolution, FSO, regions, and their intervals."""
    return {
        f"{name}-directions": t.table(rows, keys, DIRECTIONS),
        f"{name}-occupancy": t.table(t.beside_their_mean(rows), keys, OCCUPANCY),
        f"{name}-regions": t.table(rows, keys, REGIONS),
    }


def intervals(rows: list[Row]) -> Tables:
    """Of molecules."""
    return directions(rows, ("molecule", "mask"), "intervals")


def presets(rows: list[Row]) -> Tables:
    """Of the package's simulations."""
    return directions(rows, ("preset", "signal"), "presets")


STUDIES = {
    "even_views": even,
    "uneven_views": uneven,
    "smallest_effect": effects,
    "intervals": intervals,
    "presets": presets,
}


def filled(page: str, found: Tables) -> str:
    """The page with the tables between ``<!-- NAME -->`` and ``<!-- end -->``."""

    def fill(match: re.Match[str]) -> str:
        name = match[1]
        return f"<!-- {name} -->\n{found[name]}\n<!-- end -->" if name in found else match[0]

    return re.sub(r"<!-- ([\w-]+) -->\n.*?<!-- end -->", fill, page, flags=re.DOTALL)


def main() -> None:
    """Fill the page."""
    folder, found = Path(sys.argv[1]), Tables()
    for name, tables in STUDIES.items():
        rows = rows_of(folder / f"{name}.jsonl")
        if rows:
            found |= tables(rows)
    PAGE.write_text(filled(PAGE.read_text(), found))


if __name__ == "__main__":
    main()
