"""Half maps found by the names that programs give, with mask, poses and point group."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

import cryoaniso_nb as ca
from cryoaniso_nb.errors import MapError
from cryoaniso_nb.inputs.discovery import find_pairs, pair_of, partner_of


def put(path: Path, side: int = 16) -> Path:
    """A map of ones."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return ca.write_map(path, np.ones((side,) * 3, np.float32), 1.5)


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


@pytest.fixture
def relion(tmp_path: Path) -> Path:
    """A project with two refinements, post-processing and an alias."""
    job = tmp_path / "Refine3D" / "job012"
    for name in ("run_it009_half{}_class001", "run_it012_half{}_class001_unfil", "run_half{}_class001_unfil"):
        for half in (1, 2):
            put(job / f"{name.format(half)}.mrc")
    touch(job, "run_data.star", "run_it009_data.star")
    (job / "run_sampling.star").write_text("data_sampling_general\n_rlnSymmetryGroup  d7\n")
    unfinished = tmp_path / "Refine3D" / "job9"
    for name in ("run_it002_half{}_class001", "run_it010_half{}_class001"):
        for half in (1, 2):
            put(unfinished / f"{name.format(half)}.mrc")
    touch(unfinished, "run_it010_data.star")
    (tmp_path / "Refine3D" / "alias").symlink_to(job)
    for number, mask in ((13, "first"), (110, "second")):
        put(tmp_path / "MaskCreate" / mask / "mask.mrc")
        star = tmp_path / "PostProcess" / f"job{number:03d}" / "postprocess.star"
        star.parent.mkdir(parents=True)
        star.write_text(
            "data_general\n"
            "_rlnUnfilteredMapHalf1 Refine3D/job012/run_half1_class001_unfil.mrc\n"
            "_rlnUnfilteredMapHalf2 Refine3D/job012/run_half2_class001_unfil.mrc\n"
            f"_rlnMaskName MaskCreate/{mask}/mask.mrc\n"
        )
    return tmp_path


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a_half1.mrc", "a_half2.mrc"),
        ("half1.mrc", "half2.mrc"),
        ("a-Half_Map-1_final.MRC.gz", "a-Half_Map-2_final.MRC.gz"),
        ("run_half1_class001_unfil.mrc", "run_half2_class001_unfil.mrc"),
        ("cryosparc_P3_J42_005_volume_map_half_A.mrc", "cryosparc_P3_J42_005_volume_map_half_B.mrc"),
        ("emd_11638_half_map_1.map.gz", "emd_11638_half_map_2.map.gz"),
        ("half12_half1.map", "half12_half2.map"),
        ("tomo_even.ccp4", "tomo_odd.ccp4"),
        ("EVEN_x.mrc", "ODD_x.mrc"),
    ],
)
def test_either_half_leads_to_both(tmp_path: Path, first: str, second: str) -> None:
    touch(tmp_path, first, second)
    for name in (first, second):
        assert partner_of(tmp_path / name) == (tmp_path / first, tmp_path / second)


def test_a_partner_may_be_packed_otherwise(tmp_path: Path) -> None:
    touch(tmp_path, "a_half1.mrc", "a_half2.mrc.gz")
    assert partner_of(tmp_path / "a_half1.mrc")[1].name == "a_half2.mrc.gz"
    assert partner_of(tmp_path / "a_half2.mrc.gz")[0].name == "a_half1.mrc"


@pytest.mark.parametrize(
    "name", ["map.mrc", "half3.mrc", "half12.mrc", "a_half1.txt", "halfling1x.mrc", "uneven_a.mrc"]
)
def test_a_name_that_says_no_half_is_told_of(tmp_path: Path, name: str) -> None:
    touch(tmp_path, name)
    with pytest.raises(MapError, match="doesn't say which half it is"):
        partner_of(tmp_path / name)


