"""The explorer in JupyterLab, in a real browser."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import lab_tools
import pytest
from accessible import FAINT, NAMELESS

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

IMPORTS = (
    "import cryoaniso_nb as ca\nmaps = ca.simulate_half_maps(box=64, voxel_size=1.5, "
    "preset='missing-side-views', signal='phantom', seed=1)"
)
WIDGETS = "import bqplot\nbqplot.Figure()"
SHOW = "explorer = ca.explore(maps)\nexplorer"
SLOW = """import time
import cryoaniso_nb as ca
from cryoaniso_nb.widgets import Explorer, LiveSession
from cryoaniso_nb.widgets.sources import Source

levels = list(ca.iter_analysis(ca.simulate_half_maps(box=48, voxel_size=2.0, seed=1), n_axes=81))

def stream(execution):
    yield levels[0]
    for second in range(600):
        execution.tell("cones", second, 600)
        if execution.cancel.wait(0.1):
            return

explorer = Explorer(LiveSession(stream), Source(settings=dict(cone_half_angle=17.0, threshold=0.143, n_axes=81)))
explorer.session.start()
explorer"""

# The vertices of a curve as the page draws it, in pixels: [[x, y], ...] of the thickest blue line.
CURVE = """which => {
  const lines = [...document.querySelectorAll('.cryoaniso-figure')[0].querySelectorAll('path.line')];
  const thick = lines.filter(l => parseFloat(l.style.strokeWidth) === 2.5 && l.getAttribute('d'));
  const line = thick.find(l => l.style.stroke === which);
  const points = line ? line.getAttribute('d').match(/-?[\\d.e-]+,-?[\\d.e-]+/g) : null;
  return (points || []).map(p => p.split(',').map(Number));
}"""
# Whether the page draws the curve through these values (their ends give the scale).
DRAWN = f"""([which, values]) => {{
  const heights = ({CURVE})(which).map(p => -p[1]);
  const ends = a => [Math.min(...a), Math.max(...a)];
  const scaled = a => a.map(v => (v - ends(a)[0]) / (ends(a)[1] - ends(a)[0]));
  const [drawn, wanted] = [scaled(heights), scaled(values)];
  return drawn.length === wanted.length && drawn.every((v, i) => Math.abs(v - wanted[i]) < 0.01);
}}"""
# A disc in JupyterLab keeps its shape at any width.
ROUND = """() => {
  const disc = document.querySelector('.cryoaniso-disc image').getBoundingClientRect();
  return disc.width > 40 && Math.abs(disc.width / disc.height - 1) < 0.02;
}"""
ZEROS = """() => [...document.querySelector('.cryoaniso-plot').querySelectorAll('.axis .tick text')]
  .filter(t => t.textContent === '0')
  .map(t => { const box = t.getBoundingClientRect(); return (box.top + box.bottom) / 2; })"""
OVERFLOW = """() => {
  const explorer = document.querySelector('.cryoaniso-explorer');
  const output = explorer.closest('.jp-OutputArea-output');
  return [explorer, output].map(e => e.scrollWidth - e.clientWidth);
}"""
SMALL_LETTERS = """() => [...document.querySelectorAll('text, span, label, button, option, td, th')]
  .filter(t => t.closest('.cryoaniso-explorer') && t.textContent.trim() && t.getClientRects().length)
  .filter(t => parseFloat(getComputedStyle(t).fontSize) < 11)
  .map(t => t.textContent)"""
BUSY = """() => ![...document.querySelectorAll('.cryoaniso-explorer')]
  .some(e => /Computing|Filtering|Reading …|Predicting/.test(e.textContent))"""
STAR = "data_particles\n\nloop_\n_rlnAngleRot #1\n_rlnAngleTilt #2\n_rlnAnglePsi #3\n" + "".join(
    f"{137.5 * i % 360:.2f} {30 * (i / 400) ** 0.5:.2f} {77.7 * i % 360:.2f}\n" for i in range(400)
)
OCCUPANCY = "[v for v in explorer.session.state.result.fso.occupancy.tolist() if v == v]"
FSO_BLUE = "rgb(26, 133, 232)"


def value(notebook: Any, expression: str) -> Any:
    """A value of the kernel."""
    return json.loads(notebook.run(f"import json; print(json.dumps({expression}))"))


def curve(page: Any) -> list[list[float]]:
    """The FSO curve on the page."""
    found: list[list[float]] = page.evaluate(CURVE, FSO_BLUE)
    return found


def wait_value(page: Any, notebook: Any, expression: str, wanted: Callable[[Any], bool]) -> Any:
    """Until the kernel's value is as wanted."""
    got: list[Any] = [None]

    def right() -> bool:
        got[0] = value(notebook, expression)
        return wanted(got[0])

    lab_tools.wait_for(right, 30, expression)
    return got[0]


