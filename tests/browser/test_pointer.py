"""Asking figures: values on hover, zoom and reset, names of the legend, clicks, Escape, the handle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from test_explorer import SHOW, value, wait_value

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

SMALL = (
    "import cryoaniso_nb as ca\nmaps = ca.simulate_half_maps(box=48, voxel_size=1.5, "
    "preset='missing-side-views', signal='phantom', seed=1)"
)
DIRECTION = "explorer.session.state.direction"
MOVES = 60
MOVE = """([x, y, moves]) => { for (let step = 1; step <= moves; step++) window.dispatchEvent(
  new MouseEvent('mousemove', { clientX: x - 2 * step, clientY: y, view: window, cancelable: true })); }"""


def test_figures_answer(page: Any, notebook: Callable[..., Any]) -> None:
    page.set_viewport_size({"width": 1400, "height": 1150})
    book = notebook([SMALL, SHOW])
    book.run_all()
    book.wait_status("done")
    page.wait_for_selector(".cryoaniso-disc image", state="attached")
    figures = page.locator(".cryoaniso-explorer .cryoaniso-figure:visible")
    page.wait_for_function("() => document.querySelectorAll('.cryoaniso-figure[role=img]').length >= 4")

    def at(figure: int, across: float, down: float) -> tuple[float, float]:
        box = figures.nth(figure).locator(".plotarea_background").bounding_box()
        return box["x"] + across * box["width"], box["y"] + down * box["height"]

    def drag(figure: int) -> None:
        for i, place in enumerate((0.3, 0.5, 0.7)):
            page.mouse.move(*at(figure, place, place))
            if i == 0:
                page.mouse.down()
        page.mouse.up()

    # values under the mouse, without the kernel; a description for those who see none
    shell = value(book, "explorer.session.state.shell")
    for figure, words, described in (
        (0, "Bingham p, textbook", "FSO, FSC against Resolution"),
        (1, "zenith 25°, azimuth 119°", "Directional resolution"),
        (2, "mean dFSC", "Directional FSC against"),
        (3, "% of the sphere", "Share of the sphere (%) against"),
    ):
        page.mouse.move(*at(figure, 0.45, 0.4))
        page.wait_for_function(
            "words => { const t = document.querySelector('.cryoaniso-hover');"
            " return t && !t.hidden && t.textContent.includes(words) }",
            arg=words,
        )
        assert described in figures.nth(figure).get_attribute("aria-label")

    # a rectangle zooms, also into a picture; Escape shows all again, and the drag selects nothing
    for figure, name in ((0, "curves"), (1, "sphere")):
        drag(figure)
        scale = f"explorer.{name}.panel.x"
        home = value(book, f"explorer.{name}.panel.pointer.home")
        wait_value(page, book, f"{scale}.max - {scale}.min", lambda span, home=home: span < 0.7 * (home[1] - home[0]))
        assert page.locator(".cryoaniso-unzoom").count() == 1
        page.keyboard.press("Escape")
        wait_value(page, book, f"[{scale}.min, {scale}.max]", lambda ends, home=home: ends == home[:2])
    assert value(book, f"[explorer.session.state.shell, {DIRECTION}]") == [shell, None]

    # a click on fan or histogram selects, Escape lets go
    for figure in (2, 3):
        page.mouse.click(*at(figure, 0.5, 0.5))
        wait_value(page, book, DIRECTION, lambda d: d is not None)
        page.keyboard.press("Escape")
        wait_value(page, book, DIRECTION, lambda d: d is None)
    page.locator(".cryoaniso-to-y").click()
    wait_value(page, book, DIRECTION, lambda d: d == [0.0, 1.0, 0.0])

    # an entry of the legend is a button, also for the keyboard
    entry = page.locator(".cryoaniso-entry[data-key=fsc]").first
    for shown in (False, True):
        entry.focus()
        page.keyboard.press("Enter")
        wait_value(page, book, "explorer.curves.panel.marks['fsc'].visible", lambda v, shown=shown: v is shown)

    # the handle tells of few moves, and of the last one
    book.run("moves = []; explorer.curves.handle.on_drag(lambda *_: moves.append(1))")
    grip = figures.nth(0).locator(".object_grp").last.bounding_box()
    x, y = grip["x"] + grip["width"] / 2, grip["y"] + grip["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.evaluate(MOVE, [x, y, MOVES])  # at once, however slow the machine
    page.mouse.up()
    box = figures.nth(0).locator(".plotarea_background").bounding_box()
    place = (x - 2 * MOVES - box["x"]) / box["width"]
    shells = value(book, "len(explorer.session.state.result.fso.frequency)")
    wait_value(page, book, "explorer.session.state.shell", lambda s: abs(s - place * shells) < 1)
    assert 0 < value(book, "len(moves)") < 5
