"""What plots show, in words."""

from __future__ import annotations

import numpy as np

from ..figures.parts import Curve, Plot

__all__ = ["plot_in_words", "values_in_words"]


def plot_in_words(plot: Plot) -> str:
    """A plot in words, for those who don't see it.

    Parameters
    ----------
    plot : Plot
        What is drawn.

    Returns
    -------
    str
        Its axes, what it shows, its notes.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> from cryoaniso_nb.figures import occupancy_plot
    >>> plot_in_words(occupancy_plot(ca.analyze(ca.simulate_half_maps(box=32, seed=0))))[:34]
    'FSO, FSC against Resolution (Å): F'
    """
    names = ", ".join(part.label for part in plot.legend)
    return f"{plot.y.label} against {plot.x.label}: {names}. {' '.join(plot.notes)}".strip()


def values_in_words(plot: Plot) -> tuple[list[float], list[str]]:
    """What the named curves are worth, place by place.

    Parameters
    ----------
    plot : Plot
        What is drawn.

    Returns
    -------
    places : list of float
        Of the longest curve, on the axis.
    texts : list of str
        A line a curve.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> from cryoaniso_nb.figures import occupancy_plot
    >>> values_in_words(occupancy_plot(ca.analyze(ca.simulate_half_maps(box=32, seed=0))))[1][3].splitlines()[0]
    '8.00 Å'
    """
    curves = [part for part in plot.legend if isinstance(part, Curve) and len(part.x) > 2]
    if not curves:
        return [], []
    places = max((curve.x for curve in curves), key=len)
    places = places[np.isfinite(places)]
    texts = []
    for place in places:
        found = [(curve.label, float(np.interp(place, curve.x, curve.y, np.nan, np.nan))) for curve in curves]
        at = f"{1 / place:.2f} Å" if plot.x.label.endswith("(Å)") else f"{place:g}"
        texts.append("\n".join([at, *(f"{label} {value:.3g}" for label, value in found if np.isfinite(value))]))
    return list(map(float, places)), texts
