"""`cryoaniso threedfsc`, `filter` and `metrics` on the reference maps."""

from __future__ import annotations

import json
from pathlib import Path

import mrcfile
import numpy as np
import pytest

from cryoaniso_nb.analysis.run import analyze
from cryoaniso_nb.cli import main
from cryoaniso_nb.inputs.half_maps import open_half_maps
from cryoaniso_nb.results.ownership import MARK

REFERENCE = Path(__file__).parent / "data" / "reference"
HALVES = [str(REFERENCE / f"aniso_64_half{i}.mrc") for i in (1, 2)]


@pytest.fixture(scope="module")
def result_file(tmp_path_factory):
    return str(analyze(open_half_maps(*HALVES)).save(tmp_path_factory.mktemp("result") / "result.npz"))


def test_threedfsc_from_maps_and_from_a_result_is_one_volume(tmp_path, result_file, capsys):
    assert main(["threedfsc", *HALVES, "-o", str(tmp_path / "maps.mrc")]) == 0
    assert main(["threedfsc", result_file, "-o", str(tmp_path / "result.mrc")]) == 0
    volumes = [mrcfile.read(tmp_path / name) for name in ("maps.mrc", "result.mrc")]
    assert np.array_equal(*volumes)
    assert volumes[0][32, 32, 32] == 1
    assert "0.500      0.904" in capsys.readouterr().out


def test_threedfsc_of_tan2017_prints_a_sphericity_near_that_of_3dfsc(tmp_path, capsys):
    assert main(["threedfsc", *HALVES, "--definition", "tan2017", "--cutoff", "-o", str(tmp_path / "t.mrc")]) == 0
    line = next(row for row in capsys.readouterr().out.splitlines() if row.strip().startswith("0.500"))
    assert float(line.split()[1]) == pytest.approx(0.90058, abs=0.01)


def test_filter_keeps_header_and_voxel_size_and_says_where_it_cut(tmp_path, result_file, capsys):
    shifted = tmp_path / "half1.mrc"
    with mrcfile.new(shifted) as mrc:
        mrc.set_data(mrcfile.read(HALVES[0]))
        mrc.voxel_size = 1.3
        mrc.nstart = (-5, 6, 7)
        mrc.header.origin = (1.5, -2.5, 3.5)
        mrc.add_label("from a refinement")
    out = tmp_path / "out"
    assert main(["filter", str(shifted), HALVES[1], "--result", result_file, "-o", str(out)]) == 0
    summary = json.loads((out / "summary.json").read_text())
    assert f"low-pass at {summary['cut_off_angstrom']:.2f} Å" in capsys.readouterr().out
    files = {path.name for path in out.iterdir()}
    assert files == {MARK, "mean_difference.mrc", "mean_filtered.mrc", "summary.json"}
    with mrcfile.open(out / "mean_filtered.mrc") as mrc:
        labels = [label.decode() for label in mrc.header.label[: mrc.header.nlabl]]
        assert float(mrc.voxel_size.x) == pytest.approx(1.3)
        assert mrc.nstart.tolist() == (-5, 6, 7)
        assert mrc.header.origin.tolist() == (1.5, -2.5, 3.5)
        filtered = mrc.data.copy()
    assert "from a refinement" in labels
    assert labels[-1].startswith("cryoaniso_nb: low-pass at")
    mean = (mrcfile.read(HALVES[0]) + mrcfile.read(HALVES[1])) / 2
    assert np.abs(mrcfile.read(out / "mean_difference.mrc") - np.abs(mean - filtered)).max() < 1e-5


def test_filter_of_halves_and_of_a_full_map(tmp_path, result_file):
    out = tmp_path / "halves"
    arguments = ["filter", *HALVES, "--result", result_file]
    assert main([*arguments, "--kind", "anisotropic", "--apply-to", "halves", "-o", str(out)]) == 0
    assert len(list(out.glob("half?_*.mrc"))) == 4
    full = str(REFERENCE / "iso_64_half1.mrc")
    assert main([*arguments, "--apply-to", full, "--resolution", "8", "-o", str(tmp_path / "full")]) == 0
    assert (tmp_path / "full" / "iso_64_half1_filtered.mrc").exists()


def test_metrics_prints_and_writes_the_same_numbers(tmp_path, result_file, capsys):
    assert main(["metrics", result_file, "-o", str(tmp_path / "m")]) == 0
    summary = json.loads((tmp_path / "m" / "summary.json").read_text())
    out = capsys.readouterr().out
    assert f"{summary['area_ratio']['smallest_over_largest']:.3f} smallest/largest" in out
    ratios = [
        summary["area_ratio"][f"{name}_ignoring_dips"] for name in ("smallest_over_largest", "percentile_5_over_95")
    ]
    assert f"ignoring dips that come back, which noise makes: {ratios[0]:.3f} and {ratios[1]:.3f}" in out
    assert f"sphericity: {summary['sphericity']:.4f}" in out
    worst = summary["area_ratio"]["worst"][0]
    assert worst["zenith_degrees"] < 20  # these maps lack z
    assert len((tmp_path / "m" / "relative_signal.csv").read_text().splitlines()) == 257
    assert (tmp_path / "m" / "dfsc_spread.csv").read_text().startswith("frequency,mean,sd")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["metrics", "a", "b", "c"], "3 inputs were given"),
        (["threedfsc", "RESULT", "--definition", "tan2017", "-o", "x.mrc"], "give the two half maps"),
        (["threedfsc", "RESULT", "--cutoff", "-o", "x.mrc"], "rule of --definition tan2017"),
        (["filter", *HALVES, "--kind", "anisotropic", "--resolution", "8", "-o", "OUT"], "for the isotropic filter"),
        (["filter", *HALVES, "--resolution", "-1", "-o", "OUT"], "must be positive"),
        (["filter", *HALVES, "--resolution", "1", "-o", "OUT"], "between 0 and Nyquist"),
        (["filter", *HALVES, "--voxel-size", "2", "--result", "RESULT", "-o", "OUT"], "give the analysis of these"),
    ],
)
def test_what_doesn_t_fit_is_one_sentence(arguments, message, tmp_path, result_file, capsys):
    places = {"RESULT": result_file, "OUT": str(tmp_path / "out"), "x.mrc": str(tmp_path / "x.mrc")}
    assert main([places.get(a, a) for a in arguments]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert message in error
    assert error.startswith("cryoaniso: ")
    assert not any(tmp_path.iterdir())


def test_existing_files_are_not_overwritten_unasked(tmp_path, result_file, capsys):
    path = tmp_path / "a.mrc"
    path.write_bytes(b"mine")
    assert main(["threedfsc", result_file, "-o", str(path)]) == 2
    assert path.read_bytes() == b"mine"
    assert "exists already" in capsys.readouterr().err
    assert main(["threedfsc", result_file, "-o", str(path), "--overwrite"]) == 0
    assert mrcfile.read(path).shape == (64, 64, 64)
