"""`cryoaniso poses`, `tilt`, `model` and `simulate`, and their figures."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import mrcfile
import numpy as np
import pytest

from cryoaniso_nb.analysis.run import AnalysisResult, analyze, load_result
from cryoaniso_nb.cli import main
from cryoaniso_nb.figures.sphere import views_picture
from cryoaniso_nb.inputs.poses import read_poses, view_density
from cryoaniso_nb.measures.sampling_compensation import scf
from cryoaniso_nb.measures.tilt import tilt_advice
from cryoaniso_nb.plots.poses import tilt_figure, views_figure
from cryoaniso_nb.results.types import Result
from cryoaniso_nb.simulate.particles import random_views, simulate_from_model


@pytest.fixture(scope="module")
def top_views() -> np.ndarray:
    return random_views("top-views", 800, np.random.default_rng(0))


@pytest.fixture(scope="module")
def star(top_views: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> str:
    rot, tilt = np.rad2deg(np.arctan2(top_views[:, 1], top_views[:, 0])), np.rad2deg(np.arccos(top_views[:, 2]))
    psi = np.random.default_rng(1).uniform(0, 360, rot.size)
    rows = "\n".join(
        f"{r:.4f} {t:.4f} {p:.4f} {1 + i % 2}" for i, (r, t, p) in enumerate(zip(rot, tilt, psi, strict=True))
    )
    path = tmp_path_factory.mktemp("star") / "run_data.star"
    names = ("AngleRot", "AngleTilt", "AnglePsi", "RandomSubset")
    head = "\n".join(f"_rln{name} #{i}" for i, name in enumerate(names, 1))
    path.write_text(f"data_particles\n\nloop_\n{head}\n{rows}\n\n")
    return str(path)


@pytest.fixture(scope="module")
def pdb(tmp_path_factory: pytest.TempPathFactory) -> str:
    rng = np.random.default_rng(4)
    lines = []
    for i in range(1, 300):
        x, y, z = rng.normal(48, 9, 3)
        lines.append(f"ATOM  {i:5d}  CA  ALA A{i:4d}    {x:8.3f}{y:8.3f}{z:8.3f}  1.00 40.00           C")
    path = tmp_path_factory.mktemp("model") / "chance.pdb"
    path.write_text("\n".join([*lines, "END\n"]))
    return str(path)


@pytest.fixture(scope="module")
def analysis(star: str, tmp_path_factory: pytest.TempPathFactory) -> AnalysisResult:
    volume = np.random.default_rng(2).normal(size=(48, 48, 48)).astype(np.float32)
    return analyze(simulate_from_model(volume, star, snr=0.2, voxel_size=2.0))


@pytest.fixture(scope="module")
def result_file(analysis: AnalysisResult, tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(analysis.save(tmp_path_factory.mktemp("result") / "result.npz"))


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def test_poses_are_judged_and_compared_with_their_map(
    star: str, result_file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["poses", star, "--result", result_file, "-o", str(out)]) == 0
    text = capsys.readouterr().out
    assert "800 single-particle poses, half sets of 400 and 400" in text
    assert "uneven" in text
    assert "contradict" not in text
    summary = json.loads((out / "summary.json").read_text())
    assert summary["agreement"]["correlation"] > 0.6
    assert summary["scf_star"] < 0.5
    assert len(rows_of(out / "view_density.csv")) == 321
    assert (out / "views.png").stat().st_size > 5000


def test_poses_without_a_result_print_only(star: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["poses", star, "--symmetry", "O"]) == 0
    assert ", O)" in capsys.readouterr().out


def test_tilt_advice_with_maps(star: str, result_file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["tilt", star, "--result", result_file, "--tilts", "0", "20", "40", "-o", str(out)]) == 0
    text = capsys.readouterr().out
    assert "Tilt the stage by" in text
    assert text.count("Assumed:") == 4
    summary = json.loads((out / "summary.json").read_text())
    assert [row["tilt"] for row in summary["tilts"]] == [0, 20, 40]
    assert summary["recommended_degrees"] in (20, 40)
    assert rows_of(out / "occupancy.csv")[0].keys() == {"frequency", "fso_0", "fso_20", "fso_40"}
    assert Result.load(out / "tilt.npz").advice in text  # type: ignore[attr-defined]
    assert (out / "tilt.png").stat().st_size > 5000


def test_tilt_advice_without_maps(star: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tilt", star, "--tilts", "0", "30", "--thickness-loss"]) == 0
    text = capsys.readouterr().out
    assert "SCF*" in text
    assert "cos(tilt)" in text


def test_simulate_then_compare_with_the_model(pdb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "sim"
    assert main(["simulate", pdb, "--particles", "60", "--snr", "5", "--box", "48", "-o", str(out)]) == 0
    assert "60 particles, uniform views" in capsys.readouterr().out
    with mrcfile.open(out / "half1.mrc") as mrc:
        assert mrc.data.shape == (48, 48, 48)
        assert float(mrc.voxel_size.x) == pytest.approx(2.0)
    assert json.loads((out / "summary.json").read_text())["snr"] == 5
    poses = read_poses(out / "poses.star")
    assert (len(poses), poses.image_size, poses.pixel_size) == (60, 48, 2.0)
    assert [(poses.half_set == half).sum() for half in (1, 2)] == [30, 30]


def test_map_against_model(pdb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from cryoaniso_nb.inputs.half_maps import write_map
    from cryoaniso_nb.inputs.models import model_density, read_model

    density = model_density(read_model(pdb), (48, 48, 48), 2.0)
    noisy = density + 0.1 * density.std() * np.random.default_rng(0).normal(size=density.shape)
    write_map(tmp_path / "map.mrc", noisy.astype(np.float32), 2.0)
    out = tmp_path / "out"
    assert main(["model", str(tmp_path / "map.mrc"), pdb, "--axes", "21", "--no-figure", "-o", str(out)]) == 0
    result = load_result(out / "result.npz")
    assert result.settings.threshold == 0.5
    assert [entry.role for entry in result.inputs] == ["map", "model"]
    files = (tmp_path / "map.mrc", Path(pdb))
    assert [i.sha256 for i in result.inputs] == [hashlib.sha256(f.read_bytes()).hexdigest() for f in files]


@pytest.mark.parametrize(
    "arguments",
    [
        ["poses", "nowhere.star"],
        ["tilt", "nowhere.cs"],
        ["model", "nowhere.mrc", "nowhere.cif", "-o", "out"],
        ["simulate", "nowhere.cif", "-o", "out"],
    ],
)
def test_missing_files_are_one_line_and_exit_2(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "nowhere" in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("projection", ["polar", "equal-area"])
def test_figure_of_views(top_views: np.ndarray, projection: str) -> None:
    poses = read_poses(top_views)
    drawn = views_figure(view_density(poses), scf(poses), projection=projection)
    values = views_picture(view_density(poses), projection=projection).values
    side = values.shape[0]
    assert values[side // 2, side // 2] > 3  # top views: dense in the centre
    assert values[side // 2, 5] < 0.5
    image = drawn.axes[0].images[0].get_array()
    assert image is not None
    light = np.asarray(image)[..., :3].sum(axis=2)
    assert light[side // 2, side // 2] > light[side // 2, 5] + 200, "bright is densely seen"
    assert "800 views" in drawn.axes[0].get_title()


def test_figure_of_tilts(top_views: np.ndarray, analysis: AnalysisResult) -> None:
    advice = tilt_advice(top_views, analysis.dfsc, tilts=(0, 20, 40))
    with_maps = tilt_figure(advice)
    drawn = [{line.get_gid(): line.get_ydata() for line in axes.lines} for axes in with_maps.axes]
    np.testing.assert_array_equal(drawn[0]["untilted"], advice.occupancy[0])
    np.testing.assert_array_equal(drawn[1]["worst"], advice.worst_sampling)
    assert len(tilt_figure(tilt_advice(top_views, tilts=(0, 20))).axes) == 1
