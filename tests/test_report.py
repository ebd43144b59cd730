"""The report is one page that needs nothing else, says everything, and escapes what it is given."""

import base64
import re
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import cryoaniso_nb as ca
from cryoaniso_nb.cli import main
from cryoaniso_nb.errors import OutputError, ResultError
from cryoaniso_nb.outputs.report import report_html, write_report
from cryoaniso_nb.results.types import InputFile

Maker = Callable[..., ca.AnalysisResult]

VOID = {"meta", "img", "br", "link"}


class Page(HTMLParser):
    """Checks nesting, collects addresses, images and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.addresses: list[str] = []
        self.images: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        assert self.stack == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.stack.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "srcset", "data", "action"):
                self.addresses.append(value or "")
        if tag == "img":
            assert dict(attrs)["alt"]
            self.images.append(dict(attrs)["src"] or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture(scope="module")
def page(small_result: ca.AnalysisResult) -> str:
    return report_html(small_result)


def test_page_asks_nothing_of_the_network(page: str) -> None:
    parsed = Page(page)
    assert parsed.addresses
    assert all(address.startswith("data:") for address in parsed.addresses)
    assert "@import" not in page
    assert "url(" not in page
    assert "<script" not in page


def test_figures_are_whole_svg_without_outside_links(page: str) -> None:
    images = Page(page).images
    assert len(images) == 3
    for image in images:
        svg = base64.b64decode(image.removeprefix("data:image/svg+xml;base64,"))
        root = ElementTree.fromstring(svg)
        assert root.tag.endswith("svg")
        for element in root.iter():
            for name, value in element.attrib.items():
                if name.endswith("href"):
                    assert value.startswith(("#", "data:"))


def test_page_says_what_it_must(page: str, small_result: ca.AnalysisResult) -> None:
    text = " ".join(Page(page).words)
    summary = small_result.summary()
    assert summary["headline"] in text
    for warning in small_result.warnings:
        assert warning in text
    for word in (
        "How to read",
        "textbook",
        "as published",
        "10.1038/s41592-023-01874-3",
        "cFAR",
        "not equal",
        "Sphericity 0.",
    ):
        assert word in text
    assert '<html lang="en">' in page
    assert "@media print" in page


def test_same_result_same_page(made_result: Maker) -> None:
    result = made_result(np.full((21, 32), 0.9))
    assert report_html(result) == report_html(result)


def test_names_are_escaped(made_result: Maker) -> None:
    inputs = (InputFile(role="half1", name="<script>alert('x')</script>.mrc", sha256="ab"),)
    result = made_result(np.full((21, 32), 0.9), mask="<u>m</u>", inputs=inputs, warnings=("1 < 2 & 3",))
    text = report_html(result, labels=["<i>mine</i>"], additions={"<b>more</b>": result.settings})
    Page(text)
    assert "<script" not in text
    assert "<i>mine" not in text
    assert "<u>m" not in text
    assert "&lt;b&gt;more" in text
    assert "1 &lt; 2 &amp; 3" in text


@pytest.mark.parametrize("values", [np.full((21, 32), 0.95), np.zeros((21, 32)), np.full((21, 32), np.nan)])
def test_odd_results_have_a_report(made_result: Maker, values: np.ndarray) -> None:
    assert "nan" not in " ".join(Page(report_html(made_result(values))).words).split()


def test_comparison_stands_side_by_side(made_result: Maker) -> None:
    shell = np.arange(1, 33)
    results = [made_result(np.tile(1 / (1 + np.exp((shell - at) / 2)), (81, 1))) for at in (12, 20)]
    text = report_html(results, labels=["untilted", "tilted"])
    rows = re.findall(r'<tr><th scope="row">(.*?)</th><td>(.*?)</td><td>(.*?)</td>', text)
    numbers = {row[0]: row[1:] for row in rows}
    assert numbers["Global FSC = 0.143"] == tuple(f"{r.global_fsc.at_143.resolution:.2f} Å" for r in results)
    assert len(Page(text).images) == 5  # both together, then curves and 3DFSC of each
    assert numbers["Sphericity at 0.5 (this project's 3DFSC)".replace("'", "&#x27;")] == tuple(
        f"{ca.sphericity(r.threedfsc()).value:.3f}" for r in results
    )
    with pytest.raises(ResultError, match="2 results and 1 labels"):
        report_html(results, labels=["one"])
    with pytest.raises(ResultError, match="at least one"):
        report_html([])


def test_maps_add_slices(small_pair: ca.HalfMaps, small_result: ca.AnalysisResult) -> None:
    text = report_html(small_result, maps=small_pair)
    assert len(Page(text).images) == 4
    assert "where FSO = 0.9" in text
    drawn = base64.b64decode(Page(text).images[3].split(",")[1]).decode()
    for words in ("Mean map", "Low-pass", "Difference", "along"):
        assert words in drawn, words


def test_the_test_drawn_is_said(small_result: ca.AnalysisResult) -> None:
    falling, rising = report_html(small_result), report_html(small_result, bingham="p_published")
    assert "Bingham p, textbook: Chance of so large" in falling
    assert "Bingham test, as published: The curve of the 2023 paper" in rising
    drawn = [base64.b64decode(Page(page).images[0].split(",")[1]).decode() for page in (falling, rising)]
    assert "small: anisotropic" in drawn[0]
    assert "grows with anisotropy" in drawn[1]


def test_another_measure_is_shown(made_result: Maker) -> None:
    from cryoaniso_nb.measures.dfsc_spread import dfsc_spread
    from cryoaniso_nb.results.types import Crossing, ResolutionFlag

    small_result = made_result(np.full((21, 32), 0.9))
    crossing = Crossing(level=0.5, frequency=float("nan"), flag=ResolutionFlag.NOT_CROSSED)
    text = report_html(small_result, additions={"Mine": crossing, "Spread": dfsc_spread(small_result.dfsc)})
    assert "<h2>Mine</h2>" in text
    assert "not measured" in text


def test_curves_and_figures_are_added(made_result: Maker, tmp_path: Path) -> None:
    from matplotlib.figure import Figure

    from cryoaniso_nb.inputs.fsc_curves import read_fsc

    (tmp_path / "fsc.txt").write_text("wave_number fsc_nomask\n1 0.9\n2 0.5\n")
    curves = read_fsc(tmp_path / "fsc.txt", box_length=64.0)
    result = made_result(np.full((6, 32), 0.9))
    text = report_html(result, curves=curves, figures={"Views of the particles": Figure()})
    assert len(Page(text).images) == 5
    assert "FSC of other programs" in text
    assert "Views of the particles" in text


def test_writing_is_whole_or_refused(made_result: Maker, tmp_path: Path) -> None:
    small_result = made_result(np.full((6, 32), 0.9))
    path = write_report(small_result, tmp_path / "r.html")
    assert path.read_text(encoding="utf-8").endswith("</html>\n")
    with pytest.raises(OutputError, match="exists already"):
        write_report(small_result, path, overwrite=False)
    with pytest.raises(OutputError, match="choose a folder"):
        write_report(small_result, tmp_path / "none" / "r.html")
    assert [p.name for p in tmp_path.iterdir()] == ["r.html"]


def test_command_line(
    small_pair: ca.HalfMaps, small_result: ca.AnalysisResult, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small_result.save(tmp_path / "result.npz")
    out = str(tmp_path / "r.html")
    halves = [str(tmp_path / name) for name in ("h1.mrc", "h2.mrc")]
    for path, half in zip(halves, (small_pair.half1, small_pair.half2), strict=True):
        ca.write_map(path, half, small_pair.voxel_size)
    assert main(["report", str(tmp_path), "-o", out, "--half-maps", *halves]) == 0
    assert main(["report", str(tmp_path), "-o", out]) == 2
    assert "--overwrite" in capsys.readouterr().err
    again = [str(tmp_path), str(tmp_path / "result.npz")]
    assert main(["report", *again, "-o", out, "--overwrite", "--fsc", str(tmp_path / "none.star")]) == 2
    assert "There is no FSC file" in capsys.readouterr().err
    assert main(["report", *again, "-o", out, "--overwrite", "--label", "a", "--label", "b"]) == 0
    assert "Anisotropy compared: a, b" in Path(out).read_text(encoding="utf-8")
    assert main(["report", *again, "-o", out, "--overwrite", "--half-maps", *halves]) == 2
    assert "for one analysis" in capsys.readouterr().err


@pytest.mark.browser
def test_page_is_laid_out_in_a_browser(page: str, tmp_path: Path, chromium: str, artifacts: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(page, encoding="utf-8")
    picture = artifacts / "report.png"
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1000,3000",
               f"--user-data-dir={tmp_path / 'profile'}", f"--screenshot={picture}", file.as_uri()]  # fmt: skip
    subprocess.run(command, check=True, timeout=120, capture_output=True)
    from matplotlib.image import imread

    pixels = imread(picture)
    assert pixels.shape[:2] == (3000, 1000)
    assert len(np.unique(np.round(pixels[..., :3].reshape(-1, 3), 1), axis=0)) > 50  # figures have colours


def test_report_of_a_map_against_a_model_names_the_map_and_its_level(small_result: ca.AnalysisResult) -> None:
    inputs = (InputFile(role="map", name="apo.mrc"), InputFile(role="model", name="apo.cif"))
    against = small_result.with_cones(threshold=0.5).replace(inputs=inputs)
    text = " ".join(Page(report_html(against)).words)
    assert "Anisotropy of apo.mrc" in text
    assert "Areas end at 0.5, as dFSC against a model is judged" in text
    assert "Areas end at" not in " ".join(Page(report_html(small_result)).words)
