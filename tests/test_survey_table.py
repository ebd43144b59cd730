"""The live table of a survey, without a browser."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import cryoaniso_nb as ca
from cryoaniso_nb.errors import MapError, ResultError
from cryoaniso_nb.widgets.survey import MOST_ROWS, SurveyTable


@pytest.fixture(scope="module")
def maps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An isotropic pair, one with a missing cone, and one that can't be read."""
    folder = tmp_path_factory.mktemp("maps")
    for preset in ("isotropic", "missing-cone"):
        made = ca.simulate_half_maps(box=32, voxel_size=2.0, preset=preset, seed=3)
        for number, half in ((1, made.half1), (2, made.half2)):
            ca.write_map(folder / f"{preset}_half{number}.mrc", half, 2.0)
    for number in (1, 2):
        (folder / f"lost_half{number}.mrc").write_bytes(b"no map")
    return folder


def lines(table: SurveyTable) -> list[str]:
    return [label.replace("\u00a0", " ") for label, _ in table.rows.options]


def test_rows_stream_in_and_a_click_explores(maps: Path, tmp_path: Path) -> None:
    async def cell() -> None:
        table = ca.explore_survey(maps, tmp_path / "out")
        seen = set()
        while table.session.running:
            seen.add(len(table.rows.options))
            await asyncio.sleep(0.01)
        assert len(table.result()) == 3
        while len(table.rows.options) < 3:
            await asyncio.sleep(0.01)
        worst, best, failed = lines(table)
        assert "missing-cone" in worst
        assert "isotropic" in best
        assert failed.split()[:3] == ["–", "lost", "failed:"]
        assert table.explorer is None
        table.rows.index = (1,)
        while table.explorer is None:
            await asyncio.sleep(0.01)
        assert table.explorer.result().inputs[0].name == "isotropic_half1.mrc"
        table.rows.index = (0, 1)
        while table.explorer.session.state.other is None:
            await asyncio.sleep(0.01)
        assert table.explorer.result().inputs[0].name == "missing-cone_half1.mrc"
        assert table.explorer.session.state.other.inputs[0].name == "isotropic_half1.mrc"
        table.choose("lost")
        while not table.session.state.error:
            await asyncio.sleep(0.01)
        assert "The pair 'lost' was not analyzed" in table.session.state.error
        table.close()
        assert table.explorer.session.closed

    asyncio.run(cell())


def test_what_an_earlier_survey_left_is_shown_sorted_and_narrowed_down(maps: Path, tmp_path: Path) -> None:
    ca.survey(maps, tmp_path / "out")
    table = ca.explore_survey(None, tmp_path / "out")
    table.order.value = "by name"
    assert [name for _, name in table.rows.options] == ["isotropic", "lost", "missing-cone"]
    table.find.value = "MISSING"
    assert [name for _, name in table.rows.options] == ["missing-cone"]
    table.find.value = "lost cone"
    assert table.rows.options == ()
    table.close()


def test_a_chosen_row_stays_chosen_while_others_come(maps: Path, tmp_path: Path) -> None:
    found = ca.survey(maps, tmp_path / "out")
    table = ca.explore_survey(None, tmp_path / "out")
    table.rows.value = ("isotropic",)
    explorer = table.explorer
    more = ({**found.rows[0], "name": f"new {number}", "rank": None} for number in range(MOST_ROWS + 50))
    table.session.show(ca.Survey(found.folder, (*found.rows, *more), found.by))
    assert table.rows.value == ("isotropic",)
    assert table.explorer is explorer
    assert len(table.rows.options) == MOST_ROWS
    assert f"the first {MOST_ROWS} of {MOST_ROWS + 53} rows" in table.note.value
    table.close()


def test_names_are_text(maps: Path, tmp_path: Path) -> None:
    found = ca.survey(maps, tmp_path / "out")
    table = ca.explore_survey(None, tmp_path / "out")
    table.session.show(ca.Survey(found.folder, ({**found.rows[0], "name": "<b>" * 40},), "<i>"))
    assert lines(table)[0].split()[1].startswith("…")
    assert "&lt;i&gt;" in table.bar.headline.value
    table.close()


def test_sources_are_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(MapError, match="There are no half maps"):
        ca.explore_survey(tmp_path, tmp_path / "out")
    with pytest.raises(ResultError, match="There is no table"):
        ca.explore_survey(None, tmp_path / "out")
