"""`cryoaniso metrics`: cFAR-like area ratio, relative signal, sphericity, spread of dFSC."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from ._results import add_inputs, analyzed, opened

if TYPE_CHECKING:
    from pathlib import Path

    from ..measures.cfar import AreaRatio, DirectionalSpread
    from ..measures.sphericity import Sphericity

    Ratios = dict[str, tuple[AreaRatio, AreaRatio]]  # areas up to the first shell below the level, and lasting ones

__all__ = ["add_parser", "run"]


def add_parser(subparsers: Any) -> None:
    """Register the command.

    Parameters
    ----------
    subparsers : argparse._SubParsersAction
        Of the program's parser.
    """
    parser = subparsers.add_parser(
        "metrics",
        help="cFAR-like area ratio, relative signal, sphericity, spread of dFSC",
        description="Single numbers of anisotropy, as other programs have them. cryoSPARC's cFAR and relative signal "
        "are closed: what is printed here is an open surrogate, comparable with them and not equal to them. "
        "A ratio of smallest to largest area below 0.5 suggests preferred orientation; it hangs on single "
        "directions, and noise makes it smaller, so look at the ratio of the 5th to the 95th percentile beside it.",
    )
    add_inputs(parser)
    parser.add_argument("-o", "--output", metavar="OUT", help="folder to write the numbers to, as JSON and CSV")
    parser.add_argument("--overwrite", action="store_true", help="replace the folder of an earlier run")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Do it.

    Parameters
    ----------
    args : argparse.Namespace
        The parsed command line.

    Returns
    -------
    int
        The exit code.
    """
    from ..export import check_output, output_folder
    from ..measures.cfar import dfsc_spread
    from ._terminal import say

    if args.output:
        check_output(args.output, overwrite=args.overwrite)
    result = analyzed(args, opened(args))
    ratios = {
        name: (measure(), measure(ending="lasting"))
        for name, measure in (("area_ratio", result.cfar), ("relative_signal", result.relative_signal))
    }
    shape, spread = result.sphericity(), dfsc_spread(result.dfsc)
    print("\n".join(_lines(ratios, shape)))
    if args.output:
        with output_folder(args.output, overwrite=args.overwrite) as folder:
            _write(folder, ratios, shape, spread)
        say(f"written to {args.output}")
    return 0


def _lines(ratios: Ratios, shape: Sphericity) -> list[str]:
    lines = []
    names = {"area_ratio": ("area ratio (like cFAR)", "axes"), "relative_signal": ("relative signal", "views")}
    for key, (name, kind) in names.items():
        ratio, lasting = ratios[key]
        lines.append(f"{name}: {ratio.ratio:.3f} smallest/largest, {ratio.robust:.3f} 5th/95th percentile")
        lines.append(f"  ignoring dips that come back, which noise makes: {lasting.ratio:.3f} and {lasting.robust:.3f}")
        for zenith, azimuth, share in ratio.worst():
            lines.append(
                f"  worst {kind}: zenith {zenith:5.1f}, azimuth {azimuth:5.1f} degrees, {share:.2f} of the median"
            )
        if ratio.n_by_chance:
            lines.append(
                f"  ! {ratio.n_by_chance} {kind} end where they hold fewer than 10 coefficients: mostly chance"
            )
        if ratio.n_not_crossed:
            lines.append(f"  ! {ratio.n_not_crossed} {kind} never fall to {ratio.level:g}: Nyquist ends their area")
    limited = ", reaching the last shell" if shape.limited else ""
    lines.append(f"sphericity: {shape.value:.4f} at {shape.threshold:g} (this project's 3DFSC{limited})")
    return lines


def _write(folder: Path, ratios: Ratios, shape: Sphericity, spread: DirectionalSpread) -> None:
    import json

    from ..export import write_table
    from ..results import ResolutionFlag
    from ..summary import json_ready

    numbers: dict[str, Any] = {
        "sphericity": shape.value,
        "sphericity_threshold": shape.threshold,
        "sphericity_definition": shape.definition,
        "sphericity_limited": shape.limited,
    }
    for name, (ratio, lasting) in ratios.items():
        numbers[name] = {
            "smallest_over_largest": ratio.ratio,
            "percentile_5_over_95": ratio.robust,
            "smallest_over_largest_ignoring_dips": lasting.ratio,
            "percentile_5_over_95_ignoring_dips": lasting.robust,
            "half_angle_degrees": ratio.half_angle,
            "level": ratio.level,
            "ending": ratio.ending,
            "n_not_crossed": ratio.n_not_crossed,
            "n_by_chance": ratio.n_by_chance,
            "worst": [
                {"zenith_degrees": zenith, "azimuth_degrees": azimuth, "area_over_median": share}
                for zenith, azimuth, share in ratio.worst()
            ],
        }
        words = [ResolutionFlag(flag).label for flag in ratio.flag.tolist()]
        write_table(
            folder / f"{name}.csv",
            ["zenith", "azimuth", "area", "relative", "frequency", "flag"],
            zip(ratio.zenith, ratio.azimuth, ratio.area, ratio.relative, ratio.frequency, words, strict=True),
        )
    write_table(
        folder / "dfsc_spread.csv",
        ["frequency", "mean", "sd", "minimum", "maximum", "measured"],
        zip(spread.frequency, spread.mean, spread.sd, spread.minimum, spread.maximum, spread.measured, strict=True),
    )
    text = json.dumps(json_ready(numbers), indent=2, allow_nan=False, ensure_ascii=False)
    (folder / "summary.json").write_text(text + "\n", encoding="utf-8")
