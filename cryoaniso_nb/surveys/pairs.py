"""What a survey goes through: pairs of half maps from manifests, folders and lists of EMDB entries."""

from __future__ import annotations

import csv
import io
import math
import os
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from ..errors import MapError, SettingsError
from ..inputs.discovery import PairFiles, find_pairs, pair_of, partner_of, shared_name
from ..inputs.emdb_record import entry_number
from ..results.cautions import Caution
from ..results.fence import inside

__all__ = ["MANIFEST_COLUMNS", "Pair", "Source", "entries_of", "pairs_of", "read_manifest"]

MANIFEST_COLUMNS = ("name", "half1", "half2", "mask", "voxel_size", "symmetry", "poses")
LARGEST_MANIFEST = 64 * 2**20  # bytes
LONGEST_FOLDER = 120  # bytes of a result folder's name; file systems allow 255

Source: TypeAlias = "str | os.PathLike[str] | Pair | PairFiles"

_RANGE = re.compile(
    r"(?P<first>(?:emd[-_ ]?)?\d{4,5})(?:\s*(?:\.\.|[:–-])\s*(?P<last>(?:emd[-_ ]?)?\d{4,5}))?", re.IGNORECASE
)
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)  # on Windows


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One pair of half maps of a survey.

    Attributes
    ----------
    name : str
        What the table calls it.
    half1, half2 : Path or None
        The half maps; None where they come from EMDB.
    mask : Path, str or None
        A mask's file, 'auto' to make one, or None.
    voxel_size : float or None
        Å, instead of the headers'.
    symmetry : str or None
        Point group; None where nothing tells.
    poses : Path or None
        The particles.
    emdb : int or None
        Number of the EMDB entry that the maps are fetched from.
    notes : tuple of Caution
        What was found but isn't used.
    problem : str
        Why it can't be analyzed, as far as known before; '' if nothing is known.
    folder : str
        Name of its folder of results; made from `name` by `pairs_of`.
    """

    name: str
    half1: Path | None = None
    half2: Path | None = None
    mask: Path | str | None = None
    voxel_size: float | None = None
    symmetry: str | None = None
    poses: Path | None = None
    emdb: int | None = None
    notes: tuple[Caution, ...] = ()
    problem: str = ""
    folder: str = ""


def pairs_of(sources: Source | Iterable[Source]) -> tuple[Pair, ...]:
    """The pairs that manifests, folders, lists and codes of EMDB stand for.

    Parameters
    ----------
    sources : path, str, Pair, PairFiles or iterable of them
        A manifest (.csv, .tsv), a folder to look through, a text file of EMDB codes, a half map
        whose other half lies beside it, a code (``EMD-11638``) or a range (``EMD-11000..11999``).

    Returns
    -------
    tuple of Pair
        In the order given; names and folders differ from each other.

    Raises
    ------
    MapError
        When a source can't be read, holds no pair, or there are two of one name.
    SettingsError
        For a manifest's value that can't be meant.

    Examples
    --------
    >>> [pair.name for pair in pairs_of(["EMD-8731", "EMD-11638..11640"])]
    ['EMD-8731', 'EMD-11638', 'EMD-11639', 'EMD-11640']
    """
    if isinstance(sources, (str, os.PathLike, Pair, PairFiles)):
        sources = [sources]
    given = list(sources)
    found = [pair for source in given for pair in _pairs_of(source, several=len(given) > 1)]
    if not found:
        raise MapError("There are no half maps to survey; give a manifest, a folder, or codes of EMDB.")
    return _with_folders(found)


def _pairs_of(source: Source, *, several: bool) -> Sequence[Pair]:
    if isinstance(source, Pair):
        return (source,)
    if isinstance(source, PairFiles):
        return (_from_files(source),)
    text = os.fspath(source).strip()
    if (entries := _entries(text)) is not None:
        return entries
    path = Path(source)
    if path.is_dir():
        pairs = find_pairs(path)
        if not pairs:
            raise MapError(f"There are no half maps in {path}; see that their names say which half they are.")
        prefix = f"{path.absolute().name}/" if several else ""
        return [replace(_from_files(pair), name=prefix + pair.name) for pair in pairs]
    if not inside(path).exists():
        raise MapError(f"There is no file {path}; give a manifest, a folder, or codes of EMDB like EMD-11638.")
    if path.suffix.lower() in (".csv", ".tsv"):
        return read_manifest(path)
    if path.suffix.lower() in ("", ".txt", ".list", ".lst"):
        return _entry_list(path)
    return (_from_files(pair_of(path)),)


def _from_files(files: PairFiles) -> Pair:
    return Pair(
        name=files.name,
        half1=files.half1,
        half2=files.half2,
        mask=files.mask,
        symmetry=files.symmetry,
        poses=files.poses,
        notes=files.notes,
    )


# --- EMDB --------------------------------------------------------------------------------


def entries_of(lists: Iterable[str | os.PathLike[str]]) -> list[Pair]:
    """The EMDB entries that lists stand for, each once.

    Parameters
    ----------
    lists : iterable of str or path
        Codes, numbers and ranges with commas between, or a text file of them.

    Returns
    -------
    list of Pair
        In the order given.

    Raises
    ------
    MapError
        When a list can't be read, or is none.
    SettingsError
        For a range that ends before it begins.

    Examples
    --------
    >>> [pair.name for pair in entries_of(["11000-11002,EMD-3061", "11001"])]
    ['EMD-11000', 'EMD-11001', 'EMD-11002', 'EMD-3061']
    """
    found: dict[int | None, Pair] = {}
    for given in lists:
        text = os.fspath(given)
        pairs = _entry_list(Path(text)) if os.path.exists(text) else _listed(text, f"The list of entries '{text[:60]}'")
        for pair in pairs:
            found.setdefault(pair.emdb, pair)
    return list(found.values())


def _entries(text: str) -> list[Pair] | None:
    """The entries of a code or a range of codes; None for other text."""
    found = _RANGE.fullmatch(text)
    if found is None or os.path.exists(text):
        return None
    first = entry_number(found["first"])
    last = entry_number(found["last"]) if found["last"] else first
    if last < first:
        raise SettingsError(f"The range {text} ends before it begins; give the smaller number first.")
    return [Pair(name=f"EMD-{number:04d}", emdb=number) for number in range(first, last + 1)]


def _entry_list(path: Path) -> list[Pair]:
    """The entries that a text file lists, a code or range each; ``#`` starts a comment."""
    found: list[Pair] = []
    for number, line in enumerate(_text(path).splitlines(), 1):
        found += _listed(line.split("#", 1)[0], f"Line {number} of {path}", "; a manifest of files ends in .csv")
    if not found:
        raise MapError(f"{path} lists no EMDB code; write one a line, like EMD-11638.")
    return found


