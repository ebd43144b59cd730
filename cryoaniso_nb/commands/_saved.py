"""Saved analyses as arguments of subcommands."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ._inputs import InputPath

if TYPE_CHECKING:
    from ..analysis.run import AnalysisResult

__all__ = ["add_results", "load_results"]


def add_results(parser: argparse.ArgumentParser, *, many: bool) -> None:
    """One analysis or several: a folder that `analyze` wrote, or its result.npz."""
    text = "folder written by analyze, or its result.npz"
    if many:
        parser.add_argument("results", nargs="+", type=InputPath, metavar="OUT", help=text)
    else:
        parser.add_argument("results", type=InputPath, metavar="OUT", help=text)


def load_results(paths: Sequence[str]) -> list[AnalysisResult]:
    """The analyses behind the arguments."""
    from ..analysis.run import load_result

    return [load_result(path) for path in paths]
