"""Saved results: every type comes back as it was, and no file can do more than be refused in a sentence."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import importlib
import io
import json
import os
import pickle
import pkgutil
import tracemalloc
import typing
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import cryoaniso_nb as ca
from cryoaniso_nb.errors import CryoAnisoError, ResultError
from cryoaniso_nb.results.record import Result
from cryoaniso_nb.results.schema import hints_of
from cryoaniso_nb.results.table import HOMES
from cryoaniso_nb.results.types import Crossing, DirectionalFSC, Settings

FORMAT_1 = Path(__file__).parent / "data" / "results-format-1"  # written by the version that had this format
ROUNDS = int(os.environ.get("CRYOANISO_FUZZ", "1"))
fuzz = settings(max_examples=100 * ROUNDS, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class OwnMeasure(Result):
    """A result type that a user made."""

    value: float
    curve: Annotated[NDArray[np.float64], "S"]


def result_types() -> list[type[Result]]:
    """Every result type of the package."""
    for module in pkgutil.walk_packages(ca.__path__, "cryoaniso_nb."):
        if ".widgets" not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found: dict[str, type[Result]] = {}

    def add(kind: type[Result]) -> None:
        for child in kind.__subclasses__():
            if child.__module__.startswith("cryoaniso_nb."):
                found[child.__name__] = getattr(importlib.import_module(child.__module__), child.__name__)
            add(child)

    add(Result)
    return list(found.values())


def equal(a: Any, b: Any) -> bool:
    """Whether two results hold the same."""
    if isinstance(a, Result):
        return type(a) is type(b) and all(equal(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a))
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(equal, a, b))
    if hasattr(a, "items"):
        return list(a) == list(b) and all(equal(a[k], b[k]) for k in a)
    return type(a) is type(b) and (a == b or (a != a and b != b))


def arrays_of(value: Any) -> Iterator[NDArray[Any]]:
    """Every array inside."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, Result):
        for item in dataclasses.fields(value):
            yield from arrays_of(getattr(value, item.name))
    elif isinstance(value, tuple):
        for item in value:
            yield from arrays_of(item)


# --- the table and the types ---------------------------------------------------------------


def test_the_table_names_every_result_type_of_the_package_and_where_it_is() -> None:
    assert {kind.__name__: kind.__module__.removeprefix("cryoaniso_nb.") for kind in result_types()} == HOMES


def test_every_array_says_its_shape() -> None:
    for kind in result_types():
        for name, hint in hints_of(kind).items():
            if "ndarray" in str(hint).lower():  # NumPy 2.5 names its alias
                parts = typing.get_args(hint) if not hasattr(hint, "__metadata__") else (hint,)
                assert any(getattr(part, "__metadata__", ()) for part in parts), f"{kind.__name__}.{name}"


# --- what was saved comes back -------------------------------------------------------------


@pytest.fixture(scope="module")
def whole() -> ca.AnalysisResult:
    """A result with all that there can be in one."""
    made = ca.simulate_half_maps(box=24, preset="missing-cone", seed=0, cause="particle")
    mask = ca.sphere_mask((24, 24, 24), 8.0)
    maps = ca.open_half_maps(made.half1, made.half2, mask=mask, voxel_size=1.5)
    return ca.analyze(maps, n_axes=21, calibrate=19, band=39, correct_mask=True)


