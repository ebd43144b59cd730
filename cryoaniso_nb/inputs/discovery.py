"""What lies beside a half map: its other half, mask, poses and point group, by the names programs give.

Known are RELION's and cryoSPARC's job folders, EMDB's files, and names that say ``half1`` and
``half2`` (``half_A`` and ``half_B``, ``even`` and ``odd``) and agree otherwise. Of a job only
its newest maps count, not those of the iterations before.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from ..errors import CryoAnisoError, MapError, SettingsError
from ..geometry.symmetry import group_name
from ..results.cautions import Caution
from ..results.fence import inside
from .mrc_header import Header

__all__ = ["PairFiles", "find_pairs", "pair_of", "partner_of", "shared_name"]

_ENDINGS = tuple(f"{kind}{packed}" for kind in (".mrc", ".map", ".ccp4") for packed in ("", ".gz", ".bz2"))
_HALF = (
    re.compile(r"(?P<before>.*half[-_. ]?(?:map)?[-_. ]?)(?P<which>[12ab])(?P<after>(?![0-9a-z]).*)", re.IGNORECASE),
    re.compile(r"(?P<before>(?:.*[-_. ])?)(?P<which>even|odd)(?P<after>[-_.].*)", re.IGNORECASE),
)
_OTHER = {"1": "2", "2": "1", "a": "b", "b": "a", "even": "odd", "odd": "even"}
_FIRST = ("1", "a", "even")

_RELION = re.compile(r"(?P<prefix>run(?:_ct\d+)?(?:_it(?P<iteration>\d+))?)_half[12]_(?:class|body)\d+(?:_unfil)?\.")
_CRYOSPARC = re.compile(r"(?P<prefix>.*J\d+(?:_(?P<iteration>\d{3,}))?)_(?:volume|map|class)_")
_CRYOSPARC_MASKS = ("mask_refine", "mask_fsc", "mask_fsc_auto")  # widest first: a tight one raises every FSC
_EMDB = re.compile(r"emd[-_](?P<number>\d{4,5})(?!\d)", re.IGNORECASE)
_LARGEST_JSON = 64 * 2**20  # bytes; a job.json holds some 100 kB
_NAMED = 3  # pairs that a sentence names


@dataclass(frozen=True, slots=True, kw_only=True)
class PairFiles:
    """Two half maps of one reconstruction, and what was found beside them.

    Attributes
    ----------
    name : str
        What tells the pair from others: a job, an EMDB code, or what the files' names share.
    half1, half2 : Path
        The half maps.
    mask : Path or None
        A mask on the same box.
    poses : Path or None
        The particles of the refinement.
    symmetry : str or None
        Point group that was imposed; None where nothing tells.
    notes : tuple of Caution
        What was found but isn't used, and why, one sentence each.
    """

    name: str
    half1: Path
    half2: Path
    mask: Path | None = None
    poses: Path | None = None
    symmetry: str | None = None
    notes: tuple[Caution, ...] = ()


@dataclass(frozen=True, slots=True)
class _HalfName:
    """A file name that says which half it is."""

    before: str
    which: str
    after: str

    @classmethod
    def of(cls, name: str) -> _HalfName | None:
        if not name.lower().endswith(_ENDINGS):
            return None
        for pattern in _HALF:
            if found := pattern.fullmatch(name):
                return cls(found["before"], found["which"], found["after"])
        return None

    @property
    def is_first(self) -> bool:
        return self.which.lower() in _FIRST

    def other(self) -> str:
        which = _OTHER[self.which.lower()]
        which = which.upper() if self.which.isupper() else which.title() if self.which.istitle() else which
        return f"{self.before}{which}{self.after}"

    def shared(self) -> str:
        """What both names have in common, without the word 'half' and the ending."""
        before = re.sub(r"half[-_. ]?(?:map)?[-_. ]?$", "", self.before, flags=re.IGNORECASE)
        return re.sub(r"[-_. ]{2,}", "_", f"{before}{_without_ending(self.after)}").strip("-_. ")


def _without_ending(name: str) -> str:
    ending = next((e for e in sorted(_ENDINGS, key=len, reverse=True) if name.lower().endswith(e)), "")
    return name[: len(name) - len(ending)]


def partner_of(half: str | os.PathLike[str]) -> tuple[Path, Path]:
    """Both half maps, given one of them.

    Parameters
    ----------
    half : path
        A file whose name says which half it is: ``..._half1_...``, ``..._half_A``,
        ``emd_1234_half_map_2.map.gz``, ``..._odd``; the other one lies beside it.

    Returns
    -------
    tuple of Path
        The first half and the second.

    Raises
    ------
    MapError
        When the name doesn't say, or there is no other half.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for which in "AB":
    ...         Path(folder, f"J42_005_volume_map_half_{which}.mrc").touch()
    ...     [path.name[-5] for path in partner_of(f"{folder}/J42_005_volume_map_half_B.mrc")]
    ['A', 'B']
    """
    path = Path(half)
    name = _HalfName.of(path.name)
    if name is None:
        raise MapError(
            f"{path} is one map, and its name doesn't say which half it is, so the other one can't be found; "
            "give both half maps."
        )
    wanted = path.with_name(name.other())
    unpacked = _without_ending(wanted.name)
    candidates = [wanted, *(wanted.with_name(unpacked + ending) for ending in _ENDINGS)]
    other = next((candidate for candidate in candidates if candidate.is_file()), None)
    if other is None:
        raise MapError(f"{path} is one half map, but there is no {wanted.name} beside it; give both half maps.")
    return (path, other) if name.is_first else (other, path)


def shared_name(half: str) -> str:
    """What the names of both halves share, without the word 'half' and the ending.

    Parameters
    ----------
    half : str
        A file's name.

    Returns
    -------
    str
        '' where they share nothing else.

    Examples
    --------
    >>> shared_name("apo_half1_unfil.mrc")
    'apo_unfil'
    """
    name = _HalfName.of(half)
    return _without_ending(half) if name is None else name.shared()


def pair_of(path: str | os.PathLike[str]) -> PairFiles:
    """The pair that a half map or a folder stands for, with mask, poses and point group.

    Parameters
    ----------
    path : path
        One half map, or a folder that holds one pair (such as a job of RELION or cryoSPARC).

    Returns
    -------
    PairFiles
        The pair.

    Raises
    ------
    MapError
        When there is no pair, or more than one.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     pair_of(folder)
    Traceback (most recent call last):
    cryoaniso_nb.errors.MapError: There are no half maps in ...; give two files.
    """
    given = inside(path)
    if given.is_dir():
        found = find_pairs(given)
        if not found:
            raise MapError(f"There are no half maps in {given}; give two files.")
        if len(found) > 1:
            more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
            names = ", ".join(pair.name for pair in found[:_NAMED])
            raise MapError(
                f"{given} holds {len(found)} pairs of half maps ({names}{more}); give a half map of one of them, "
                "or survey the folder (cryoaniso survey)."
            )
        return found[0]
    if not given.exists():
        raise MapError(f"There is no file {given}; check the path.")
    halves = partner_of(given)
    name = _HalfName.of(halves[0].name)
    assert name is not None
    alone = len(_newest(given.parent, (entry.name for entry in os.scandir(given.parent)))) == 1
    return _described(halves, name.shared() or given.absolute().parent.name, alone)


def find_pairs(folder: str | os.PathLike[str], *, most_folders: int | None = None) -> tuple[PairFiles, ...]:
    """Every pair of half maps in a folder and the folders below it.

    Parameters
    ----------
    folder : path
        Such as a project of RELION or cryoSPARC; links to folders aren't followed.
    most_folders : int, optional
        Where to stop looking.

    Returns
    -------
    tuple of PairFiles
        By place; their names differ from each other.

    Raises
    ------
    MapError
        When the folder can't be read.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("run_half1_class001_unfil.mrc", "run_half2_class001_unfil.mrc"):
    ...         path = Path(folder, "Refine3D", "job012", name)
    ...         path.parent.mkdir(parents=True, exist_ok=True)
    ...         path.touch()
    ...     [pair.name for pair in find_pairs(folder)]
    ['Refine3D/job012']
    """
    root = inside(folder)

    def refused(error: OSError) -> None:
        if Path(error.filename or "") == root:
            raise MapError(f"Can't read the folder {root}: {(error.strerror or str(error)).lower()}.") from error

    found = []
    for place, folders, files in islice(os.walk(root, onerror=refused), most_folders):
        folders[:] = sorted((name for name in folders if not name.startswith(".")), key=_natural)
        here = Path(place)
        pairs = _newest(here, files)
        for first, halves in pairs:
            found.append(_described(halves, _pair_name(root, here, first, alone=len(pairs) == 1), len(pairs) == 1))
    return _distinct(found)


# --- which files make a pair -------------------------------------------------------------


def _natural(text: str) -> list[tuple[int, str]]:
    """A key that sorts job9 before job10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", text) if part]


