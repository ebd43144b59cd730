"""`cryoaniso metrics`: cFAR-like area ratio, relative signal, sphericity, spread of dFSC."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ._arguments import add_overwrite
from ._results import add_inputs, analyzed, opened

if TYPE_CHECKING:
    from pathlib import Path

    from ..measures.area_ratio import AreaRatio
    from ..measures.dfsc_spread import DirectionalSpread
    from ..measures.isosurface import Sphericity

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
    add_overwrite(parser)
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
    from ..measures.dfsc_spread import dfsc_spread
    from ..results.targets import folder_target
    from ..results.writing import written_folder
    from ._terminal import show

    target = folder_target(args.output, overwrite=args.overwrite) if args.output else None
    result = analyzed(args, opened(args))
    curves = {"area_ratio": result.conical_curves("cone"), "relative_signal": result.conical_curves("torus")}
    ratios = {name: (found.ratio("first"), found.ratio("lasting")) for name, found in curves.items()}
    shape, spread = result.sphericity(), dfsc_spread(result.dfsc)
    numbers = _numbers(ratios, shape)
    if target is not None:
        with written_folder(target) as folder:
            _write(folder, numbers, ratios, spread)
    show("metrics", numbers, _lines(ratios, shape), [target] if target is not None else [])
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


def _numbers(ratios: Ratios, shape: Sphericity) -> dict[str, Any]:
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
    return numbers


def _write(folder: Path, numbers: Mapping[str, Any], ratios: Ratios, spread: DirectionalSpread) -> None:
    from ..outputs.folder import write_summary, write_table
    from ..results.types import ResolutionFlag

    write_summary(folder, "metrics", numbers)
    for name, (ratio, _) in ratios.items():
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
