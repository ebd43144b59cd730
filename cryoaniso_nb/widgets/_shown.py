"""What the state of a session means for a result: which curve, axis and colours are shown."""

from __future__ import annotations

from typing import Any

from ..figures.parts import ColourScale
from ..figures.sphere import resolution_scale
from ..geometry.directions import nearest_axis
from ..summary.conventions import bingham_choices, shown_curve

__all__ = ["figure_options", "selected_axis", "shown_bingham", "shown_scale"]


def shown_bingham(state: Any, result: Any = None) -> str:
    """The Bingham curve shown: what was asked for if the result has it, else the default.

    Parameters
    ----------
    state : SessionState
        What was asked for.
    result : AnalysisResult, optional
        Whose curve; that of the state if not given.

    Returns
    -------
    str
        Name of the curve.
    """
    test = (state.result if result is None else result).bingham
    return shown_curve(test, state.bingham if state.bingham in bingham_choices(test) else None)


def figure_options(state: Any, result: Any) -> dict[str, Any]:
    """How `plots.figure` draws what is on the screen.

    Parameters
    ----------
    state : SessionState
        What was asked for.
    result : AnalysisResult
        What is drawn.

    Returns
    -------
    dict
        The Bingham curve; projection and limits unless they are the default ones.
    """
    options: dict[str, Any] = {"bingham": shown_bingham(state, result)}
    if state.projection != "polar":
        options["projection"] = state.projection
    if state.limits is not None:
        options["limits"] = state.limits
    return options


def selected_axis(state: Any, result: Any) -> int | None:
    """The axis of a result nearest to the selected direction.

    Parameters
    ----------
    state : SessionState
        What is selected.
    result : AnalysisResult
        Whose axis.

    Returns
    -------
    int or None
        None while nothing is selected.
    """
    return None if state.direction is None else nearest_axis(result.dfsc.axes, state.direction)


def shown_scale(state: Any) -> ColourScale:
    """The colours of directional resolution, for all results shown together.

    Parameters
    ----------
    state : SessionState
        Its results, and the range asked for.

    Returns
    -------
    ColourScale
        Of the sphere and the histogram.
    """
    results = [result for result in (state.result, state.other) if result is not None]
    return resolution_scale(*results, limits=state.limits)
