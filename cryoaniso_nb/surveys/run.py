"""A survey from its sources to its table: what was done before is left out, failures are rows."""

from __future__ import annotations

import inspect
import os
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from ..analysis.parts import check_settings
from ..analysis.result import AnalysisResult
from ..analysis.run import analyze, load_result
from ..engine.execution import LOCAL, Execution
from ..engine.memory import analysis_memory, available_memory
from ..engine.tasks import iter_tasks
from ..errors import CryoAnisoError, ResultError, SettingsError
from ..geometry.symmetry import group_name
from ..inputs.mrc_header import Header
from ..results.types import Settings
from .columns import DONE, FAILED, RANKED, column_named, counts_text, row_of, with_ranks
from .pair import Job, kept_of, survey_pair, tidy
from .pairs import Pair, Source, pairs_of
from .table import read_table, write_index

__all__ = ["Plan", "Survey", "iter_survey", "load_survey", "plan_survey", "survey"]

SHARE = 0.8  # of the memory available at the start that pairs at work may take together
TYPICAL_BOX = (400, 400, 400)  # of an EMDB entry, whose box isn't known before it is fetched
WRITE_SECONDS = 10.0  # between two writings of table and index while a survey runs
WRITE_SHARE = 50  # times what the last writing took, at least


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """Every pair of a survey, ranked.

    Attributes
    ----------
    folder : Path
        Where the results are.
    rows : tuple of dict
        One a pair, failed ones last; the columns are those of table.csv.
    by : str
        The column that pairs are ranked by.

    Examples
    --------
    >>> Survey(Path("out"), ({"name": "apo", "status": "failed", "reason": "no file"},), "sphericity").failed[0]["name"]
    'apo'
    """

    folder: Path
    rows: tuple[dict[str, Any], ...]
    by: str

    @property
    def failed(self) -> tuple[dict[str, Any], ...]:
        """The rows of pairs that could not be analyzed."""
        return tuple(row for row in self.rows if row["status"] == FAILED)

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return f"<Survey in {self.folder}: {counts_text(self.rows)}>"

    def result(self, name: str) -> AnalysisResult:
        """The analysis of one pair.

        Parameters
        ----------
        name : str
            As the table calls it.

        Returns
        -------
        AnalysisResult
            Read from its folder.

        Raises
        ------
        ResultError
            When there is no such pair, or it was not analyzed.
        """
        row = next((row for row in self.rows if row["name"] == name), None)
        if row is None:
            raise ResultError(f"There is no pair '{name[:60]}' in this survey; see the column 'name'.")
        if row["status"] != DONE:
            raise ResultError(f"The pair '{name[:60]}' was not analyzed: {row['reason']}")
        return load_result(self.folder / row["folder"])

    def to_dataframe(self) -> Any:
        """The table as a pandas DataFrame.

        Returns
        -------
        pandas.DataFrame
            Indexed by name.

        Raises
        ------
        ResultError
            When pandas isn't installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ResultError("A DataFrame needs the package pandas; install cryoaniso_nb[table].") from error
        return pd.DataFrame(list(self.rows)).set_index("name")

    def _repr_html_(self) -> str:
        from .table import html_rows

        return html_rows(self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a survey will do.

    Attributes
    ----------
    jobs : tuple of Job
        Every pair.
    by : str
        The column to rank by.
    """

    jobs: tuple[Job, ...]
    by: str = RANKED


