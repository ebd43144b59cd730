"""The explorer on one screen: where things are at each width, and that they stay there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lab_tools
import pytest
from lab_tools import SETTLED
from test_explorer import BUSY, IMPORTS, OVERFLOW, SHOW, SLOW, wait_value

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

WIDTHS = (700, 900, 1400, 1920)
HEADLINE = """() => { const box = document.querySelector('.cryoaniso-headline').getBoundingClientRect();
  return [box.width, box.height]; }"""
HEIGHT = "() => document.querySelector('.cryoaniso-explorer').getBoundingClientRect().height"
# Pixels between the headline's words and the badge.
ROOM = """() => { const [line, badge] = ['.cryoaniso-headline .cryoaniso-line', '.cryoaniso-badge summary']
  .map(s => document.querySelector(s).getBoundingClientRect()); return badge.left - line.right; }"""
TOPS = """() => ['.cryoaniso-cone', '.cryoaniso-plot', '.cryoaniso-disc', '.lm-TabBar']
  .map(s => document.querySelector('.cryoaniso-explorer ' + s).getBoundingClientRect().top
            - document.querySelector('.cryoaniso-explorer').getBoundingClientRect().top)"""


def test_one_screen_at_every_width(page: Any, notebook: Callable[..., Any]) -> None:
    page.set_viewport_size({"width": 1400, "height": 900})
    book = notebook([IMPORTS, SHOW], place="lab")
    book.run_all()
    book.wait_status("done")
    page.wait_for_selector(".cryoaniso-disc image", state="attached")
    # a notebook opened as a single document before leaves its sidebar closed in the workspace
    page.evaluate(
        """() => { const { shell, commands } = window.jupyterapp;
        return shell.leftCollapsed ? commands.execute('application:toggle-left-area') : null; }"""
    )
    assert page.locator("#jp-left-stack").bounding_box()["width"] > 200, "JupyterLab's sidebar is open"
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function(SETTLED)
        assert max(page.evaluate(OVERFLOW)) <= 1, width
        across, down = page.evaluate(HEADLINE)
        assert across > 260, width
        assert width < 1400 or down <= 40, "a bold line and a line of detail"
        figures = page.locator(".cryoaniso-explorer .cryoaniso-figure:visible")
        assert figures.count() == 4
        for figure in figures.all():
            figure.scroll_into_view_if_needed()  # bqplot fits what is in sight
            page.wait_for_function(SETTLED)
            assert figure.bounding_box()["width"] > 240, width
        picture = page.locator(".cryoaniso-disc image")
        picture.scroll_into_view_if_needed()
        disc = picture.bounding_box()
        assert disc["width"] == pytest.approx(disc["height"], abs=2), width
        assert disc["width"] > 150, width
        book.shot(f"screen-{width}")
    # what is open fits below the toolbar, without scrolling
    page.set_viewport_size({"width": 1400, "height": 900})
    for pane in (0, 1, 2, 3, 5, 6):
        page.locator(".cryoaniso-explorer .lm-TabBar-tab").nth(pane).click()
        page.wait_for_function(BUSY)
        if pane == 3:
            wait_value(page, book, "len(explorer.slices.panels[2].raster.png)", lambda size: size > 500)
        page.wait_for_function(SETTLED)
        assert page.evaluate(HEIGHT) <= 760, pane

    # however long it is, the headline ends before the badge
    book.run(
        "h = explorer.run_bar.headline; long = ' in all directions' * 20; h.value = h.value.replace('.</b>', long)"
    )
    page.wait_for_function("() => document.querySelector('.cryoaniso-headline').textContent.length > 400")
    assert page.evaluate(ROOM) > 0

    # both sheets open on a click, over what lies below, and lie on top of it
    before = page.evaluate(TOPS)
    for opener, words in ((".cryoaniso-headline summary", "views are missing"), (".cryoaniso-badge summary", "mask")):
        page.locator(opener).click()
        sheet = page.locator(".cryoaniso-more[open] .cryoaniso-sheet")
        assert words in sheet.inner_text()
        box = sheet.bounding_box()
        on_top = page.evaluate(
            "([x, y]) => document.elementFromPoint(x, y).closest('.cryoaniso-sheet') !== null",
            [box["x"] + 20, box["y"] + box["height"] / 2],
        )
        assert on_top
        assert page.evaluate(TOPS) == before
        book.shot("screen-sheet")
        page.locator(opener).click()


def test_nothing_jumps_when_a_run_ends(page: Any, notebook: Callable[..., Any]) -> None:
    book = notebook([SLOW])
    book.run_all()
    book.wait_status("running")
    page.wait_for_function("() => document.body.textContent.includes('partial: 6 of 81')")
    page.wait_for_selector(".cryoaniso-disc image", state="attached")
    page.wait_for_function(SETTLED)
    running = page.evaluate(TOPS)
    assert page.locator(".cryoaniso-progress .widget-hprogress").first.is_visible()
    page.locator(".cryoaniso-stop").click()
    book.wait_status("stopped")
    lab_tools.wait_for(
        lambda: not page.locator(".cryoaniso-progress .widget-hprogress").first.is_visible(), 30, "the bar to go"
    )
    assert page.evaluate(TOPS) == running