def follow(page: Any, notebook: Any, knob: Any) -> float:
    """Until the kernel has the cone that the page's slider shows, and the page the kernel's curve; the angle."""
    angle = float(knob.get_attribute("aria-valuenow"))
    wait_value(page, notebook, "explorer.session.state.result.settings.cone_half_angle", lambda v: v == angle)
    page.wait_for_function(DRAWN, arg=[FSO_BLUE, value(notebook, OCCUPANCY)])
    return angle


def press(page: Any, handle: Any, key: str, times: int) -> None:
    """Press a key on a slider's handle, which must take the focus."""
    handle.focus()
    assert page.evaluate("() => document.activeElement.getAttribute('role')") == "slider"
    for _ in range(times):
        page.keyboard.press(key)


def test_explore_from_run_to_both_themes(page: Any, notebook: Callable[..., Any]) -> None:
    empty = notebook([WIDGETS], "-empty")
    empty.run_all()
    page.wait_for_selector(".bqplot")
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        empty.theme(theme)
    known = empty.noise()  # what JupyterLab and the widgets' libraries log by themselves
    page.said.clear()

    book = notebook([IMPORTS, SHOW])
    book.run_all()
    book.wait_status("done")
    page.wait_for_selector(".cryoaniso-figure path.line", state="attached")
    shells = value(book, "len(explorer.result().fso.occupancy)")

    # the FSO curve on the page is the result's
    page.wait_for_function(f"which => ({CURVE})(which).length > 5", arg=FSO_BLUE)
    points = curve(page)
    occupancy = value(book, OCCUPANCY)
    assert len(points) == len(occupancy)
    heights = [y for _, y in points]
    top, bottom = heights[occupancy.index(max(occupancy))], heights[occupancy.index(min(occupancy))]
    scale = (top - bottom) / (max(occupancy) - min(occupancy))
    for height, fraction in zip(heights, occupancy, strict=True):
        assert abs(height - (bottom + scale * (fraction - min(occupancy)))) < 1.0

    # no horizontal scrolling at 1280 px, letters of 11 px or more, a round disc
    assert max(page.evaluate(OVERFLOW)) <= 1
    assert page.evaluate(SMALL_LETTERS) == []
    # both y axes have their zero at one height
    heights = page.evaluate(ZEROS)
    assert len(heights) == 2
    assert heights[0] == pytest.approx(heights[1], abs=0.5)

    # click a direction
    box = page.locator(".cryoaniso-figure").nth(1).locator("image").first.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.25)
    direction = wait_value(page, book, "explorer.session.state.direction", lambda d: d is not None)
    assert direction[1] == pytest.approx(0.7, abs=0.1), "half-way up the disc: zenith 45, azimuth 90"
    page.wait_for_function("() => document.body.textContent.includes('cone ±17°')")

    # drag the shell cursor by its handle
    before = value(book, "explorer.session.state.shell")
    handle = page.locator(".cryoaniso-figure").first.locator(".object_grp, .dot_grp").last
    grip = handle.bounding_box()
    page.mouse.move(grip["x"] + grip["width"] / 2, grip["y"] + grip["height"] / 2)
    page.mouse.down()
    for step in range(1, 11):
        page.mouse.move(grip["x"] + grip["width"] / 2 - 8 * step, grip["y"] + grip["height"] / 2)
    page.mouse.up()
    wait_value(page, book, "explorer.session.state.shell", lambda s: s < before)
    # the drag may still be arriving step by step: what is shown moves on, so no one shell is waited for
    page.wait_for_function(
        "before => Number(/shell (\\d+) ·/.exec(document.body.textContent)?.[1]) < before", arg=before
    )

    # click into the plot moves it too
    plot = page.locator(".cryoaniso-figure").first.locator("image").first.bounding_box()
    page.mouse.click(plot["x"] + plot["width"] * 0.75, plot["y"] + plot["height"] / 2)
    wait_value(page, book, "explorer.session.state.shell", lambda s: abs(s - 0.75 * shells) < 2)

    # drag the cone slider: the curve follows
    knob = page.locator(".cryoaniso-cone .noUi-handle").first
    grip = knob.bounding_box()
    page.mouse.move(grip["x"] + grip["width"] / 2, grip["y"] + grip["height"] / 2)
    page.mouse.down()
    for step in range(1, 11):
        page.mouse.move(grip["x"] + grip["width"] / 2 + 5 * step, grip["y"] + grip["height"] / 2)
    page.mouse.up()
    dragged = follow(page, book, knob)
    assert dragged > 20
    assert occupancy != (wide := value(book, OCCUPANCY))
    # by keyboard: each arrow is a step of half a degree
    press(page, knob, "ArrowRight", 6)
    assert follow(page, book, knob) == dragged + 3
    assert wide != value(book, OCCUPANCY)
    press(page, knob, "ArrowLeft", 6)
    assert follow(page, book, knob) == dragged
    assert wide == value(book, OCCUPANCY)
    shell = value(book, "explorer.session.state.shell")
    press(page, page.locator(".cryoaniso-shell .noUi-handle").first, "ArrowLeft", 3)
    wait_value(page, book, "explorer.session.state.shell", lambda v: v == shell - 3)

    # statistics, and poses
    tabs = page.locator(".cryoaniso-explorer .lm-TabBar-tab")
    tabs.nth(1).click()
    book.run("explorer.statistics.n.value = 39")
    for button in ("calibrate", "band"):
        page.locator(f".cryoaniso-{button}").click()
        carried = "calibration" if button == "calibrate" else "band"
        wait_value(page, book, f"explorer.session.state.result.{carried} is not None", bool)
        book.wait_status("done")
    page.wait_for_function("() => document.body.textContent.includes('Whole map: p =')")
    (book.path.parent / "views.star").write_text(STAR)
    tabs.nth(4).click()
    page.locator(".cryoaniso-explorer input[placeholder^='run_data']").fill("views.star")
    page.keyboard.press("Tab")
    page.locator(".cryoaniso-poses").click()
    wait_value(page, book, "explorer.poses.advice is not None or explorer.session.state.error != ''", bool)

    # every pane, in both themes
    for theme, name in (("JupyterLab Light", "light"), ("JupyterLab Dark", "dark")):
        book.theme(theme)
        for pane in range(7):
            page.locator(".cryoaniso-explorer .lm-TabBar-tab").nth(pane).click()
            page.wait_for_function(BUSY)
            if pane == 3:
                wait_value(page, book, "len(explorer.slices.panels[2].raster.png)", lambda size: size > 500)
            assert page.evaluate(FAINT) == []
            assert page.evaluate(NAMELESS) == []
            book.shot(f"explorer-{name}-{pane}")
    assert value(book, "explorer.session.state.error") == ""
    assert book.noise() <= known

    # discs stay round in narrow and in wide pages
    for width in (700, 1900):
        page.set_viewport_size({"width": width, "height": 1200})
        page.wait_for_function(ROUND)

    # the notebook stays small with the state of all widgets in it, which JupyterLab saves only if told to
    page.evaluate(
        "async () => { const { commands } = window.jupyterapp;"
        " await commands.execute('@jupyter-widgets/jupyterlab-manager:saveWidgetState');"
        " await commands.execute('docmanager:save') }"
    )
    lab_tools.wait_for(lambda: "widget-state+json" in book.path.read_text(), 30, "the saved widgets")
    assert book.path.stat().st_size < 5_000_000


