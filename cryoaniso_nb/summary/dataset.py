"""An analysis as an `xarray.Dataset`, with units, ready for NetCDF."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..geometry.directions import unit_vectors
from ..results.types import ResolutionFlag
from .verdict import Analysed, headline

if TYPE_CHECKING:
    import pandas
    import xarray

__all__ = ["curve_table", "to_xarray"]

PAPER = "Vilas & Tagare, Nature Methods 2023, doi 10.1038/s41592-023-01874-3"


def to_xarray(r: Analysed, direction: tuple[float, float] | None = None) -> xarray.Dataset:
    """Curves over shells and values over axes, each with its unit and long name.

    Parameters
    ----------
    r : Analysed
        An analysis.
    direction : tuple of float, optional
        (zenith, azimuth) in degrees: only the nearest axis, as a dataset over shells.

    Returns
    -------
    xarray.Dataset
        Dimensions shell (1 to Nyquist), axis and component (x, y, z); settings as attributes.
        ``to_netcdf(path, engine="h5netcdf")`` writes it (extra `netcdf`).

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> dict(to_xarray(ca.analyze(ca.simulate_half_maps(box=32, seed=0), n_axes=81)).sizes)
    {'shell': 16, 'axis': 81, 'component': 3}
    """
    import xarray

    frequency, d = r.global_fsc.frequency, r.directional_resolution
    shell: dict[str, Any] = {
        "fsc": ("shell", r.global_fsc.fsc, _about("Fourier shell correlation")),
        "fsc_unmasked": ("shell", r.global_fsc.fsc_unmasked, _about("Fourier shell correlation without mask")),
        "fso": ("shell", r.fso.occupancy, _about("Fourier shell occupancy")),
        "bingham": ("shell", r.bingham.statistic, _about("Bingham statistic B, each passing axis counted twice")),
        "p_textbook": (
            "shell",
            r.bingham.p_textbook,
            _about("textbook upper tail P(chi2_5 >= B/2): small is anisotropic"),
        ),
        "p_published": ("shell", r.bingham.p_published, _about("published lower tail: large is anisotropic")),
    }
    if r.bingham.p_calibrated is not None:
        text = "p-value against isotropic half maps: small is anisotropic"
        shell["p_calibrated"] = ("shell", r.bingham.p_calibrated, _about(text))
    shell |= _added(r)
    axis: dict[str, Any] = {
        "dfsc": (("axis", "shell"), r.dfsc.values, _about("directional Fourier shell correlation")),
        "n_eff": (("axis", "shell"), r.dfsc.n_eff, _about("effective number of independent coefficients in the cone")),
        "directional_resolution": ("axis", d.resolution, _about("resolution along the axis", "angstrom")),
        "resolution_flag": ("axis", d.flag, _flags()),
        "first_crossing": ("axis", d.first_crossing, _about("where dFSC first falls below chi", "angstrom")),
        "area": ("axis", d.areas, _about("share of the sphere")),
    }
    coordinates: dict[str, Any] = {
        "shell": ("shell", np.arange(1, frequency.size + 1), _about("Fourier shell")),
        "frequency": ("shell", frequency, _about("spatial frequency", "angstrom^-1")),
        "resolution": ("shell", 1 / frequency, _about("resolution", "angstrom")),
        "axis_vector": (("axis", "component"), r.dfsc.axes, _about("unit vector of the cone axis")),
        "component": ("component", ["x", "y", "z"]),
        "zenith": ("axis", d.zenith, _about("angle to the z axis", "degree")),
        "azimuth": ("axis", d.azimuth, _about("atan2(y, x)", "degree")),
    }
    made = xarray.Dataset({**shell, **axis}, coords=coordinates, attrs=_attributes(r))
    if direction is None:
        return made
    return made.isel(axis=int(np.argmax(np.abs(r.dfsc.axes @ unit_vectors(*direction)))))


def curve_table(r: Analysed) -> pandas.DataFrame:
    """Every curve over shells as a table.

    Parameters
    ----------
    r : Analysed
        An analysis.

    Returns
    -------
    pandas.DataFrame
        One row per shell: frequency in 1/Å, resolution in Å, FSC, FSO, Bingham test, and what was
        asked for besides.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> curve_table(ca.analyze(ca.simulate_half_maps(box=32, seed=0))).columns[:3].tolist()
    ['frequency', 'resolution', 'fsc']
    """
    table = to_xarray(r).drop_dims(["axis", "component"]).to_dataframe()
    first = ["frequency", "resolution"]
    return table[first + [name for name in table.columns if name not in first]]


def _added(r: Analysed) -> dict[str, Any]:
    """Curves of what the analysis was asked for later."""
    band, correction = getattr(r, "band", None), getattr(r, "mask_correction", None)
    curves: dict[str, Any] = {}
    if band is not None:
        text = f"end of the {100 * band.level:g} % band of the Fourier shell occupancy"
        curves["fso_low"] = ("shell", band.low, _about(f"lower {text}"))
        curves["fso_high"] = ("shell", band.high, _about(f"upper {text}"))
        curves["fso_floor"] = ("shell", band.floor, _about("Fourier shell occupancy of noise alone"))
    if correction is not None:
        curves["fsc_randomised"] = ("shell", correction.randomised, _about("FSC of the mask alone (random phases)"))
        curves["fsc_corrected"] = ("shell", correction.corrected, _about("FSC corrected by noise substitution"))
    if correction is not None and correction.fso is not None:
        curves["fso_corrected"] = ("shell", correction.fso.occupancy, _about("FSO of the corrected directional FSC"))
    return curves


def _about(long_name: str, units: str = "1") -> dict[str, str]:
    return {"long_name": long_name, "units": units}


def _flags() -> dict[str, Any]:
    """The flag's values and meanings as the CF conventions write them."""
    return {
        "long_name": "what is known of the crossing",
        "flag_values": np.array([flag.value for flag in ResolutionFlag], dtype=np.int8),
        "flag_meanings": " ".join(flag.label.replace(" ", "_") for flag in ResolutionFlag),
    }


def _attributes(r: Analysed) -> dict[str, Any]:
    s = r.settings
    return {
        "title": "Anisotropy of a cryo-EM map",
        "summary": headline(r),
        "source": f"cryoaniso_nb {s.version}".strip(),
        "references": PAPER,
        "box_voxels_zyx": np.array(s.box),
        "voxel_size_angstrom": s.voxel_size,
        "cone_half_angle_degrees": s.cone_half_angle,
        "threshold": s.threshold,
        "weighting": s.weighting,
        "method": s.method,
        "parity": s.parity or "none",
        "mask": s.mask,
        "warnings": "\n".join(r.warnings),
    }
