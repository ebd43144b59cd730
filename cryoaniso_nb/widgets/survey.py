"""A survey live: its rows stream into a table, and a chosen one opens in the explorer."""

from __future__ import annotations

import html
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import ipywidgets

from ..surveys.columns import COLUMNS, DONE, counts_text
from ..surveys.index_page import number_text
from ..surveys.pairs import Source
from ..surveys.run import Survey, iter_survey, load_survey, plan_survey
from ._session import LiveSession
from ._style import STYLE as VIEWS
from ._tree import close_tree
from .explorer import Explorer, explore
from .header import RunBar

__all__ = ["SurveyTable", "explore_survey"]

MOST_ROWS = 200  # sent to the page; the filter brings the others
NAME_WIDTH = 32  # letters
ORDERS = ("worst first", "as given", "by name")

STYLE = """<style>
.cryoaniso-survey select { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: 12px; }
.cryoaniso-survey pre { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: 12px;
  margin: 0; padding-left: 5px; line-height: 1.3; font-weight: 600; }
</style>"""


class _SurveySession(LiveSession):
    """A session whose results are surveys so far."""

    def _prepare(self, result: Any) -> None:
        """A survey has no shells to put a cursor on."""

    _choose_defaults = _prepare


class _SurveyBar(RunBar):
    """Counts in place of a headline."""

    @staticmethod
    def _headline(state: Any) -> str:
        found: Survey | None = state.result
        if found is None:
            return '<span style="font-size:14px">…</span>' if state.status == "running" else ""
        text = f"{counts_text(found.rows)}; ranked by {found.by}"
        return f'<div style="font-size:14px"><b>{html.escape(text)}</b></div>'


class SurveyTable(ipywidgets.VBox):  # type: ignore[misc]
    """Rows of a survey as they come; chosen ones are explored below.

    Parameters
    ----------
    session : LiveSession
        Whose results are surveys.
    """

    def __init__(self, session: LiveSession) -> None:
        self.session = session
        self.explorer: Explorer | None = None
        self._following = False
        self.bar = _SurveyBar(session)
        self.order = ipywidgets.Dropdown(options=ORDERS, layout={"width": "130px"})
        self.find = ipywidgets.Text(placeholder="show only rows with ...", layout={"width": "240px"})
        self.note = ipywidgets.HTML()
        self.heading = ipywidgets.HTML(f"<pre>{html.escape(_line_of(_HEADINGS))}</pre>")
        self.rows = ipywidgets.SelectMultiple(rows=14, layout={"width": "100%"})
        self.chosen = ipywidgets.VBox(layout={"width": "100%"})
        controls = ipywidgets.HBox([self.order, self.find, self.note], layout={"align_items": "center"})
        super().__init__(
            [ipywidgets.HTML(VIEWS + STYLE), self.bar, controls, self.heading, self.rows, self.chosen],
            layout={"width": "100%", "max_width": "1400px"},
        )
        self.add_class("cryoaniso-survey")
        session.state.observe(self._show, names="result")
        for control in (self.order, self.find):
            control.observe(lambda _change: session.post(self._show), names="value")
        self.rows.observe(self._picked, names="index")
        session.on_close(self._let_go)
        self._show()

    # --- for people ------------------------------------------------------------------------

    def result(self, timeout: float | None = None) -> Survey:
        """Wait for the run and return the survey.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait at most.

        Returns
        -------
        Survey
            What is finished, if the run was stopped.

        Raises
        ------
        CryoAnisoError
            What ended the run.
        TimeoutError
            When it takes longer than `timeout`.
        """
        found: Survey = self.session.result(timeout)
        return found

    def choose(self, *names: str) -> None:
        """Explore a pair, as a click on its row does; a second one is compared with it.

        Parameters
        ----------
        *names : str
            One or two, as the table calls them.
        """
        self.session.post(self._open, names)

    def close(self) -> None:
        """Stop the run and free what it holds; finished pairs stay on the disk."""
        if self.session.closed:
            super().close()
        else:
            self.session.close()

    # --- on the loop ----------------------------------------------------------------------

    def _show(self, _change: Any = None) -> None:
        found: Survey | None = self.session.state.result
        if found is None:
            return
        words = self.find.value.lower().split()
        rows = [row for row in _ordered(found.rows, self.order.value) if _matches(row, words)]
        shown = rows[:MOST_ROWS]
        chosen = set(self.rows.value)
        options = [(_line_of(_cells(row)), row["name"]) for row in shown]
        self._following = True
        try:
            if options != list(self.rows.options):
                self.rows.options = options
                self.rows.index = tuple(i for i, (_, name) in enumerate(options) if name in chosen)
        finally:
            self._following = False
        more = f"the first {MOST_ROWS} of {len(rows)} rows; narrow them down, " if len(rows) > MOST_ROWS else ""
        self.note.value = (
            f'<span style="font-size:12px">{more}click a row to explore it, Ctrl-click another to compare</span>'
        )

    def _picked(self, _change: Any) -> None:
        names = tuple(self.rows.value)
        if not self._following and names:
            self.session.post(self._open, names)

    def _open(self, names: Sequence[str]) -> None:
        found: Survey = self.session.state.result
        self.session.compute("open", lambda: [found.result(name) for name in names[:2]], self._explore)

    def _explore(self, results: Any) -> None:
        if not results:
            return
        first, *others = results
        if self.explorer is None or self.explorer.session.closed:
            self.explorer = explore(first)
            self.chosen.children = [self.explorer]
        else:
            self.explorer.session.show(first)
        self.explorer.compare(others[0] if others else None)

    def _let_go(self) -> None:
        if self.explorer is not None:
            self.explorer.close()
        close_tree(self)