@pytest.fixture(scope="module")
def saved(whole: ca.AnalysisResult, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The files of the first format, and today's."""
    folder = tmp_path_factory.mktemp("results")
    files = {f"format 1, {path.stem}": path for path in sorted(FORMAT_1.glob("*.npz"))}
    today = {f"format 2, {path.stem}": Result.load(path).save(folder / path.name) for path in files.values()}
    return files | today | {"format 2, whole": whole.save(folder / "whole.npz")}


def test_files_of_the_first_format_are_read(saved: dict[str, Path]) -> None:
    kinds = {name: type(Result.load(path)).__name__ for name, path in saved.items() if "format 1" in name}
    assert kinds == {
        "format 1, AnalysisResult": "AnalysisResult",
        "format 1, AreaRatio": "AreaRatio",
        "format 1, Sphericity": "Sphericity",
        "format 1, ThreeDFSC": "ThreeDFSC",
        "format 1, Truth": "Truth",
        "format 1, exact": "AnalysisResult",
    }


def test_an_analysis_of_the_first_format_is_judged_by_todays_rules(whole: ca.AnalysisResult) -> None:
    """The same maps, then and now: what was kept is the same, what follows from it is today's."""
    old = ca.load_result(FORMAT_1 / "AnalysisResult.npz")
    np.testing.assert_allclose(old.dfsc.values, whole.dfsc.values, atol=1e-6)
    for name in ("global_fsc", "fso", "directional_resolution"):
        for item in dataclasses.fields(getattr(whole, name)):
            a, b = (getattr(getattr(r, name), item.name) for r in (old, whole))
            if isinstance(b, Crossing):
                assert (a.flag, a.level) == (b.flag, b.level)
                assert a.frequency == pytest.approx(b.frequency, abs=1e-6, nan_ok=True)
            else:
                np.testing.assert_allclose(a, b, atol=1e-5)
    assert dict(old.dropped) == {
        "calibration": "with_calibration(n_replicates=19, seed=0)",
        "band": "with_band(n_replicates=39, seed=0)",
        "mask_correction": "with_mask_correction(maps)",
    }
    assert old.calibration is old.band is old.mask_correction is None
    assert "the calibrated test, the band of FSO and the mask correction; compute again with" in old.warnings[-1]
    again = old.with_calibration(n_replicates=19, seed=0)
    assert again.calibration is not None
    assert "calibration" not in again.dropped
    assert "calibrated" not in again.warnings[-1]


def test_saving_and_loading_changes_nothing(saved: dict[str, Path], tmp_path: Path) -> None:
    for path in saved.values():
        result = Result.load(path)
        assert equal(Result.load(result.save(tmp_path / "again.npz", overwrite=True)), result)


def test_a_file_names_types_and_no_modules(saved: dict[str, Path]) -> None:
    header, _ = content(saved["format 2, whole"])
    assert header["format"] == 2
    assert "module" not in json.dumps(header)


def test_a_type_of_ones_own_is_saved_and_loaded(tmp_path: Path) -> None:
    own = OwnMeasure(value=1.5, curve=np.arange(3.0))
    again = Result.load(own.save(tmp_path / "own.npz"))
    assert isinstance(again, OwnMeasure)
    assert again.value == 1.5
    assert again.curve.tolist() == [0, 1, 2]


def test_what_could_not_be_read_back_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match=r"OwnMeasure can't be saved: curve has 2 dimensions instead of 1"):
        OwnMeasure(value=1.5, curve=np.ones((3, 3))).save(tmp_path / "own.npz")
    with pytest.raises(ResultError, match=r"value is 'much', not a float"):
        OwnMeasure(value="much", curve=np.ones(3)).save(tmp_path / "own.npz")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


# --- nothing in a result can be changed ------------------------------------------------------