def plan_survey(
    sources: Source | Iterable[Source],
    out: str | os.PathLike[str],
    *,
    mask: str = "found",
    symmetry: str | None = None,
    rank_by: str = RANKED,
    compact: bool = False,
    keep_maps: bool = False,
    fetch: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Plan:
    """Find the pairs of a survey and refuse settings that make no sense, before any work.

    Parameters
    ----------
    sources : path, str, or several of them
        As `survey` takes them.
    out : path
        Folder of the survey.
    mask, symmetry, rank_by, compact, keep_maps, fetch
        As `survey` takes them.
    **settings
        More arguments of `analyze`, for all pairs.

    Returns
    -------
    Plan
        For `iter_survey`.

    Raises
    ------
    MapError
        When a source can't be read or holds no pair.
    SettingsError
        For settings out of range.

    Examples
    --------
    >>> [job.pair.name for job in plan_survey("EMD-8731", "out").jobs]
    ['EMD-8731']
    """
    column_named(rank_by)
    settings = _checked(settings)
    if mask not in ("found", "auto", "none"):
        raise SettingsError(f"mask is '{mask}', but it must be found, auto or none; a pair's own stands in a manifest.")
    if symmetry is not None:
        symmetry = group_name(symmetry)
    pairs = [_with(pair, mask) for pair in pairs_of(sources)]
    common: dict[str, Any] = {
        "settings": settings,
        "symmetry": symmetry,
        "use_masks": mask != "none",
        "compact": compact,
        "keep_maps": keep_maps,
        "fetch": fetch or {},
    }
    place = Path(out).absolute()
    return Plan(jobs=tuple(Job(pair=pair, out=place, **common) for pair in pairs), by=rank_by)


def _checked(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Those settings that aren't the defaults: a default that is given is the same run as one that isn't."""
    known = set(inspect.signature(analyze).parameters) - {"maps", "execution", "symmetry"}
    unknown = [name for name in settings if name not in known]
    if unknown:
        raise SettingsError(
            f"survey knows no setting '{unknown[0]}'; it takes those of analyze: {', '.join(sorted(known))}."
        )
    given = inspect.signature(analyze).bind_partial(**settings)
    given.apply_defaults()
    shared = {field.name for field in fields(Settings)} - {"box", "voxel_size", "mask", "version"}
    values = {name: value for name, value in given.arguments.items() if name in shared}
    check_settings(Settings(box=TYPICAL_BOX, voxel_size=1.0, **values))
    defaults = {name: known.default for name, known in inspect.signature(analyze).parameters.items()}
    return {name: value for name, value in settings.items() if value != defaults[name]}


def _with(pair: Pair, mask: str) -> Pair:
    if mask == "none":
        return replace(pair, mask=None)
    return replace(pair, mask="auto") if mask == "auto" and pair.mask is None else pair


def survey(
    sources: Source | Iterable[Source],
    out: str | os.PathLike[str],
    *,
    mask: str = "found",
    symmetry: str | None = None,
    rank_by: str = RANKED,
    compact: bool = False,
    keep_maps: bool = False,
    fetch: Mapping[str, Any] | None = None,
    execution: Execution = LOCAL,
    **settings: Any,
) -> Survey:
    """Analyze many pairs of half maps in one run: a folder each, one table, one page.

    Run again after an interruption it goes on where it was: a pair is not done again as long as
    its files (by SHA-256) and settings are the same. A pair that fails is a row with its reason.

    Parameters
    ----------
    sources : path, str, or several of them
        A manifest (CSV with the columns name, half1, half2, mask, voxel_size, symmetry, poses),
        a folder to look through (jobs of RELION and cryoSPARC, files named by half), a text file
        of EMDB codes, a code (``EMD-11638``) or range (``EMD-11000..11999``).
    out : path
        Folder for ``NAME/result.npz`` and the rest of each pair, table.csv, table.parquet (where
        pyarrow is installed) and index.html.
    mask : {'found', 'auto', 'none'}
        Masks as given and found; one made for each pair that has none; or none at all.
    symmetry : str, optional
        Point group of the pairs that tell none.
    rank_by : str
        Column of the table to rank by.
    compact : bool
        Whether results are kept without what other cones are cut from and in single precision (0.2 to 0.6 MB a pair).
    keep_maps : bool
        Whether what is fetched from EMDB stays in the cache once it is analyzed.
    fetch : mapping, optional
        Arguments of `fetch_emdb`: cache, api, files.
    execution : Execution
        Where to compute, what hears of progress, what stops it. Pairs run side by side, as many
        as memory allows; the workers of a cluster must see the files and `out`.
    **settings
        More arguments of `analyze`, for all pairs.

    Returns
    -------
    Survey
        The rows.

    Raises
    ------
    MapError
        When a source can't be read or holds no pair.
    SettingsError
        For settings out of range.
    OutputError
        When table or index can't be written.
    Cancelled
        When ``execution.cancel`` was set; what is finished stays.

    Examples
    --------
    >>> import tempfile, cryoaniso_nb as ca
    >>> maps = ca.simulate_half_maps(box=32, seed=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for number, half in ((1, maps.half1), (2, maps.half2)):
    ...         _ = ca.write_map(f"{folder}/apo_half{number}.mrc", half, 1.5)
    ...     found = ca.survey(folder, f"{folder}/out")
    ...     found.rows[0]["name"], (found.folder / "apo" / "result.npz").exists()
    ('apo', True)
    """
    plan = plan_survey(
        sources,
        out,
        mask=mask,
        symmetry=symmetry,
        rank_by=rank_by,
        compact=compact,
        keep_maps=keep_maps,
        fetch=fetch,
        **settings,
    )
    *_, last = iter_survey(plan, execution=execution)
    return last


def iter_survey(plan: Plan, *, execution: Execution = LOCAL) -> Generator[Survey, None, None]:
    """The same as a generator of what is finished so far; the last one is the whole survey.

    Parameters
    ----------
    plan : Plan
        From `plan_survey`.
    execution : Execution
        Where to compute, what hears of progress, what stops it.

    Yields
    ------
    Survey
        After each pair; table and index are written now and then, and at the end.

    Raises
    ------
    OutputError
        When table or index can't be written.
    Cancelled
        When ``execution.cancel`` was set; what is finished stays.
    """
    writer = _Writer(plan)
    jobs, kept = plan.jobs, [kept_of(job) for job in plan.jobs]
    for job, data in zip(jobs, kept, strict=True):
        if data is not None:
            tidy(job)  # where an earlier run was killed before it could
            writer.add(data)
    todo = [job for job, data in zip(jobs, kept, strict=True) if data is None]
    execution.tell("pairs", len(jobs) - len(todo), len(jobs))
    if todo:
        yield from _running(todo, writer, len(jobs), execution)
    yield writer.write()


def load_survey(folder: str | os.PathLike[str]) -> Survey:
    """Read the table that a survey left.

    Parameters
    ----------
    folder : path
        Of the survey, or its table (.csv or .parquet) alone, which gives no single results.

    Returns
    -------
    Survey
        As it was when the table was written.

    Raises
    ------
    ResultError
        When there is no table, or it can't be read.

    Examples
    --------
    >>> load_survey("nowhere")
    Traceback (most recent call last):
    cryoaniso_nb.errors.ResultError: There is no table nowhere/table.csv of a survey; check the folder.
    """
    rows = read_table(folder)
    by = next((str(row["ranked_by"]) for row in rows if row.get("ranked_by")), RANKED)
    return Survey(Path(folder), tuple(rows), by)


def _running(todo: Sequence[Job], writer: _Writer, total: int, execution: Execution) -> Iterator[Survey]:
    memory = execution.memory_limit or available_memory()
    budget = int(SHARE * memory) if memory is not None else None
    needs = [_need(job.pair) for job in todo]
    try:
        for _, data in iter_tasks(survey_pair, todo, needs=needs, memory=budget, execution=execution):
            writer.add(data)
            execution.tell("pairs", len(writer.rows), total)
            yield writer.now_and_then()
    except BaseException:
        writer.write()
        raise


def _need(pair: Pair) -> int:
    try:
        return analysis_memory(Header.of(pair.half1).shape if pair.half1 is not None else TYPICAL_BOX)
    except CryoAnisoError:  # it will fail soon, and say why
        return 0


class _Writer:
    """Rows as they come; table and index now and then."""

    def __init__(self, plan: Plan) -> None:
        self.folder, self.by = plan.jobs[0].out, plan.by
        self.order = {job.pair.folder: number for number, job in enumerate(plan.jobs)}
        self.rows: dict[str, dict[str, Any]] = {}
        self.curves: dict[str, Mapping[str, Any]] = {}
        self.written, self.took = time.monotonic(), 0.0

    def add(self, data: Mapping[str, Any]) -> None:
        self.rows[data["folder"]] = row_of(data)
        self.curves[data["folder"]] = data.get("curves", {})

    def survey(self) -> Survey:
        rows = [self.rows[folder] for folder in sorted(self.rows, key=self.order.__getitem__)]
        return Survey(self.folder, tuple(with_ranks(rows, self.by)), self.by)

    def write(self) -> Survey:
        start = time.monotonic()
        found = self.survey()
        write_index(self.folder, found.rows, self.curves, self.by)
        self.written = time.monotonic()
        self.took = self.written - start
        return found

    def now_and_then(self) -> Survey:
        due = max(WRITE_SECONDS, WRITE_SHARE * self.took)  # a table of 10,000 rows takes seconds
        return self.write() if time.monotonic() - self.written > due else self.survey()