def _newest(folder: Path, names: Iterable[str]) -> list[tuple[_HalfName, tuple[Path, Path]]]:
    """The pairs among the files of one folder, without earlier iterations of the same maps."""
    present = set(names)
    found = []
    for name in present:
        half = _HalfName.of(name)
        if half is not None and half.is_first and not name.startswith(".") and half.other() in present:
            found.append((_family(name), half, (folder / name, folder / half.other())))
    found.sort(key=lambda item: (_natural(item[0][0]), item[0][1]))
    return [list(same)[-1][1:] for _, same in groupby(found, key=lambda item: item[0][0])]


def _family(name: str) -> tuple[str, tuple[bool, int, bool]]:
    """What iterations of one map share, and how late this one comes among them."""
    for pattern in (_RELION, _CRYOSPARC):
        if found := pattern.match(name):
            iteration = found["iteration"]
            prefix = re.sub(r"_(?:it|ct)?\d+", "", found["prefix"]) if pattern is _RELION else found["prefix"]
            if pattern is _CRYOSPARC and iteration:
                prefix = prefix[: -len(iteration) - 1]
            rest = name[found.end("prefix") :].replace("_unfil.", ".")
            return prefix + rest, (iteration is None, int(iteration or 0), "_unfil." in name)
    return name, (True, 0, False)


