"""The explorer in a real kernel: jupyter_client plays the page, by comm messages.

`make test-ipykernel6` has the kernel find ipykernel 6 first, in the folder
``CRYOANISO_KERNEL_PATH``; another Python for the kernel is ``CRYOANISO_KERNEL_PYTHON``.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.timeout(240), pytest.mark.filterwarnings("ignore::DeprecationWarning:jupyter_client")]

ROOT = Path(__file__).resolve().parents[1]
PYTHON = os.environ.get("CRYOANISO_KERNEL_PYTHON", sys.executable)
PATHS = [path for path in (os.environ.get("CRYOANISO_KERNEL_PATH", ""), str(ROOT)) if path]

MAKE = (
    "import cryoaniso_nb as ca\nmaps = ca.simulate_half_maps(box=48, voxel_size=2.0, seed=1)\ne = ca.explore(maps)\ne"
)

STACKS = (
    "import sys, threading, traceback\n"
    "for t in threading.enumerate():\n"
    "    print(t.name, *traceback.format_stack(sys._current_frames()[t.ident]), sep='\\n')"
)


class Page:
    """What a front end does: runs cells, keeps the traits it is sent, sends clicks."""

    def __init__(self, client: Any) -> None:
        self.client, self.traits = client, {}  # type: ignore[var-annotated]
        self.outputs: list[dict[str, Any]] = []
        self.shell = ""  # where comm messages go, '' for the main one

    def read(self, timeout: float = 0.2) -> dict[str, Any] | None:
        """Take one message, if there is one."""
        import queue

        try:
            message: dict[str, Any] = self.client.get_iopub_msg(timeout=timeout)
        except queue.Empty:
            return None
        kind, content = message["msg_type"], message["content"]
        if kind == "comm_open":
            self.traits[content["comm_id"]] = dict(content["data"].get("state", {}))
        elif kind == "comm_msg" and content["data"].get("method") == "update":
            self.traits.setdefault(content["comm_id"], {}).update(content["data"]["state"])
        elif kind == "comm_close":
            self.traits.pop(content["comm_id"], None)
        elif kind in ("stream", "error", "display_data", "execute_result"):
            self.outputs.append(content)
        return message

    def until(self, condition: Callable[[], Any], what: str, seconds: float = 90) -> Any:
        """Read messages until a condition holds."""
        end = time.monotonic() + seconds
        while not (found := condition()):
            if time.monotonic() >= end:
                pytest.fail(f"waited {seconds:g} s for {what}; outputs {self.outputs[-3:]}\n{self.run(STACKS)}")
            self.read()
        return found

    def run(self, code: str, cell: str = "") -> str:
        """Run a cell; its printed text."""
        ident = self.begin(code, cell)
        self.finish(ident)
        errors = [o["evalue"] for o in self.outputs if "evalue" in o]
        assert not errors, errors
        return "".join(o.get("text", "") for o in self.outputs).strip()

    def begin(self, code: str, cell: str = "") -> str:
        """Start a cell, don't wait for it; the id of its request."""
        self.outputs.clear()
        message = self.client.session.msg("execute_request", {
            "code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": True,
            "stop_on_error": True,
        }, metadata={"cellId": cell} if cell else {})  # fmt: skip
        self.client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def finish(self, ident: str) -> None:
        """Wait for a cell."""
        end = time.monotonic() + 90
        while True:
            assert time.monotonic() < end, f"the cell didn't end; outputs {self.outputs[-3:]}"
            read = self.read()
            if read is None or read["msg_type"] != "status" or read["parent_header"].get("msg_id") != ident:
                continue
            if read["content"]["execution_state"] == "idle":
                break

    def subshell(self) -> None:
        """Send comm messages to a subshell from now on, as JupyterLab does."""
        request = self.client.session.msg("create_subshell_request")
        self.client.control_channel.send(request)
        self.shell = self.client.get_control_msg(timeout=30)["content"]["subshell_id"]

    def ids(self, **names: str) -> dict[str, str]:
        """Model ids of widgets, by Python expression."""
        expression = "{" + ", ".join(f"{key!r}: {value}.model_id" for key, value in names.items()) + "}"
        return dict(json.loads(self.run(f"import json; print(json.dumps({expression}))")))

    def send(self, model: str, data: dict[str, Any]) -> None:
        """Send a comm message, as a click or a slider does."""
        message = self.client.session.msg("comm_msg", {"comm_id": model, "data": data})
        if self.shell:
            message["header"]["subshell_id"] = self.shell
        self.client.shell_channel.send(message)

    def set(self, model: str, **state: Any) -> None:
        """Change traits from the page."""
        self.send(model, {"method": "update", "state": state, "buffer_paths": []})


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    """A started kernel."""
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import KernelManager

    manager = KernelManager(transport="tcp")
    manager._kernel_spec = KernelSpec(
        argv=[PYTHON, "-m", "ipykernel_launcher", "-f", "{connection_file}"], language="python", display_name="test"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(PATHS), "IPYTHONDIR": str(tmp_path)}
    manager.start_kernel(env=environment, cwd=str(tmp_path))
    client = manager.client()
    try:
        client.start_channels()
        client.wait_for_ready(timeout=90)
        yield Page(client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        client.context.destroy(linger=0)  # old versions of jupyter_client leave it to the garbage collection


def test_ipykernel_is_of_the_wanted_version(page: Page) -> None:
    wanted = os.environ.get("CRYOANISO_IPYKERNEL", "")
    assert page.run("import ipykernel; print(ipykernel.__version__)").startswith(wanted)


def test_run_refines_and_follows_the_page(page: Page) -> None:
    page.run(MAKE, cell="one")
    bundle = next(o["data"] for o in page.outputs if "data" in o)
    assert "application/vnd.jupyter.widget-view+json" in bundle
    ids = page.ids(
        stage="e.run_bar.stage", cone="e.cones.cone", handle="e.curves.handle", slider="e.curves.slider",
        picture="e.sphere.panel.raster.mark", fan="e.fan.panel.legend",
    )  # fmt: skip
    page.until(lambda: 'data-status="done"' in page.traits[ids["stage"]]["value"], "the run")
    fso = page.ids(fso="e.curves.panel.marks['fso']")["fso"]
    assert page.traits[fso]["y"]["dtype"] == "float64"

    # a slider, as the page drags it: newest wins, and the curves follow
    for angle in (18.0, 20.0, 22.0, 25.0):
        page.set(ids["cone"], value=angle)
    page.until(lambda: "25" in page.run("print(e.session.state.result.settings.cone_half_angle)"), "the cones")

    # the cursor's handle, dragged
    frequency = float(page.run("print(float(e.session.state.result.fso.frequency[10]))"))
    page.send(
        ids["handle"],
        {"method": "custom", "content": {"event": "drag", "point": {"x": frequency, "y": 1.0}, "index": 0}},
    )
    page.until(lambda: page.traits[ids["slider"]]["value"] == 11, "the cursor")

    # a click on the sphere shows in the fan
    click = {"event": "element_click", "data": {"click_x": 0.0, "click_y": 0.5}}
    page.send(ids["picture"], {"method": "custom", "content": click})
    page.until(lambda: "azimuth" in page.traits[ids["fan"]]["value"], "the direction")
    assert page.run("import threading; print(e.session.state.error)") == ""


def test_stop_error_and_running_the_cell_again(page: Page) -> None:
    slow = (
        "import threading, cryoaniso_nb as ca\nfrom cryoaniso_nb.widgets import Explorer, LiveSession\n"
        "from cryoaniso_nb.widgets.sources import Source\n"
        "part = next(iter(ca.iter_analysis(ca.simulate_half_maps(box=48, seed=1))))\n"
        "ended = threading.Event()\n"
        "def stream(execution):\n    yield part\n    execution.cancel.wait(60); ended.set()\n"
        "s = LiveSession(stream)\n"
        "e = Explorer(s, Source(settings=dict(cone_half_angle=17.0, threshold=0.143, n_axes=321)))\ns.start()\ne"
    )
    page.run(slow)
    ids = page.ids(stop="e.run_bar.stop", stage="e.run_bar.stage", headline="e.run_bar.headline")
    page.until(lambda: "partial: 6 of 321" in page.traits[ids["headline"]].get("value", ""), "the first level")
    pressed = time.monotonic()
    page.send(ids["stop"], {"method": "custom", "content": {"event": "click"}})
    page.until(lambda: 'data-status="stopped"' in page.traits[ids["stage"]]["value"], "Stop")
    assert time.monotonic() - pressed < 0.5
    assert page.run("print(ended.wait(10), s.result().partial)") == "True True"

    page.run("bad = ca.explore('nowhere1.mrc', 'nowhere2.mrc')")
    panel = page.ids(panel="bad.run_bar.error")["panel"]
    page.until(lambda: "nowhere1.mrc" in page.traits[panel]["value"], "the error panel")
    assert "MapError" in page.run("try:\n    bad.session.result()\nexcept Exception as x:\n    print(type(x).__name__)")

    page.run(
        "maps = ca.simulate_half_maps(box=48, seed=1)\nfirst = ca.explore(maps); second = ca.explore(maps)", cell="two"
    )
    page.run("kept = (first, second); other = ca.explore(maps)", cell="three")
    page.run("first = ca.explore(maps)", cell="two")
    assert page.run("print([x.session.closed for x in (*kept, other, first)])") == "[True, True, False, False]"


# A loop in pure Python keeps other threads from their turn, longer on some machines than a test can wait.
BUSY = {"waits": "time.sleep(0.01)", "computes": "numpy.sort(numpy.random.rand(300_000))"}


@pytest.mark.parametrize("work", BUSY.values(), ids=BUSY)
def test_the_page_is_answered_while_a_cell_runs(page: Page, tmp_path: Path, work: str) -> None:
    if page.run("import ipykernel; print(ipykernel.__version__)").startswith("6."):
        pytest.skip("ipykernel 6 has no subshells")
    page.run(MAKE)
    ids = page.ids(
        stage="e.run_bar.stage", cone="e.cones.cone", shell="e.curves.slider", read="e.curves.readout",
        handle="e.curves.handle", again="e.run_bar.stop", headline="e.run_bar.headline",
        fso="e.curves.panel.marks['fso']",
    )  # fmt: skip
    page.until(lambda: 'data-status="done"' in page.traits[ids["stage"]]["value"], "the run")
    page.subshell()
    # the cell ends when this test lets it, or fails
    cell = page.begin(f"import numpy, pathlib, time\nwhile not pathlib.Path('go').exists():\n    {work}")
    page.until(lambda: page.read() is None, "silence")
    states: list[str] = []

    def stage() -> str:
        value = page.traits[ids["stage"]]["value"]
        states.append("running" if 'data-status="running"' in value else "done")
        return str(value)

    before = page.traits[ids["fso"]]["y"]
    page.set(ids["cone"], value=25.0)
    page.until(lambda: page.traits[ids["fso"]]["y"] is not before, "the curve of other cones", 60)
    page.set(ids["shell"], value=4)
    page.until(lambda: "shell 4 " in page.traits[ids["read"]]["value"], "the cursor", 60)
    page.send(ids["again"], {"method": "custom", "content": {"event": "click"}})
    page.until(lambda: stage() and "running" in states, "a run", 60)
    page.until(lambda: 'data-status="done"' in stage(), "its end", 60)
    assert not [o for o in page.outputs if "evalue" in o]
    (tmp_path / "go").touch()
    page.finish(cell)
    assert page.run("print(e.session.state.error, e.session.state.result.settings.cone_half_angle)") == "25.0"
