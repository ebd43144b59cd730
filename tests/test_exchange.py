"""Files for and of other programs: right numbers, readable by their own readers, all or nothing."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import cryoaniso_nb as ca
from cryoaniso_nb.cli import main
from cryoaniso_nb.errors import OutputError, ResultError, SettingsError
from cryoaniso_nb.inputs.fsc_curves import ForeignFSC, read_fsc
from cryoaniso_nb.outputs.exchange import FORMATS, chimerax_files, emdb_xml, write_export, xmipp_xmd
from cryoaniso_nb.results.ownership import MARK

Maker = Callable[..., ca.AnalysisResult]

STAR = """
# version 50001

data_general

_rlnFinalResolution                           3.5

data_fsc

loop_
_rlnSpectralIndex #1
_rlnResolution #2
_rlnAngstromResolution #3
_rlnFourierShellCorrelationCorrected #4
_rlnFourierShellCorrelationUnmaskedMaps #5
_rlnFourierShellCorrelationMaskedMaps #6
_rlnCorrectedFourierShellCorrelationPhaseRandomizedMaskedMaps #7
0 0.000000 999.000000 1.000000 1.000000 1.000000 1.000000
1 0.010000 100.000000 0.990000 0.980000 0.995000 0.990000
2 0.020000 50.000000 0.700000 0.500000 0.720000 0.100000

data_guinier