def _pair_name(root: Path, folder: Path, half: _HalfName, *, alone: bool) -> str:
    text = f"{half.before}{half.which}{half.after}"
    if found := _EMDB.search(text):
        return f"EMD-{found['number']}"
    where = folder.relative_to(root).as_posix().removeprefix(".")
    shared = half.shared()
    if alone and (_RELION.match(text) or _CRYOSPARC.match(text)):
        shared = ""
    return "/".join(part for part in (where, shared) if part) or root.absolute().name or "pair"


def _distinct(pairs: Sequence[PairFiles]) -> tuple[PairFiles, ...]:
    counts: dict[str, int] = {}
    distinct = []
    for pair in pairs:
        counts[pair.name] = counts.get(pair.name, 0) + 1
        number = counts[pair.name]
        distinct.append(pair if number == 1 else replace(pair, name=f"{pair.name} ({number})"))
    return tuple(distinct)


# --- what lies beside them ---------------------------------------------------------------


def _described(halves: tuple[Path, Path], name: str, alone: bool) -> PairFiles:
    """A pair with mask, poses and point group, as far as they are there."""
    first, second = halves
    notes: list[Caution] = []
    if found := _RELION.match(first.name):
        poses = first.with_name(f"{found['prefix']}_data.star")
        symmetry, masks = _relion_symmetry(first, found["prefix"]), _relion_masks(halves)
    elif found := _CRYOSPARC.match(first.name):
        poses = first.with_name(f"{found['prefix']}_particles.cs")
        symmetry = _cryosparc_symmetry(first.parent / "job.json")
        masks = [first.with_name(f"{found['prefix']}_volume_{kind}.mrc") for kind in _CRYOSPARC_MASKS]
    else:
        poses, symmetry, masks = None, None, _named_masks(first, alone)
    if symmetry is not None:
        try:
            symmetry = group_name(symmetry)
        except SettingsError:
            text = f"{name} was refined with the symmetry {symmetry}, which is no point group; C1 is assumed."
            notes.append(Caution("symmetry", text))
            symmetry = None
    mask = next((path for path in masks if path.is_file() and _fits(path, first, notes)), None)
    return PairFiles(
        name=name,
        half1=first,
        half2=second,
        mask=mask,
        poses=poses if poses is not None and poses.is_file() else None,
        symmetry=symmetry,
        notes=tuple(notes),
    )


