"""Half maps as subcommands take them: two files, one of them, a job's folder, or an EMDB code."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ._mask import mask_source, save_mask

if TYPE_CHECKING:
    from ..engine.execution import Execution
    from ..inputs.half_maps import HalfMaps

__all__ = ["opened_maps"]


def opened_maps(args: argparse.Namespace, execution: Execution) -> tuple[HalfMaps, str | None]:
    """The half maps of the command line, and their point group where an entry or a job tells it."""
    from ..inputs.half_maps import open_half_maps
    from ..inputs.opening import FOUND, open_pair
    from ._terminal import say

    size = args.voxel_size
    if args.half2 is not None:
        maps = open_half_maps(args.half1, args.half2, mask=mask_source(args), voxel_size=size, execution=execution)
        save_mask(args, maps)
        return maps, None
    asked = args.mask is not None or args.mask_from is not None
    found = open_pair(args.half1, mask=mask_source(args) if asked else FOUND, voxel_size=size, execution=execution)
    for sentence in found.told:
        say(sentence)
    if not asked:
        other = "none leaves it out" if found.maps.mask is not None else "auto makes one"
        say(f"mask: {found.maps.mask_label} (--mask {other})")
    save_mask(args, found.maps)
    return found.maps, found.symmetry