def _listed(text: str, where: str, hint: str = " or range like 11000-11999") -> list[Pair]:
    found: list[Pair] = []
    for word in re.split(r"[,;\s]+", text):
        entries = _entries(word) if word else []
        if entries is None:
            raise MapError(f"{where} holds '{word[:40]}', which is no EMDB code like EMD-11638{hint}.")
        found += entries
    return found


# --- manifests ---------------------------------------------------------------------------


def read_manifest(path: str | os.PathLike[str]) -> tuple[Pair, ...]:
    """Read a table of pairs.

    Parameters
    ----------
    path : path
        CSV (commas, semicolons or tabs) with a header row of some of the columns name, half1,
        half2, mask, voxel_size, symmetry, poses. `half1` is needed: a file, or an EMDB code.
        Without half2 the other half is looked for beside the first. Paths are taken from the
        manifest's folder. `mask` may be 'auto' or 'none'.

    Returns
    -------
    tuple of Pair
        One a row; empty rows and those that start with # are left out.

    Raises
    ------
    MapError
        When it can't be read, or lacks columns.
    SettingsError
        For a value that can't be meant.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = Path(folder, "pairs.csv")
    ...     _ = table.write_text("half1,half2,voxel_size\\na_half1.mrc,a_half2.mrc,1.3\\nEMD-8731,,\\n")
    ...     [(pair.name, pair.voxel_size) for pair in read_manifest(table)]
    [('a', 1.3), ('EMD-8731', None)]
    """
    source = Path(path)
    text = _text(source)
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        raise MapError(f"{source} is empty; write a header row ({', '.join(MANIFEST_COLUMNS)}) and one row per pair.")
    separator = max(",;\t", key=lines[0].count)
    rows = list(csv.reader(io.StringIO("\n".join(lines)), delimiter=separator, skipinitialspace=True))
    columns = [name.strip().lower().replace(" ", "_") for name in rows[0]]
    unknown = [name for name in columns if name not in MANIFEST_COLUMNS]
    if unknown or "half1" not in columns or len(set(columns)) < len(columns):
        problem = f"an unknown column '{unknown[0][:40]}'" if unknown else "no column 'half1'"
        problem = problem if unknown or "half1" not in columns else "a column twice"
        raise MapError(f"{source} has {problem} in its header row; the columns are {', '.join(MANIFEST_COLUMNS)}.")
    pairs = []
    for number, row in enumerate(rows[1:], 2):
        where = f"Row {number} of {source}"
        if len(row) > len(columns) and any(field.strip() for field in row[len(columns) :]):
            raise MapError(
                f"{where} has {len(row)} fields, but the header row {len(columns)}; quote what holds a comma."
            )
        fields = {name: field.strip() for name, field in zip(columns, row, strict=False)}
        if any(fields.values()):
            pairs.append(_from_row(fields, source.parent, where))
    if not pairs:
        raise MapError(f"{source} has a header row, but no pair; write one row per pair.")
    return tuple(pairs)


