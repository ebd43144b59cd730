"""The explorer as a web page for a lab, in a real browser."""

from __future__ import annotations

import json
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import lab_tools
import pytest

from cryoaniso_nb.summary.document import schema

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

REFERENCE = Path(__file__).parents[1] / "data" / "reference"
DONE = "() => { const s = document.querySelector('.cryoaniso-stage'); return s && s.dataset.status === 'done' }"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The address of a server for one visitor, over a folder beside another one."""
    shown = tmp_path / "maps"
    shown.mkdir()
    for half in (1, 2):
        shutil.copy(REFERENCE / f"aniso_64_half{half}.mrc", shown)
        shutil.copy(REFERENCE / f"iso_64_half{half}.mrc", tmp_path / f"secret_half{half}.mrc")
    port = lab_tools.free_port()
    options = ["--port", str(port), "--visitors", "1", "--json"]
    command = [sys.executable, "-m", "cryoaniso_nb", "serve", str(shown), *options]
    with lab_tools.server(command, f"http://127.0.0.1:{port}", tmp_path, "/voila/static/voila.js"):
        log = (tmp_path / "server.log").read_text()
        told, _ = json.JSONDecoder().raw_decode(log[log.index("{") :])
        jsonschema.Draft202012Validator(schema()).validate(told)
        yield told["address"]


def fill(page: Any, label: str, text: str) -> None:
    page.get_by_label(label, exact=True).fill(text)
    page.get_by_label(label, exact=True).press("Tab")


def test_a_lab_explores_the_maps_of_one_folder(page: Any, served: str, tmp_path: Path) -> None:
    page.goto(served.split("?")[0])
    assert "login" in page.url  # without the token
    page.goto(served)
    page.wait_for_selector(".cryoaniso-open")
    page.wait_for_selector("datalist option[value='aniso_64_half1.mrc']", state="attached")

    # nothing outside the folder, however it is written
    for path in (str(tmp_path / "secret_half1.mrc"), "../secret_half1.mrc", "/etc/passwd"):
        fill(page, "Half map 1", path)
        page.click(".cryoaniso-open")
        page.wait_for_function("path => document.body.textContent.includes(`${path} lies outside`)", arg=path)

    fill(page, "Half map 1", "aniso_64_half1.mrc")
    page.click(".cryoaniso-open")
    page.wait_for_function(DONE, timeout=120_000)
    assert "Resolution differs by direction" in page.inner_text(".cryoaniso-explorer")
    lab_tools.ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=str(lab_tools.ARTIFACTS / "serve.png"))

    # what is written can be had on one's own machine
    page.get_by_role("tab", name="Compare, export").click()
    page.click(".cryoaniso-export-tables")
    page.wait_for_selector(".cryoaniso-download", state="visible", timeout=60_000)
    with page.expect_download() as download:
        page.click(".cryoaniso-download")
    assert download.value.suggested_filename == "anisotropy.zip"
    assert (tmp_path / "maps" / "anisotropy" / "curves.csv").is_file()

    # one place is taken until its page is left
    with pytest.raises(urllib.error.HTTPError, match="503") as refused:
        urllib.request.urlopen(served, timeout=30)
    assert "The only place is taken" in refused.value.read().decode()
    page.goto("about:blank")
    lab_tools.wait_for(lambda: lab_tools.answers(served), 60, "the place that was left")
