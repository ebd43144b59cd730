"""Every stage looks often whether it was told to stop, within its tasks too, and gives up at any look."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import cryoaniso_nb as ca
from cryoaniso_nb.engine.execution import Execution
from cryoaniso_nb.engine.volumes import accumulate, accumulate_exact
from cryoaniso_nb.errors import Cancelled
from cryoaniso_nb.inputs.half_maps import HalfMaps
from cryoaniso_nb.inputs.masks import sphere_mask


class SetAfter(threading.Event):
    """An event that is set once it has been looked at so many times."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.looks, self.seen = looks, 0

    def is_set(self) -> bool:
        self.seen += 1
        return self.seen > self.looks


@pytest.fixture(scope="module")
def masked() -> HalfMaps:
    box = (48, 48, 48)
    maps = ca.simulate_half_maps(box, preset="missing-cone", signal="phantom", seed=2)
    return ca.open_half_maps(maps.half1, maps.half2, mask=sphere_mask(box, 16), voxel_size=1.0)


@pytest.fixture(scope="module")
def stages(masked: HalfMaps, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Callable[[Any], object]]:
    """What can be stopped, each called with the event."""
    folder: Path = tmp_path_factory.mktemp("maps")
    paths = [ca.write_map(folder / f"{i}.mrc.gz", half, 5.0) for i, half in enumerate((masked.half1, masked.half2), 1)]
    result, axes = ca.analyze(masked), ca.analyze(masked, n_axes=6).dfsc.axes
    return {
        "reading": lambda cancel: ca.open_half_maps(*paths, execution=Execution(cancel=cancel)),
        "automatic mask": lambda cancel: ca.open_half_maps(*paths, mask="auto", execution=Execution(cancel=cancel)),
        "transforming": lambda cancel: accumulate(masked, execution=Execution("synchronous", cancel=cancel)),
        "exact sums": lambda cancel: accumulate_exact(masked, axes, 17.0, execution=Execution(cancel=cancel)),
        "all levels": lambda cancel: list(ca.iter_analysis(masked, execution=Execution(cancel=cancel))),
        "mask correction": lambda cancel: result.with_mask_correction(masked, execution=Execution(cancel=cancel)),
        "calibration": lambda cancel: result.with_calibration(n_replicates=39, execution=Execution(cancel=cancel)),
        "band": lambda cancel: result.with_band(n_replicates=39, execution=Execution(cancel=cancel)),
    }


@pytest.mark.parametrize(
    ("stage", "least"),
    [
        ("reading", 2),
        ("automatic mask", 6),
        ("transforming", 12),
        ("exact sums", 12),
        ("all levels", 20),
        ("mask correction", 100),
        ("calibration", 60),
        ("band", 300),
    ],
)
def test_a_stage_gives_up_at_any_look(stages: dict[str, Callable[[Any], object]], stage: str, least: int) -> None:
    whole = SetAfter(10**9)
    stages[stage](whole)
    assert whole.seen >= least
    for looks in sorted({0, 1, *(whole.seen * i // 8 for i in range(8))}):
        with pytest.raises(Cancelled, match="was stopped"):
            stages[stage](SetAfter(looks))