def test_stop_reload_and_run_again(page: Any, notebook: Callable[..., Any]) -> None:
    book = notebook([SLOW])
    book.run_all()
    book.wait_status("running")
    page.wait_for_function("() => document.body.textContent.includes('partial: 6 of 81')")
    elapsed = page.evaluate(
        """() => new Promise(done => {
          const start = performance.now();
          document.querySelector('.cryoaniso-stop').click();
          const look = () => document.querySelector('.cryoaniso-stage').dataset.status === 'stopped'
            ? done(performance.now() - start) : setTimeout(look, 5);
          look();
        })"""
    )
    assert elapsed < 500
    assert "partial: 6 of 81" in page.inner_text(".cryoaniso-explorer")

    # a page reload shows the state again
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    lab_tools.wait_for(lambda: "widget-view" in book.path.read_text(), 30, "the saved notebook")
    assert book.path.stat().st_size < 5_000_000
    page.reload()
    book.wait_ready()
    book.wait_status("stopped")
    page.wait_for_selector(".cryoaniso-figure path.line", state="attached")
    assert "partial: 6 of 81" in page.inner_text(".cryoaniso-explorer")

    # running the cell again closes the old explorer
    book.run("old = explorer")
    book.run_all()
    book.wait_status("running")
    wait_value(page, book, "[old.session.closed, explorer.session.closed]", lambda v: v == [True, False])
    book.run("explorer.close()")
    page.wait_for_function("() => document.querySelectorAll('.cryoaniso-figure').length === 0")