def _text(path: Path) -> str:
    inside(path)
    try:
        if path.stat().st_size > LARGEST_MANIFEST:
            raise MapError(f"{path} has {path.stat().st_size} bytes, too many for a list of maps; check the path.")
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise MapError(f"Can't read {path}: {(error.strerror or str(error)).lower()}.") from error
    except UnicodeDecodeError as error:
        raise MapError(f"{path} is no text in UTF-8; export the table as CSV in UTF-8.") from error


def _from_row(fields: Mapping[str, str], folder: Path, where: str) -> Pair:
    first, second = fields.get("half1", ""), fields.get("half2", "")
    if not first:
        raise MapError(f"{where} has no half1; give a file or an EMDB code.")
    mask = fields.get("mask", "")
    given = Pair(
        name=fields.get("name", ""),
        mask=None if mask.lower() in ("", "none") else "auto" if mask.lower() == "auto" else folder / mask,
        voxel_size=_voxel_size(fields.get("voxel_size", ""), where),
        symmetry=fields.get("symmetry") or None,
        poses=folder / fields["poses"] if fields.get("poses") else None,
    )
    entries = None if second else _entries(first)
    if entries is not None:
        if len(entries) > 1:
            raise MapError(f"{where} holds a range of EMDB codes, {first}; write one row an entry.")
        return replace(given, name=given.name or entries[0].name, emdb=entries[0].emdb)
    half = folder / Path(first).expanduser()
    given = replace(given, name=given.name or shared_name(half.name) or half.absolute().parent.name, half1=half)
    if second:
        return replace(given, half2=folder / Path(second).expanduser())
    try:
        halves = partner_of(half)
    except MapError as error:
        return replace(given, problem=str(error))
    return replace(given, half1=halves[0], half2=halves[1])


def _voxel_size(text: str, where: str) -> float | None:
    if not text:
        return None
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise SettingsError(f"{where} has the voxel size '{text[:40]}', but it must be a positive number of Å.")
    return value


# --- folders -----------------------------------------------------------------------------


def _with_folders(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    """Give each pair a folder of its own, whatever the file system makes of its name."""
    names: dict[str, int] = {}
    for number, pair in enumerate(pairs, 1):
        if pair.name in names:
            raise MapError(
                f"The pairs {names[pair.name]} and {number} are both called '{pair.name[:60]}'; "
                "give each a name of its own (the manifest's column 'name')."
            )
        names[pair.name] = number
    taken: set[str] = set()
    found = []
    for pair in pairs:
        base = folder = _folder_name(pair.name)
        count = 1
        while folder.casefold() in taken:
            count += 1
            folder = f"{base}-{count}"
        taken.add(folder.casefold())
        found.append(replace(pair, folder=folder))
    return tuple(found)


def _folder_name(name: str) -> str:
    plain = unicodedata.normalize("NFC", name)
    plain = re.sub(r"[^\w.()+-]+", "_", plain).strip("._ ") or "pair"
    plain = plain.encode()[:LONGEST_FOLDER].decode(errors="ignore")
    return f"{plain}_" if _RESERVED.fullmatch(plain) else plain
