"""The mask of a subcommand: given, made of a model, made automatically; and written out."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ._inputs import InputPath, path_or

if TYPE_CHECKING:
    from ..inputs.half_maps import HalfMaps
    from ..inputs.mask_choice import MaskSource

__all__ = ["add_mask", "mask_source", "opened_with_mask", "save_mask"]


def add_mask(parser: argparse.ArgumentParser, *, saved: bool = True) -> None:
    """Where the mask comes from, and where it goes."""
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--mask",
        type=path_or("auto", "none"),
        metavar="FILE|auto|none",
        help="soft mask on the same box, 'auto' to make one from the mean map, or 'none' to leave out a found one",
    )
    source.add_argument(
        "--mask-from",
        type=InputPath,
        metavar="MODEL",
        help="make the mask around the atoms of a model fitted into the map (.cif, .pdb)",
    )
    parser.add_argument(
        "--mask-assembly", nargs="?", const=True, default=False, metavar="NAME",
        help="with --mask-from: build the biological assembly, the file's first one or this one",
    )  # fmt: skip
    if saved:
        parser.add_argument("--save-mask", metavar="FILE.mrc", help="write the mask that is used to a file")


def mask_source(args: argparse.Namespace) -> MaskSource | None:
    """The mask asked for."""
    from ..errors import SettingsError
    from ._terminal import say

    if args.mask_from is not None:
        from ..inputs.mask_choice import is_model
        from ..inputs.models import read_model

        path: str = args.mask_from
        if not is_model(path):
            raise SettingsError(
                f"--mask-from takes an atomic model (.cif, .pdb), but got {path}; a mask's file goes with --mask."
            )
        return read_model(path, assembly=args.mask_assembly) if args.mask_assembly else path
    if args.mask_assembly:
        raise SettingsError("--mask-assembly goes with --mask-from, which isn't given.")
    if args.mask == "auto":
        say("making a mask from the mean map")
    mask: str | None = args.mask
    return None if mask == "none" else mask


def opened_with_mask(args: argparse.Namespace, half1: str, half2: str) -> HalfMaps:
    """Two half maps with the mask of the command line, which is written out if asked for."""
    from ..inputs.half_maps import open_half_maps

    maps = open_half_maps(half1, half2, mask=mask_source(args), voxel_size=args.voxel_size)
    save_mask(args, maps)
    return maps


def save_mask(args: argparse.Namespace, maps: HalfMaps) -> None:
    """Write the mask that is used, if asked for."""
    from ..errors import SettingsError
    from ..inputs.mrc import write_map
    from ._terminal import say

    if args.save_mask is None:
        return
    if maps.mask is None:
        why = "the automatic one was left out" if args.mask == "auto" else "give --mask or --mask-from"
        raise SettingsError(f"There is no mask to write to {args.save_mask}: {why}.")
    labels = (f"cryoaniso_nb: soft mask ({maps.mask_label})",)
    overwrite = getattr(args, "overwrite", False)
    write_map(args.save_mask, maps.mask, maps.voxel_size, origin=maps.origin, labels=labels, overwrite=overwrite)
    say(f"mask written to {args.save_mask}")
