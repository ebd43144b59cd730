"""Figures of poses: where views lie, and what a stage tilt would do."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from .measures.scf import SCF, TROUBLE
from .measures.spheremap import sphere_raster
from .measures.tilt import TiltAdvice
from .plot_curves import BLUE, GREY, STYLE, VERMILION, angstrom_axis
from .plot_sphere import _disc as draw_disc
from .poses import ViewDensity

__all__ = ["tilt_figure", "views_figure"]

SMOOTHING = 10.0  # degrees, half-angle of the kernel views are smoothed with
PIXELS = 240


def _new(width: float, height: float) -> Figure:
    made = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(made)
    return made


def views_figure(density: ViewDensity, sampling: SCF | None = None, *, projection: str = "polar") -> Figure:
    """Density of views over the half sphere, in the projections of the directional resolution.

    Parameters
    ----------
    density : ViewDensity
        From `view_density`.
    sampling : SCF, optional
        Its numbers go into the title.
    projection : {'polar', 'equal-area'}
        Radius proportional to zenith, or equal areas.

    Returns
    -------
    Figure
        Not known to pyplot.

    Raises
    ------
    SettingsError
        For another projection.

    Examples
    --------
    >>> from cryoaniso_nb.poses import read_poses, view_density
    >>> len(views_figure(view_density(read_poses(np.eye(3)))).axes)
    2
    """
    picture = sphere_raster(density.density, density.axes, PIXELS, SMOOTHING, projection)
    with matplotlib.rc_context(STYLE):
        made = _new(4.6, 4.0)
        ax = made.add_subplot()
        top = max(2.0, float(np.nanmax(picture)))
        image = ax.imshow(picture, extent=(-1, 1, -1, 1), cmap="cividis", vmin=0, vmax=top, interpolation="nearest")
        draw_disc(ax, image, projection)
        bar = made.colorbar(image, ax=ax, shrink=0.8, pad=0.1)
        bar.set_label("Density of views (1 = even)")
        title = f"{density.n_views} views, {density.symmetry}"
        if sampling is not None:
            title += f"\nSCF* {sampling.scf_star:.2f}, unsampled {100 * sampling.f0:.1f} % (R = {sampling.radius:g})"
        ax.set_title(title)
    return made


def tilt_figure(advice: TiltAdvice) -> Figure:
    """Predicted FSO of some tilts (with half maps), and sampling against tilt.

    Parameters
    ----------
    advice : TiltAdvice
        From `tilt_advice`.

    Returns
    -------
    Figure
        Not known to pyplot; the advice is its title.

    Examples
    --------
    >>> from cryoaniso_nb.measures.tilt import tilt_advice
    >>> len(tilt_figure(tilt_advice(np.eye(3), tilts=(0, 30))).axes)
    1
    """
    with matplotlib.rc_context(STYLE):
        made = _new(8.6 if advice.has_maps else 5.0, 3.6)
        panels = made.subplots(1, 2 if advice.has_maps else 1, squeeze=False)[0]
        if advice.has_maps:
            _occupancy(advice, panels[0])
        _sampling(advice, panels[-1])
        made.suptitle(advice.advice, fontsize=9, wrap=True)
    return made


def _occupancy(advice: TiltAdvice, ax: Axes) -> None:
    chosen = {0, len(advice.tilts) // 2, len(advice.tilts) - 1}
    recommended = np.flatnonzero(advice.tilts == advice.recommended)
    chosen |= set(recommended.tolist())
    colours = matplotlib.colormaps["viridis"]
    for i in sorted(chosen):
        best = i in recommended
        colour = colours(0.85 * advice.tilts[i] / max(float(advice.tilts.max()), 1.0))
        label = f"{advice.tilts[i]:g}°" + (" (recommended)" if best else "")
        ax.plot(advice.frequency, advice.occupancy[i], color=colour, lw=2.2 if best else 1.4, label=label)
    for level in (0.1, 0.9):
        ax.axhline(level, color=GREY, lw=0.7, ls=":")
    angstrom_axis(ax, advice.frequency)
    ax.set_ylim(-0.02, 1.02)
    ax.set_ylabel("Predicted FSO")
    ax.legend(title="Stage tilt", frameon=False)


def _sampling(advice: TiltAdvice, ax: Axes) -> None:
    ax.plot(advice.tilts, advice.worst_sampling, "o-", color=VERMILION, ms=4, label="worst direction (1 = even)")
    ax.plot(advice.tilts, advice.scf_star, "s-", color=BLUE, ms=4, label="SCF*")
    ax.axhline(TROUBLE, color=BLUE, lw=0.7, ls=":")
    if np.isfinite(advice.recommended):
        ax.axvline(advice.recommended, color=GREY, lw=0.9, ls="--", label="recommended")
    ax.set_xlabel("Stage tilt (degrees)")
    ax.set_ylabel("Sampling")
    ax.set_ylim(0, max(1.05, float(np.nanmax(advice.worst_sampling, initial=1.0)) * 1.05))
    ax.legend(frameon=False)