def test_a_half_alone_is_told_of(tmp_path: Path) -> None:
    touch(tmp_path, "a_half1.mrc")
    with pytest.raises(MapError, match=r"there is no a_half2\.mrc beside it"):
        partner_of(tmp_path / "a_half1.mrc")


def test_a_project_of_relion_gives_its_newest_maps(relion: Path) -> None:
    unfinished, done = find_pairs(relion)
    assert (unfinished.name, done.name) == ("Refine3D/job9", "Refine3D/job012")
    assert done.half1.name == "run_half1_class001_unfil.mrc"
    assert done.half2 == relion / "Refine3D/job012/run_half2_class001_unfil.mrc"
    assert done.poses == relion / "Refine3D/job012/run_data.star"
    assert done.symmetry == "D7"
    assert done.mask == relion / "MaskCreate/second/mask.mrc"
    assert unfinished.half1.name == "run_it010_half1_class001.mrc"
    assert unfinished.poses == relion / "Refine3D/job9/run_it010_data.star"
    assert (unfinished.mask, unfinished.symmetry) == (None, None)


def test_one_job_or_half_map_finds_as_much_as_the_project(relion: Path) -> None:
    whole = find_pairs(relion)[1]
    job = relion / "Refine3D" / "job012"
    for given in (job, job / "run_half2_class001_unfil.mrc", relion / "Refine3D" / "alias"):
        found = pair_of(given)
        assert [path.resolve() for path in (found.half1, found.mask, found.poses)] == [  # type: ignore[union-attr]
            path.resolve()
            for path in (whole.half1, whole.mask, whole.poses)  # type: ignore[union-attr]
        ]
        assert found.symmetry == "D7"


def test_an_iteration_that_was_asked_for_is_given(relion: Path) -> None:
    found = pair_of(relion / "Refine3D/job012/run_it009_half1_class001.mrc")
    assert found.half2.name == "run_it009_half2_class001.mrc"
    assert found.poses is not None
    assert found.poses.name == "run_it009_data.star"
    assert found.mask is None  # post-processing used other maps


def test_bodies_of_one_job_are_pairs_of_their_own(tmp_path: Path) -> None:
    for body in (1, 2):
        for half in (1, 2):
            put(tmp_path / "job5" / f"run_half{half}_body00{body}_unfil.mrc")
    assert [pair.name for pair in find_pairs(tmp_path)] == ["job5/run_body001_unfil", "job5/run_body002_unfil"]


def test_a_job_of_cryosparc_gives_its_last_iteration(tmp_path: Path) -> None:
    job = tmp_path / "J42"
    for iteration in ("004", "012"):
        for half in "AB":
            put(job / f"cryosparc_P1_J42_{iteration}_volume_map_half_{half}.mrc")
        for kind in ("mask_fsc", "mask_refine"):
            put(job / f"cryosparc_P1_J42_{iteration}_volume_{kind}.mrc")
        touch(job, f"cryosparc_P1_J42_{iteration}_particles.cs")
    parameters = {"refine_relax_symmetry": {"value": "none"}, "refine_symmetry": {"value": "C4"}}
    (job / "job.json").write_text(
        json.dumps({"params_base": {"refine_symmetry": {"value": "C1"}}, "params_spec": parameters})
    )
    (found,) = find_pairs(tmp_path)
    assert found.name == "J42"
    assert found.half1.name == "cryosparc_P1_J42_012_volume_map_half_A.mrc"
    assert found.mask == job / "cryosparc_P1_J42_012_volume_mask_refine.mrc"
    assert found.poses == job / "cryosparc_P1_J42_012_particles.cs"
    assert found.symmetry == "C4"


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"\xff", b'{"params_spec": []}', b'{"params_spec": {"refine_symmetry": 4}}']
)
def test_an_odd_job_file_tells_no_symmetry(tmp_path: Path, content: bytes) -> None:
    for half in "AB":
        put(tmp_path / f"J1_000_volume_map_half_{half}.mrc")
    (tmp_path / "job.json").write_bytes(content)
    assert pair_of(tmp_path).symmetry is None


