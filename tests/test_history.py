"""Undo, reset, presets and the shell in Å: what was chosen, and how it is taken back."""

from __future__ import annotations

import pytest

import cryoaniso_nb as ca

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def explorer() -> ca.Explorer:
    made = ca.explore(ca.analyze(ca.simulate_half_maps(box=32, preset="missing-cone", seed=0), n_axes=81))
    yield made
    made.close()


def test_undo_and_reset_bring_back_cones_and_selection(explorer: ca.Explorer) -> None:
    state, history = explorer.session.state, explorer.history
    first_shell, before = state.shell, state.result.fso.occupancy
    assert history.undo.disabled
    assert history.reset.disabled
    explorer.curves.slider.value = 3
    explorer.cones.cone.value = 25.0
    explorer.sphere._go("x")
    assert state.result.settings.cone_half_angle == 25.0
    history.undo.click()
    assert state.direction is None
    assert state.result.settings.cone_half_angle == 25.0
    history.undo.click()
    assert state.result.settings.cone_half_angle == explorer.cones.cone.value == 17.0
    assert (state.result.fso.occupancy == before).all()
    assert state.shell == 3
    history.undo.click()
    assert state.shell == first_shell
    assert history.undo.disabled
    explorer.sphere._go("z")
    explorer.cones.chi.value = 0.5
    history.reset.click()
    assert (state.direction, state.result.settings.threshold, explorer.cones.chi.value) == (None, 0.143, 0.143)
    assert history.reset.disabled
    history.undo.click()  # a reset is a step too
    assert state.result.settings.threshold == 0.5


def test_a_slider_that_is_dragged_is_one_step(explorer: ca.Explorer) -> None:
    first = explorer.session.state.shell
    for shell in (3, 4, 5, 6):
        explorer.curves.slider.value = shell
    explorer.history.undo.click()
    assert explorer.session.state.shell == first


def test_directions_and_shells_are_chosen_by_name_value_and_place(explorer: ca.Explorer) -> None:
    state = explorer.session.state
    result = state.result
    for name, wanted in (("y", (0.0, 1.0, 0.0)), ("worst", tuple(result.regions.worst.marks(1)[0]))):
        explorer.sphere._go(name)
        assert state.direction == pytest.approx(wanted)
    explorer.curves.angstrom.value = 4.1
    assert 1 / result.fso.frequency[state.shell - 1] == pytest.approx(4.0)
    # a click in the fan takes the curve that passes there, one in the histogram the resolution there
    axis, shell = 17, 8
    explorer.fan._pick(float(result.dfsc.frequency[shell]), float(result.dfsc.values[axis, shell]))
    assert state.direction == pytest.approx(tuple(result.dfsc.axes[axis]))
    d = result.directional_resolution
    axis = int(d.measured.nonzero()[0][5])
    explorer.distribution._pick(1 / float(d.resolution[axis]))
    assert d.resolution[(result.dfsc.axes @ state.direction).argmax()] == d.resolution[axis]
    # and one in a plane of the 3DFSC the direction there: across y, x to the right and z upwards
    explorer.threedfsc._clicks(1)(-0.1, 0.1)
    assert state.direction == pytest.approx((-(0.5**0.5), 0.0, 0.5**0.5))
