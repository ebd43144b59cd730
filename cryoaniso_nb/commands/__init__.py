"""Subcommands of `cryoaniso`, one per file.

A file ``NAME.py`` here holds ``add_parser(subparsers)``, which registers the command with
`argparse`, and ``run(args)``, which does it and returns the exit code. Its name goes into
`NAMES`. Only the standard library is imported at the top of such a file, the rest inside
``run``: the command line has to answer at once, whatever the other commands need.
"""

from __future__ import annotations

__all__ = ["NAMES"]

NAMES = (
    "analyze",
    "demo",
    "threedfsc",
    "filter",
    "metrics",
    "report",
    "export",
    "poses",
    "tilt",
    "model",
    "simulate",
    "survey",
    "reproduce",
    "cache",
    "serve",
)