loop_
_rlnResolutionSquared #1
_rlnLogAmplitudesOriginal #2
0.000100 1.5
"""


def masked(made_result: Maker) -> ca.AnalysisResult:
    shell = np.arange(1, 33)
    values = np.tile(1 / (1 + np.exp((shell - 16) / 2)), (81, 1))
    values[:, 0] = np.nan
    return made_result(values, mask="mask.mrc")


def test_emdb_takes_one_file_a_curve(made_result: Maker) -> None:
    result = masked(made_result)
    files = emdb_xml(result)
    assert set(files) == {"fsc_unmasked.xml", "fsc_masked.xml"}
    root = ElementTree.fromstring(files["fsc_masked.xml"].encode())
    assert root.tag == "fsc"
    assert root.get("xaxis") == "Resolution (A-1)"
    assert root.get("yaxis") == "Correlation Coefficient"
    points = [(float(p.findtext("x", "")), float(p.findtext("y", ""))) for p in root]
    assert len(points) == 31  # the shell that wasn't measured is left out
    np.testing.assert_allclose(
        points, np.stack([result.global_fsc.frequency, result.global_fsc.fsc], axis=1)[1:], atol=1e-6
    )


def test_emdb_curve_comes_back(made_result: Maker, tmp_path: Path) -> None:
    result = masked(made_result)
    write_export(result, "emdb-xml", tmp_path)
    (curve,) = read_fsc(tmp_path / "fsc_unmasked.xml")
    assert (curve.program, curve.label) == ("EMDB", "FSC of unmasked half maps")
    np.testing.assert_allclose(curve.fsc, result.global_fsc.fsc_unmasked[1:], atol=1e-6)


def test_a_title_is_escaped() -> None:
    from cryoaniso_nb.outputs.exchange import fsc_xml

    root = ElementTree.fromstring(fsc_xml(np.ones(1), np.ones(1), 'a < b & "c"').encode())
    assert root.get("title") == 'a < b & "c"'


def test_xmipp_metadata_equals_that_program(reference: Path) -> None:
    maps = ca.open_half_maps(reference / "aniso_64_half1.mrc", reference / "aniso_64_half2.mrc")
    text = xmipp_xmd(ca.analyze(maps, parity="xmipp"))
    lines = text.splitlines()
    labels = [line.strip() for line in lines if line.startswith(" _")]
    assert labels == ["_resolutionFreqFourier", "_resolutionFSO", "_resolutionFreqReal", "_resolutionAnisotropy"]
    numbers = np.array([[float(v) for v in line.split()] for line in lines[8:]])
    with open(reference / "aniso_64_xmipp_curves.csv", newline="") as stream:
        expected = [
            [float(row[k]) for k in ("frequency_per_angstrom", "fso", "resolution_angstrom", "bingham_table_value")]
            for row in csv.DictReader(stream)
        ]
    shells = min(len(expected), len(numbers))
    assert shells >= 31
    np.testing.assert_allclose(numbers[:shells, :2], np.array(expected)[:shells, :2], atol=1.5e-6)
    np.testing.assert_allclose(numbers[:shells, 3], np.array(expected)[:shells, 3], atol=0.02)


def test_xmipp_metadata_is_a_star_file(small_result: ca.AnalysisResult) -> None:
    from gemmi import cif

    block = cif.read_string(xmipp_xmd(small_result)).sole_block()
    assert len(block.find_values("_resolutionFSO")) == small_result.fso.frequency.size


DOCUMENTED = {"open", "volume", "transparency", "move", "2dlabels", "lighting", "view"}


def test_chimerax_uses_documented_commands(small_result: ca.AnalysisResult) -> None:
    files = chimerax_files(small_result, map_file="my map.mrc", threedfsc_file="3dfsc.mrc")
    lines = files["anisotropy.cxc"].splitlines()
    assert {line.split()[0] for line in lines if not line.startswith("#")} <= DOCUMENTED
    assert 'open "my map.mrc" id 1' in lines
    assert any(line.startswith("volume #3") and "level 0.143" in line for line in lines)
    alone = chimerax_files(small_result)["anisotropy.cxc"]
    assert "#3" not in alone
    assert "#1" not in alone
    with pytest.raises(SettingsError, match="quotation mark"):
        chimerax_files(small_result, map_file='a"b.mrc')


def test_chimerax_arrow_points_along_the_worst_direction(small_result: ca.AnalysisResult) -> None:
    origin = (10.0, -20.0, 30.0)
    text = chimerax_files(small_result, origin=origin)["anisotropy.bild"]
    arrows = [[float(v) for v in line.split()[1:7]] for line in text.splitlines() if line.startswith(".arrow")]
    assert len(arrows) == 4  # both ways, worst and best
    start, stop = np.array(arrows[0][:3]), np.array(arrows[0][3:])
    np.testing.assert_allclose(start, np.array(origin) + 24 * 2.0)  # the middle voxel of box 48 at 2 Å
    direction = (stop - start) / np.linalg.norm(stop - start)
    assert small_result.regions is not None
    np.testing.assert_allclose(direction, small_result.regions.worst.marks(1)[0], atol=1e-3)
    np.testing.assert_allclose(np.array(arrows[1][3:]) - start, start - stop, atol=2e-3)


def test_netcdf_holds_everything_with_units(small_result: ca.AnalysisResult, tmp_path: Path) -> None:
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("h5py")
    (path,) = write_export(small_result, "netcdf", tmp_path)
    with xarray.open_dataset(path, engine="h5netcdf") as data:
        np.testing.assert_array_equal(data["fso"].values, small_result.fso.occupancy)
        np.testing.assert_array_equal(data["dfsc"].values, small_result.dfsc.values)
        np.testing.assert_array_equal(data["resolution_flag"].values, small_result.directional_resolution.flag)
        assert data["frequency"].attrs["units"] == "angstrom^-1"
        assert all("long_name" in variable.attrs for variable in data.data_vars.values())
        assert data.attrs["voxel_size_angstrom"] == 2.0


def test_csv_and_json_agree(small_result: ca.AnalysisResult, tmp_path: Path) -> None:
    write_export(small_result, "csv", tmp_path)
    write_export(small_result, "json", tmp_path)
    with open(tmp_path / "curves.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    data = json.loads((tmp_path / "analysis.json").read_text(encoding="utf-8"))
    assert [float(row["fso"]) for row in rows] == pytest.approx(data["curves"]["fso"], rel=1e-8)
    assert rows[0]["bingham"] == ""
    assert data["curves"]["bingham"][0] is None
    assert data["units"]["resolution"] == "angstrom"
    with open(tmp_path / "dfsc.csv", newline="") as stream:
        table = list(csv.reader(stream))
    assert len(table) == 322
    assert len(table[0]) == 2 + 24


def test_relion_star_is_read(tmp_path: Path) -> None:
    (tmp_path / "postprocess.star").write_text(STAR)
    curves = {curve.label: curve for curve in read_fsc(tmp_path / "postprocess.star")}
    assert set(curves) == {"corrected", "unmasked", "masked", "phase-randomised, masked"}
    assert curves["masked"].frequency.tolist() == [0.01, 0.02]
    assert curves["phase-randomised, masked"].fsc.tolist() == [0.99, 0.1]


def test_cryosparc_text_is_read(tmp_path: Path) -> None:
    path = tmp_path / "cryosparc_P1_J2_fsc.txt"
    path.write_text("wave_number\tfsc_nomask\tfsc_tightmask\tfsc_noisesub\n1\t0.99\t1.0\t0.98\n2\t0.5\t0.8\t0.7\n")
    curves = read_fsc(path, box_length=200.0)
    assert [c.label for c in curves] == ["no mask", "tight mask", "corrected"]
    assert curves[0].frequency.tolist() == [0.005, 0.01]
    with pytest.raises(ResultError, match="give the box length"):
        read_fsc(path)


def first_below(curve: ForeignFSC, level: float) -> float:
    """Å of the first shell below a level."""
    return float(1 / curve.frequency[np.flatnonzero(curve.fsc < level)[0]])


def test_real_relion_files_are_read_without_shell_zero(shared_data: Path) -> None:
    """RELION prints 2.82 Å for the masked-corrected FSC: the last shell above 0.143."""
    folder = shared_data / "real" / "relion_betagal"
    curves = {curve.label: curve for curve in read_fsc(folder / "postprocess.star")}
    assert set(curves) == {"corrected", "unmasked", "masked", "phase-randomised, masked"}
    (model,) = read_fsc(folder / "run_model.star")
    (xml,) = read_fsc(folder / "postprocess_fsc.xml")
    assert (model.program, model.label, xml.program) == ("RELION", "gold standard", "EMDB")
    for curve in (*curves.values(), model, xml):
        np.testing.assert_allclose(curve.frequency, np.arange(1, 129) / (256 * 1.244), rtol=2e-4)
        assert (curve.fsc[0] > 0.99, curve.fsc[-1] < 0.5) == (True, True)
    np.testing.assert_allclose(xml.fsc, curves["corrected"].fsc, atol=1e-5)
    assert first_below(curves["corrected"], 0.143) < 2.818265 < first_below(curves["corrected"], 0.3)


def test_real_local_curves_of_relion_are_named_by_their_place(shared_data: Path) -> None:
    curves = read_fsc(shared_data / "real" / "relion_betagal" / "relion_locres_fscs.star")
    assert len(curves) == 74 * 4
    assert len({(curve.label, curve.place) for curve in curves}) == len(curves)
    masked = next(curve for curve in curves if curve.label == "masked")
    assert masked.place == (-108, -28, -28)
    assert masked.fsc[:2].tolist() == [0.998355, 0.995074]
    assert all(curve.frequency.size == curve.fsc.size == 128 for curve in curves)


def test_real_text_of_3dfsc_and_of_eman_tells_the_same(shared_data: Path) -> None:
    folder = shared_data / "real" / "threedfsc_T40"
    (table,) = read_fsc(folder / "ResEMT40-3DFSCOutglobalFSC.csv")
    (eman,) = read_fsc(folder / "fsc.out")
    assert (table.program, eman.program) == ("3DFSC", "EMAN")
    np.testing.assert_allclose(table.frequency[:71], np.arange(1, 72) / (144 * 1.31), rtol=1e-3)
    np.testing.assert_allclose(table.frequency[: eman.frequency.size], eman.frequency, rtol=1e-4)
    np.testing.assert_allclose(table.fsc[: eman.fsc.size], eman.fsc, atol=0.03)  # a shell off would be 0.1


def test_recorded_text_of_3dfsc_is_read(reference: Path) -> None:
    (curve,) = read_fsc(reference / "iso_64_3dfsc_global_fsc.csv")
    np.testing.assert_allclose(curve.frequency[:31], np.arange(1, 32) / (64 * 1.3), rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.star", "data_x\n_a 1\n", "holds no FSC"),
        ("a.star", "no star at all {", "can't be read as a star file"),
        ("a.xml", "<fsc>", "can't be read as XML"),
        ("a.xml", "<fsc></fsc>", "holds no FSC"),
        ("a.txt", "1 2 3\n", "should rise"),
        ("a.txt", "1 0.9\n2 0.5\n3 0.2\n", "a column from 1 to 3"),  # numbers of shells
        ("a.txt", "20 0.9\n10 0.5\n", "should rise"),  # Å
        ("a.txt", "0.1 0.9 0.8 0.7\n", "no FSC that is known"),
        ("a.txt", "wave_number fsc_nomask\n1 x\n", "isn't a table of numbers"),
        ("a.txt", "wave_number fsc_nomask\n1 0.1\n2 0.1 3\n", "it should hold"),
        ("a.txt", "wave_number fsc_nomask\n1 0.1 2\n", "no FSC that is known"),
        ("a.txt", "", "beginning with wave_number"),
    ],
)
def test_foreign_files_that_do_not_fit_are_told_in_words(tmp_path: Path, name: str, text: str, words: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ResultError, match=words):
        read_fsc(tmp_path / name, box_length=100.0)


def test_missing_file_is_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="check the path"):
        read_fsc(tmp_path / "none.star")


def test_nothing_is_overwritten_unasked(small_result: ca.AnalysisResult, tmp_path: Path) -> None:
    write_export(small_result, "xmipp", tmp_path / "new" / "folder")
    with pytest.raises(OutputError, match="exists already"):
        write_export(small_result, "xmipp", tmp_path / "new" / "folder")
    write_export(small_result, "xmipp", tmp_path / "new" / "folder", overwrite=True)
    assert sorted(p.name for p in (tmp_path / "new" / "folder").iterdir()) == [MARK, "fso.xmd"]
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="choose a folder"):
        write_export(small_result, "xmipp", tmp_path / "file")
    with pytest.raises(SettingsError, match="'pdf'"):
        write_export(small_result, "pdf", tmp_path)


@pytest.mark.parametrize("kind", FORMATS)
def test_command_line_writes_every_format(small_result: ca.AnalysisResult, tmp_path: Path, kind: str) -> None:
    if kind == "netcdf":
        pytest.importorskip("h5py")
    small_result.save(tmp_path / "result.npz")
    assert main(["export", str(tmp_path), "--format", kind, "-o", str(tmp_path / "out")]) == 0
    assert any((tmp_path / "out").iterdir())


def test_command_line_refuses_in_words(
    small_result: ca.AnalysisResult, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(tmp_path), "--format", "csv", "-o", str(tmp_path / "out")]) == 2
    assert "There is no result file" in capsys.readouterr().err
    small_result.save(tmp_path / "result.npz")
    assert main(["export", str(tmp_path), "--format", "csv", "--map", "m.mrc"]) == 2
    assert "go with --format chimerax" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_command_line_takes_the_origin_of_the_map(
    small_result: ca.AnalysisResult, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small_result.save(tmp_path / "result.npz")
    ca.write_map(tmp_path / "m.mrc", np.ones((8, 8, 8), dtype=np.float32), 2.0, origin=(5.0, 6.0, 7.0))
    arguments = ["export", str(tmp_path), "--format", "chimerax", "-o", str(tmp_path / "out")]
    assert main([*arguments, "--map", str(tmp_path / "m.mrc")]) == 0
    assert ".arrow 53.000 54.000 55.000" in (tmp_path / "out" / "anisotropy.bild").read_text(encoding="utf-8")