@pytest.mark.parametrize(
    "copied",
    [
        lambda r, folder: r,
        lambda r, folder: pickle.loads(pickle.dumps(r)),
        lambda r, folder: copy.copy(r),
        lambda r, folder: copy.deepcopy(r),
        lambda r, folder: r.replace(warnings=("other",)),
        lambda r, folder: Result.load(r.save(folder / "r.npz")),
    ],
    ids=["itself", "pickled", "copied", "copied deeply", "replaced", "loaded"],
)
def test_arrays_and_mappings_stay_read_only(
    copied: Callable[[Any, Path], Any], whole: ca.AnalysisResult, tmp_path: Path
) -> None:
    result = copied(whole, tmp_path)
    found = list(arrays_of(result))
    assert len(found) > 40
    assert not any(array.flags.writeable for array in found)
    with pytest.raises(TypeError, match="item assignment"):
        result.bingham.ranges["p_textbook"] = (1.0, 2.0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.fso.threshold = 0.5


def test_a_pickled_copy_holds_the_same(whole: ca.AnalysisResult) -> None:
    assert equal(pickle.loads(pickle.dumps(whole)), whole)


# --- files that were changed -----------------------------------------------------------------


def content(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Header and arrays of a file."""
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    return json.loads(arrays.pop("header").tobytes()), arrays


def written(path: Path, header: Any, arrays: dict[str, Any]) -> Path:
    """A file of that content, whatever it is."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    np.savez(path, header=np.frombuffer(text, dtype=np.uint8), **arrays)
    return path


def refused(path: Path, words: str = r"\w") -> None:
    with pytest.raises(ResultError, match=words) as caught:
        Result.load(path)
    message = str(caught.value)
    assert message.endswith(".")
    assert "\n" not in message
    assert len(message) < 600


def crossing(**fields: Any) -> dict[str, Any]:
    """Header of a `Crossing`."""
    known = {"level": 0.5, "frequency": 0.1, "flag": {"$flag": 0}}
    return {"format": 2, "result": {"$type": "Crossing", "fields": {**known, **fields}}}


def test_a_file_made_by_hand_loads(tmp_path: Path) -> None:
    loaded = Result.load(written(tmp_path / "a.npz", crossing(), {}))
    assert isinstance(loaded, Crossing)
    assert loaded.resolution == pytest.approx(10)


BY_HAND: dict[str, tuple[Any, str]] = {
    "later format": ({"format": 3, "result": {}}, "format 3, this program reads formats 1 to 2"),
    "no format": ({"result": {}}, "format None"),
    "format of another type": ({"format": True, "result": {}}, "format True"),
    "no result": ({"format": 2}, "holds a None"),
    "unknown type": ({"format": 2, "result": {"$type": "Pope", "fields": {}}}, "'Pope', which this version"),
    "module": ({"format": 1, "result": {"$type": "system", "$module": "os", "fields": {}}}, "'system', which"),
    "path as type": ({"format": 2, "result": {"$type": "os.system", "fields": {}}}, "which this version"),
    "type is a list": ({"format": 2, "result": {"$type": ["FSO"], "fields": {}}}, "which this version"),
    "no fields": ({"format": 2, "result": {"$type": "Crossing"}}, "not a Crossing"),
    "field too many": (crossing(extra=1), "Crossing has no field 'extra'"),
    "flag unknown": (crossing(flag={"$flag": 9}), "flag is 9"),
    "flag of another kind": (crossing(flag=0), "flag is not a flag"),
    "text for a number": (crossing(level="0.5"), "level is '0.5', not a float"),
    "bool for a number": (crossing(level=True), "level is True, not a float"),
    "null": (crossing(level=None), "level is missing"),
    "number beyond all measure": (crossing(level=10**400), "level is 1000"),
    "another type inside": (crossing(flag=crossing()["result"]), "flag is not a flag"),
    "deep list": (b"[" * 100_000 + b"]" * 100_000, "is not a result file"),
    "deep result": (
        b'{"format": 2, "result": ' + b'{"$type": "AnalysisResult", "fields": {"settings": ' * 20_000 + b"}}" * 20_000,
        "is not a result file",
    ),
    "header is a list": ([1, 2], "is not a result file"),
    "header is no JSON": (b"\xff\xfe", "is not a result file"),
}


@pytest.mark.parametrize("case", BY_HAND)
def test_headers_made_by_hand_are_refused(case: str, tmp_path: Path) -> None:
    header, words = BY_HAND[case]
    refused(written(tmp_path / "a.npz", header, {}), words)


def test_a_missing_field_is_named(tmp_path: Path) -> None:
    header = crossing()
    del header["result"]["fields"]["level"]
    refused(written(tmp_path / "a.npz", header, {}), "Crossing lacks its field 'level'")


def test_shapes_are_held_against_each_other(saved: dict[str, Path], tmp_path: Path) -> None:
    header, arrays = content(saved["format 2, whole"])
    cases: dict[str, tuple[NDArray[Any], str]] = {
        "dfsc/values": (arrays["dfsc/values"][:, :-1], r"dfsc/values has the length 11, but S is 12"),
        "fso/occupancy": (arrays["fso/occupancy"][:-1], r"fso/occupancy has the length 11, but S is 12"),
        "dfsc/axes": (arrays["dfsc/axes"][:, :2], r"dfsc/axes has the length 2 instead of 3"),
        "dfsc/done": (arrays["dfsc/done"].astype(np.int64), r"dfsc/done holds int64, not bool"),
        "dfsc/n_eff": (arrays["dfsc/n_eff"][None], r"dfsc/n_eff has 3 dimensions instead of 2"),
        "directional_resolution/flag": (
            np.full(21, 7, dtype=np.int8),
            r"directional_resolution/flag holds values that are no ResolutionFlag",
        ),
        "global_fsc/frequency": (-arrays["global_fsc/frequency"], "doesn't increase from above 0"),
        "histogram/low": (arrays["histogram/low"][:, :-2], "coefficients in the low shells"),
        "mask_kernel/mask": (arrays["mask_kernel/mask"][:-1], "a mask of"),
    }
    for name, (array, words) in cases.items():
        refused(written(tmp_path / "a.npz", header, {**arrays, name: array}), words)


def test_parts_of_two_analyses_are_refused(saved: dict[str, Path], tmp_path: Path) -> None:
    """Each part is whole in itself, but they don't belong together."""
    result = ca.load_result(saved["format 2, whole"])
    other = DirectionalFSC(
        frequency=np.arange(1, 13) / 24,
        axes=np.ones((6, 3)),
        areas=np.ones(6),
        values=np.ones((6, 12)),
        n_eff=np.ones((6, 12)),
        done=np.ones(6, dtype=bool),
    )
    with pytest.raises(ResultError, match=r"directional_resolution has the length 21, but A is 6"):
        result.replace(dfsc=other).save(tmp_path / "a.npz")
    wrong: Settings = result.settings.replace(box=(30, 30, 30))
    with pytest.raises(ResultError, match=r"another box than \(30, 30, 30\)"):
        result.replace(settings=wrong).save(tmp_path / "a.npz")


def test_what_is_not_in_the_file_takes_no_memory(tmp_path: Path) -> None:
    def npy(declared: tuple[int, ...], data: bytes) -> bytes:
        stream = io.BytesIO()
        np.lib.format.write_array_header_1_0(stream, {"descr": "<f8", "fortran_order": False, "shape": declared})
        return stream.getvalue() + data

    def zipped(entries: list[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> Path:
        path = tmp_path / "bomb.npz"
        with zipfile.ZipFile(path, "w", method) as stored:
            for name, data in entries:
                stored.writestr(name, data)
        return path

    big = npy((2**22,), bytes(2**25))
    bombs = [
        lambda: zipped([("header.npy", npy((2**40,), b"12345678"))]),  # declares 8 TiB
        lambda: zipped([("header.npy", npy((2**40, 0, 2**40), b""))]),
        lambda: zipped([("a.npy", big), ("header.npy", big)], zipfile.ZIP_DEFLATED),  # 32 MiB each in 32 kB
        lambda: written(tmp_path / "bomb.npz", {"format": 2, "result": {}, "x": "y" * 2**23}, {}),
    ]
    for make in bombs:
        path = make()
        tracemalloc.start()
        refused(path, "is not a result file")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2**20 + path.stat().st_size * 1.5


def test_two_entries_of_one_name_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.npz", crossing(), {})
    with zipfile.ZipFile(path) as stored:
        data = stored.read("header.npy")
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "a") as stored:
        stored.writestr("header.npy", data)
    refused(path, "is not a result file")


def test_pickles_are_refused(tmp_path: Path) -> None:
    evil = np.array([os.getcwd], dtype=object)
    refused(written(tmp_path / "a.npz", crossing(), {"evil": evil}), "is not a result file")


def test_a_folder_or_a_device_is_no_result(tmp_path: Path) -> None:
    refused(tmp_path, "There is no result file")
    os.mkfifo(tmp_path / "fifo")
    refused(tmp_path / "fifo", "There is no result file")


# --- fuzz: CRYOANISO_FUZZ=100 for a hundred times as many -----------------------------------

ODD: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(
        [0, -1, 2**31, 2**63, 2**70, 10**400, 0.0, -1.5, float("nan"), float("inf"), "", "\x1b[31m", "é" * 99]
    ),
    st.sampled_from([[], {}, [[[]]], {"$array": "dfsc/values"}, {"$array": "none"}, {"$flag": 1}, {"$flag": "0"}]),
    st.sampled_from(
        [{"$tuple": []}, {"$tuple": [1, 2]}, {"$dict": {"a": 1}}, {"$type": "FSO"}, {"$type": "Band", "fields": {}}]
    ),
)


def leaves(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON document."""
    yield place
    if isinstance(value, dict):
        for key in value:
            yield from leaves(value[key], (*place, key))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from leaves(item, (*place, i))


def change_header(data: st.DataObject, header: Any) -> None:
    """Replace, remove, add or rename something in a header."""
    place = data.draw(st.sampled_from([p for p in leaves(header) if p]), label="place")
    parent = header
    for key in place[:-1]:
        parent = parent[key]
    how = data.draw(st.sampled_from(["replace", "remove", "add", "rename"]), label="how")
    if how == "replace" or not isinstance(parent, dict):
        parent[place[-1]] = copy.deepcopy(data.draw(ODD, label="value"))
    elif how == "remove":
        del parent[place[-1]]
    elif how == "add":
        parent["more"] = copy.deepcopy(data.draw(ODD, label="value"))
    else:
        parent[data.draw(st.sampled_from(["$type", "$array", "fields", "x", ""]), label="name")] = parent.pop(place[-1])


def change_arrays(data: st.DataObject, arrays: dict[str, NDArray[Any]]) -> None:
    """Another shape, type, order or content of one array; or none, or one too many."""
    plain = [name for name, array in arrays.items() if array.ndim and array.dtype.kind in "biuf"]
    if not plain:
        return
    name = data.draw(st.sampled_from(sorted(plain)), label="array")
    array = arrays[name]
    changes: dict[str, Callable[[], Any]] = {
        "shorter": lambda: array[:-1],
        "flat": lambda: array.ravel(),
        "turned": lambda: array.T,
        "empty": lambda: array[:0],
        "deeper": lambda: array[None],
        "scalar": lambda: np.array(1.0),
        "narrower": lambda: array.astype(np.float32),
        "complex": lambda: array.astype(np.complex128),
        "text": lambda: np.array(["a", "b"]),
        "swapped": lambda: array.astype(array.dtype.newbyteorder()),
        "fortran": lambda: np.asfortranarray(array),
        "not a number": lambda: (
            np.full(array.shape, np.nan).astype(array.dtype, casting="unsafe") if array.dtype.kind == "f" else array
        ),
        "huge": lambda: np.full(array.shape, 100, dtype=array.dtype),
        "negative": lambda: np.full(array.shape, -1).astype(array.dtype),
        "records": lambda: np.zeros(3, dtype=[("a", "<f8")]),
    }
    how = data.draw(st.sampled_from([*changes, "gone", "one more"]), label="how")
    if how == "gone":
        del arrays[name]
    elif how == "one more":
        arrays["more"] = array
    else:
        arrays[name] = changes[how]()


def judge(path: Path) -> None:
    """A file gives a result that can be looked at and saved, or one sentence."""
    try:
        result = Result.load(path)
    except ResultError:
        refused(path)
        return
    assert not any(array.flags.writeable for array in arrays_of(result))
    repr(result)
    if isinstance(result, ca.AnalysisResult):
        with contextlib.suppress(CryoAnisoError):
            result.summary()
            result.with_cones(threshold=0.3, n_axes=6).summary()
    assert equal(Result.load(result.save(path.with_name("again.npz"), overwrite=True)), result)


@fuzz
@given(data=st.data())
def test_any_change_of_content_gives_a_result_or_a_sentence(
    saved: dict[str, Path], data: st.DataObject, tmp_path: Path
) -> None:
    header, arrays = content(saved[data.draw(st.sampled_from(sorted(saved)), label="file")])
    for _ in range(data.draw(st.integers(1, 3), label="changes")):
        if arrays and (not header or data.draw(st.booleans(), label="arrays")):
            change_arrays(data, arrays)
        elif header:
            change_header(data, header)
    judge(written(tmp_path / "a.npz", header, arrays))


@fuzz
@given(data=st.data())
def test_any_change_of_bytes_gives_a_result_or_a_sentence(
    saved: dict[str, Path], data: st.DataObject, tmp_path: Path
) -> None:
    raw = bytearray(saved[data.draw(st.sampled_from(sorted(saved)), label="file")].read_bytes())
    # Most of a file is numbers: look at both ends, where the names, sizes and the header are.
    place = st.one_of(st.integers(0, 3000), st.integers(1, 6000).map(lambda n: max(len(raw) - n, 0)))
    for _ in range(data.draw(st.integers(1, 4), label="changes")):
        start = min(data.draw(place, label="place"), len(raw) - 1)
        how = data.draw(st.sampled_from(["set", "cut", "insert", "end"]), label="how")
        some = data.draw(st.binary(min_size=1, max_size=8), label="bytes")
        if how == "set":
            raw[start : start + len(some)] = some
        elif how == "cut":
            del raw[start : start + len(some)]
        elif how == "insert":
            raw[start:start] = some
        else:
            del raw[start + 1 :]
    path = tmp_path / "a.npz"
    path.write_bytes(raw)
    judge(path)
