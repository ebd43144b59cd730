"""A JupyterLab of our own, a notebook in it, and what a headless Chromium needs to look at it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ARTIFACTS = ROOT / "artifacts"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

# JupyterLab has taken the window's width, and every figure in sight the room that its container gives it.
SETTLED = """() => Math.abs(document.querySelector('.jp-NotebookPanel').getBoundingClientRect().right - innerWidth) < 80
  && [...document.querySelectorAll('.cryoaniso-explorer .cryoaniso-figure')]
  .filter(e => e.getClientRects().length && e.getBoundingClientRect().top < innerHeight - 60)
  .every(e => { const [area, room] = [e.querySelector('.plotarea_background'), e].map(x => x.getBoundingClientRect());
    return area.width > 100 && area.right <= room.right + 1 && room.right - area.right < 65; })"""


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Poll until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds:g} s for {what}"
        time.sleep(0.05)


def answers(url: str) -> bool:
    """Whether a server answers."""
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except OSError:
        return False


def quiet_settings(folder: Path) -> None:
    """No questions about news, no cells taken off the page."""
    for plugin, settings in (
        ("apputils-extension/notification", {"fetchNews": "false", "checkForUpdates": False}),
        ("notebook-extension/tracker", {"windowingMode": "none"}),
    ):
        path = folder / "settings" / "@jupyterlab" / f"{plugin}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings))


@contextlib.contextmanager
def server(command: list[str], url: str, folder: Path, ready: str) -> Iterator[str]:
    """A web server of ours, gone afterwards."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "IPYTHONDIR": str(folder / "ipython"),
    }
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_for(lambda: process.poll() is not None or answers(url + ready), 60, "the server")
            assert process.poll() is None, (folder / "server.log").read_text()
            yield url
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(15)


@contextlib.contextmanager
def jupyterlab(folder: Path) -> Iterator[tuple[str, Path]]:
    """Address and notebook folder of a running JupyterLab."""
    (folder / "notebooks").mkdir()
    quiet_settings(folder)
    port = free_port()
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", f"--port={port}", "--ip=127.0.0.1",
        "--ServerApp.port_retries=0",
        "--IdentityProvider.token=", "--ServerApp.disable_check_xsrf=True", "--allow-root", "--expose-app-in-browser",
        f"--ServerApp.root_dir={folder / 'notebooks'}", "--LabApp.extension_manager=readonly",
    ]  # fmt: skip
    with server(command, f"http://127.0.0.1:{port}", folder, "/api/status") as url:
        yield url, folder / "notebooks"


class Notebook:
    """A notebook open in the page."""

    def __init__(self, page: Any, url: str, folder: Path, name: str, cells: list[str], place: str = "doc") -> None:
        self.page, self.path = page, folder / f"{name}.ipynb"
        self.address = f"{url}/{place}/tree/{name}.ipynb"
        write_notebook(self.path, cells)
        page.goto(self.address)
        self.wait_ready()

    def wait_ready(self) -> None:
        """Until the kernel is idle."""
        self.page.wait_for_selector(".jp-Notebook .jp-CodeCell", state="attached")
        self.page.wait_for_function(
            "() => { const w = window.jupyterapp && window.jupyterapp.shell.currentWidget;"
            " return w && w.context && w.sessionContext.session && w.sessionContext.session.kernel"
            " && w.sessionContext.session.kernel.status === 'idle' }"
        )

    def run_all(self) -> None:
        """Run every cell, and wait for the last one."""
        self.page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")

    def run(self, code: str) -> str:
        """Run code in the notebook's kernel, outside of its cells; what it prints."""
        return str(
            self.page.evaluate(
                """async code => {
                  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
                  let text = '';
                  const future = kernel.requestExecute({code, store_history: false});
                  future.onIOPub = m => {
                    if (m.header.msg_type === 'stream') text += m.content.text;
                    if (m.header.msg_type === 'error') text += m.content.ename + ': ' + m.content.evalue;
                  };
                  await future.done;
                  return text.trim();
                }""",
                code,
            )
        )

    def wait_status(self, status: str, which: int = 0, seconds: float = 90) -> None:
        """Until an explorer says how its run stands."""
        self.page.wait_for_function(
            "([status, which]) => { const all = document.querySelectorAll('.cryoaniso-stage');"
            " return all.length > which && all[which].dataset.status === status }",
            arg=[status, which],
            timeout=seconds * 1000,
        )

    def theme(self, name: str) -> None:
        """Switch JupyterLab's theme."""
        self.page.evaluate("name => window.jupyterapp.commands.execute('apputils:change-theme', {theme: name})", name)
        dark = "false" if "Dark" in name else "true"
        self.page.wait_for_function("light => document.body.dataset.jpThemeLight === light", arg=dark)

    def shot(self, name: str, selector: str = ".cryoaniso-explorer") -> Path:
        """A screenshot in artifacts/."""
        ARTIFACTS.mkdir(exist_ok=True)
        path = ARTIFACTS / f"{name}.png"
        element = self.page.locator(selector).first
        element.scroll_into_view_if_needed()
        element.screenshot(path=str(path))
        return path

    def noise(self) -> set[str]:
        """The warnings and errors of the console so far, without what differs from run to run."""
        return {re.sub(r"https?://\S+|[0-9a-f-]{8,}|\d+", "…", text) for text in self.page.said}


def write_notebook(path: Path, cells: list[str]) -> None:
    """A notebook of code cells."""
    spec = {"display_name": "Python 3", "language": "python", "name": "python3"}
    content = {
        "cells": [
            {
                "cell_type": "code",
                "id": f"cell{i}",
                "execution_count": None,
                "metadata": {},
                "outputs": [],
                "source": source,
            }
            for i, source in enumerate(cells)
        ],
        "metadata": {"kernelspec": spec, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.write_text(json.dumps(content))
