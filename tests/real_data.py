"""Where real data lie that are no part of the project, and how many tests looked at them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def real_data_folder() -> Path:
    """``shared/data`` beside the checkout, or in the folder that CRYOANISO_SHARED names."""
    return Path(os.environ.get("CRYOANISO_SHARED") or ROOT.parent / "shared") / "data"


def reads_real_data(item: pytest.Item) -> bool:
    """Whether a test asks for the folder."""
    return "shared_data" in getattr(item, "fixturenames", ())