def _fits(mask: Path, half: Path, notes: list[Caution]) -> bool:
    """Whether a mask that nobody asked for lies on the half maps' box."""
    try:
        if Header.of(mask).shape == Header.of(half).shape:
            return True
        text = f"The mask {mask} has another box than {half.name}, so it isn't used."
        notes.append(Caution("mask-unused", text))
    except CryoAnisoError:  # a damaged half map is told of when it is opened
        pass
    return False


def _named_masks(half: Path, alone: bool) -> list[Path]:
    name = _HalfName.of(half.name)
    shared = name.shared() if name is not None else ""
    stems = [f"{shared}_mask", f"mask_{shared}"] if shared else []
    folders = [half.parent]
    if found := _EMDB.search(half.name):
        stems.insert(0, f"emd_{found['number']}_msk_1")
        folders.append(half.parent.parent / "masks")
    if alone:
        stems.append("mask")
    return [folder / f"{stem}{ending}" for folder in folders for stem in stems for ending in _ENDINGS]


def _relion_masks(halves: tuple[Path, Path]) -> list[Path]:
    """Masks that post-processing jobs of the same project used on these maps, the latest first."""
    project = Path(os.path.realpath(halves[0])).parents[2]
    own = {os.path.realpath(half) for half in halves}
    masks: list[Path] = []
    for star in sorted(project.glob("PostProcess/*/postprocess.star"), key=lambda path: _natural(str(path))):
        values = _star_values(star, ("_rlnUnfilteredMapHalf1", "_rlnUnfilteredMapHalf2", "_rlnMaskName"))
        if len(values) == 3 and own & {os.path.realpath(project / value) for value in values[:2]}:
            masks.insert(0, project / values[2])
    return masks


def _relion_symmetry(half: Path, prefix: str) -> str | None:
    stars = [half.with_name(f"{prefix}_sampling.star")]
    stars += sorted(half.parent.glob("run*_it*_sampling.star"), key=lambda path: _natural(path.name), reverse=True)[:1]
    for star in stars:
        if star.is_file() and (values := _star_values(star, ("_rlnSymmetryGroup",))):
            return values[0].upper()
    return None


def _star_values(path: Path, tags: Sequence[str]) -> list[str]:
    """Single values of a STAR file, those that it has; none where it can't be read."""
    from .star import read_star  # gemmi loads only where there is such a file

    try:
        blocks = read_star(path)
    except ValueError:
        return []
    values = []
    for tag in tags:
        held = [value for block in blocks for value in block.find_values(tag)]
        values += [value.strip("'\"") for value in held[:1]]
    return values


def _cryosparc_symmetry(path: Path) -> str | None:
    """What a job was told of symmetry: its own parameter, else the one it started with."""
    try:
        if path.stat().st_size > _LARGEST_JSON:
            return None
        job: Any = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    for group in ("params_spec", "params_base"):
        parameters = job.get(group) if isinstance(job, dict) else None
        for key, held in parameters.items() if isinstance(parameters, dict) else ():
            value = held.get("value") if isinstance(held, dict) else held
            if key.endswith("_symmetry") and "relax" not in key and isinstance(value, str) and value.strip():
                return value.strip().upper()
    return None