def test_a_symmetry_that_is_no_point_group_is_told_of(tmp_path: Path) -> None:
    for half in (1, 2):
        put(tmp_path / f"run_half{half}_class001_unfil.mrc")
    (tmp_path / "run_it020_sampling.star").write_text("data_\n_rlnSymmetryGroup  H3\n")
    found = pair_of(tmp_path)
    assert found.symmetry is None
    assert "the symmetry H3, which is no point group; C1 is assumed" in found.notes[0]


def test_files_of_emdb_find_their_mask(tmp_path: Path) -> None:
    for half in (1, 2):
        put(tmp_path / "EMD-8731" / "other" / f"emd_8731_half_map_{half}.map.gz")
    put(tmp_path / "EMD-8731" / "masks" / "emd_8731_msk_1.map")
    (found,) = find_pairs(tmp_path)
    assert found.name == "EMD-8731"
    assert found.mask == tmp_path / "EMD-8731" / "masks" / "emd_8731_msk_1.map"


def test_many_pairs_of_one_folder_are_named_by_what_their_files_share(tmp_path: Path) -> None:
    for name in ("apo", "holo10", "holo9"):
        for half in (1, 2):
            put(tmp_path / "maps" / f"{name}_half{half}.mrc")
    put(tmp_path / "maps" / "apo_mask.mrc")
    put(tmp_path / "maps" / "mask.mrc")  # of which of them?
    apo, nine, ten = find_pairs(tmp_path)
    assert [pair.name for pair in (apo, nine, ten)] == ["maps/apo", "maps/holo9", "maps/holo10"]
    assert [pair.mask and pair.mask.name for pair in (apo, nine, ten)] == ["apo_mask.mrc", None, None]


def test_a_pair_alone_takes_the_mask_beside_it_if_it_fits(tmp_path: Path) -> None:
    for half in (1, 2):
        put(tmp_path / f"half{half}.mrc")
    put(tmp_path / "mask.mrc")
    assert pair_of(tmp_path / "half2.mrc").mask == tmp_path / "mask.mrc"
    ca.write_map(tmp_path / "mask.mrc", np.ones((18, 18, 18), np.float32), 1.5, overwrite=True)
    found = pair_of(tmp_path)
    assert found.mask is None
    assert "has another box than half1.mrc, so it isn't used" in found.notes[0]
    (tmp_path / "mask.mrc").write_bytes(b"no map")
    assert pair_of(tmp_path).mask is None


def test_the_same_entry_twice_gets_two_names(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        touch(tmp_path / folder, "emd_8731_half_map_1.map", "emd_8731_half_map_2.map")
    assert [pair.name for pair in find_pairs(tmp_path)] == ["EMD-8731", "EMD-8731 (2)"]


def test_hidden_folders_and_single_halves_are_passed_over(tmp_path: Path) -> None:
    touch(tmp_path, ".trash/half1.mrc", ".trash/half2.mrc", "lost_half1.mrc", "._half1.mrc", "._half2.mrc")
    assert find_pairs(tmp_path) == ()
    with pytest.raises(MapError, match=re.escape(f"There are no half maps in {tmp_path}; give two files.")):
        pair_of(tmp_path)


def test_a_folder_of_many_pairs_is_no_pair(tmp_path: Path) -> None:
    for name in "abcde":
        touch(tmp_path, f"{name}_half1.mrc", f"{name}_half2.mrc")
    with pytest.raises(MapError, match=r"holds 5 pairs of half maps \(a, b, c and 2 more\).*cryoaniso survey"):
        pair_of(tmp_path)


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MapError, match="There is no file"):
        pair_of(tmp_path / "half1.mrc")
    with pytest.raises(MapError, match="Can't read the folder"):
        find_pairs(tmp_path / "nowhere")
