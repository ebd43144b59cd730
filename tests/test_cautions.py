"""Warnings with codes."""

from __future__ import annotations

import copy
import pickle
import re
from pathlib import Path

import numpy as np
import pytest

import cryoaniso_nb as ca
from cryoaniso_nb.results.cautions import CODES, Caution

PACKAGE = Path(ca.__file__).parent


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))])
def test_a_caution_is_its_sentence_and_keeps_its_code(again) -> None:  # type: ignore[no-untyped-def]
    caution = again(Caution("no-mask", "No mask."))
    assert (caution, str(caution), caution.code) == ("No mask.", "No mask.", "no-mask")


def test_an_unlisted_code_is_refused() -> None:
    with pytest.raises(ValueError, match="'no-such'"):
        Caution("no-such", "text")


def test_codes_are_saved_and_loaded(tmp_path: Path, small_result: ca.AnalysisResult) -> None:
    loaded = ca.load_result(small_result.save(tmp_path / "r.npz"))
    assert [(w.code, w) for w in loaded.warnings] == [(w.code, w) for w in small_result.warnings]
    assert "no-mask" in {w.code for w in loaded.warnings}


def test_what_was_seen_in_the_maps_is_named_by_its_code() -> None:
    half = np.zeros((32, 32, 32), dtype=np.float32)
    half[8:-8, 8:-8, 8:-8] = np.random.default_rng(0).standard_normal((16, 16, 16))
    codes = {w.code for w in ca.analyze(ca.open_half_maps(half, half.copy(), voxel_size=1.0)).warnings}
    assert {"identical-halves", "masked-before", "no-mask"} <= codes


def test_every_code_in_use_is_listed() -> None:
    used = {
        code
        for path in PACKAGE.rglob("*.py")
        for code in re.findall(r'Caution\(\s*"([a-z-]+)"', path.read_text("utf-8"))
    }
    assert "no-mask" in used
    assert used <= CODES.keys()