# --- rows as text ------------------------------------------------------------------------

_SHOWN = tuple(c for c in COLUMNS if c.heading and c.digits > 0)
_HEADINGS = ("rank", "pair", "cause", *(c.heading.replace("<br>", " ") for c in _SHOWN))
_WIDTHS = (5, NAME_WIDTH, 8, *(max(8, len(heading)) for heading in _HEADINGS[3:]))


def _cells(row: Mapping[str, Any]) -> list[str]:
    name = str(row["name"])
    name = name if len(name) <= NAME_WIDTH else f"…{name[1 - NAME_WIDTH :]}"
    if row["status"] != DONE:
        return ["–", name, f"{row['status']}: {row['reason']}"]
    numbers = [number_text(row.get(column.name), column.digits) for column in _SHOWN]
    return [number_text(row.get("rank"), 0), name, str(row.get("cause") or "–"), *numbers]


def _line_of(cells: Iterable[str]) -> str:
    """Cells side by side; hard spaces, since pages fold plain ones."""
    texts = [
        cell.ljust(width) if number in (1, 2) else cell.rjust(width)
        for number, (cell, width) in enumerate(zip(cells, _WIDTHS, strict=False))
    ]
    return "  ".join(texts).replace(" ", "\u00a0")


def _ordered(rows: Sequence[Mapping[str, Any]], order: str) -> list[Mapping[str, Any]]:
    if order == "worst first":
        return sorted(rows, key=lambda row: (row["status"] != DONE, row.get("rank") or len(rows) + 1))
    return sorted(rows, key=lambda row: str(row["name"])) if order == "by name" else list(rows)


def _matches(row: Mapping[str, Any], words: Sequence[str]) -> bool:
    text = " ".join(str(row.get(key) or "") for key in ("name", "status", "cause", "reason", "half1", "mask")).lower()
    return all(word in text for word in words)


def explore_survey(
    sources: Source | Iterable[Source] | None,
    out: str | os.PathLike[str],
    *,
    scheduler: Any = "threads",
    **options: Any,
) -> SurveyTable:
    """Run a survey in a notebook: rows stream into a table, a click on one opens the explorer.

    Parameters
    ----------
    sources : path, str, or several of them
        As `survey` takes them; None shows what an earlier survey left in `out`.
    out : path
        Folder of the survey.
    scheduler : str or distributed.Client
        Where to compute.
    **options
        More arguments of `survey`.

    Returns
    -------
    SurveyTable
        A widget; its ``result()`` waits for the run.

    Raises
    ------
    MapError
        When a source can't be read or holds no pair.
    ResultError
        When `out` holds no survey.
    SettingsError
        For settings out of range.

    Examples
    --------
    >>> import tempfile, cryoaniso_nb as ca
    >>> maps = ca.simulate_half_maps(box=32, seed=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for number, half in ((1, maps.half1), (2, maps.half2)):
    ...         _ = ca.write_map(f"{folder}/apo_half{number}.mrc", half, 1.5)
    ...     live = explore_survey(folder, f"{folder}/out")
    ...     live.result().rows[0]["name"]
    'apo'
    >>> live.close()
    """
    if sources is None:
        return SurveyTable(_SurveySession(result=load_survey(out)))
    plan = plan_survey(sources, out, **options)
    session = _SurveySession(lambda execution: iter_survey(plan, execution=execution), scheduler=scheduler)
    table = SurveyTable(session)
    session.start()
    return table
