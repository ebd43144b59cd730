"""Figures of poses: where views lie, and what a stage tilt would do."""

from __future__ import annotations

import matplotlib
from matplotlib.figure import Figure

from ..figures.poses import predicted_plot, tilt_plot
from ..figures.sphere import views_picture
from ..inputs.poses import ViewDensity
from ..measures.sampling_compensation import SCF
from ..measures.tilt import TiltAdvice
from .draw import STYLE, draw_picture, draw_plot, new_figure

__all__ = ["tilt_figure", "views_figure"]


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
    >>> import numpy as np
    >>> from cryoaniso_nb.inputs.poses import read_poses, view_density
    >>> len(views_figure(view_density(read_poses(np.eye(3)))).axes)
    2
    """
    picture = views_picture(density, projection=projection)
    with matplotlib.rc_context(STYLE):
        made = new_figure(4.6, 4.0)
        ax = made.add_subplot()
        draw_picture(picture, ax)
        title = picture.title
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
    >>> import numpy as np
    >>> from cryoaniso_nb.measures.tilt import tilt_advice
    >>> len(tilt_figure(tilt_advice(np.eye(3), tilts=(0, 30))).axes)
    1
    """
    plots = [predicted_plot(advice)] if advice.has_maps else []
    plots.append(tilt_plot(advice))
    with matplotlib.rc_context(STYLE):
        made = new_figure(8.6 if advice.has_maps else 5.0, 3.8)
        for plot, ax in zip(plots, made.subplots(1, len(plots), squeeze=False)[0], strict=True):
            draw_plot(plot, ax, columns=2)
        made.suptitle(advice.advice, fontsize=9, wrap=True)
    return made
