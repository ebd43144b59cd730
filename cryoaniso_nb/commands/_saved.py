"""Saved analyses as arguments of subcommands."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..analysis import AnalysisResult

__all__ = ["add_results", "load_results"]


def add_results(parser: argparse.ArgumentParser, *, many: bool) -> None:
    """One analysis or several: a folder that `analyze` wrote, or its result.npz."""
    text = "folder written by analyze, or its result.npz"
    if many:
        parser.add_argument("results", nargs="+", metavar="OUT", help=text)
    else:
        parser.add_argument("results", metavar="OUT", help=text)


def load_results(paths: Sequence[str]) -> list[AnalysisResult]:
    """The analyses behind the arguments."""
    from ..analysis import load_result

    return [load_result(path) for path in paths]
