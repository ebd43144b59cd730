"""An analysis in the formats of other programs: EMDB, ChimeraX, Xmipp, NetCDF, CSV, JSON."""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from ..errors import ResultError, SettingsError
from ..results.types import ResolutionFlag
from ..results.writing import add_files
from ..summary.dataset import to_xarray
from ..summary.document import document
from ..summary.methods import methods_text
from ..summary.tables import json_ready, summary_dict
from ..summary.verdict import Analysed, axis_words, headline, resolution_text

if TYPE_CHECKING:
    from ..statistics.regions import DirectionRegions

__all__ = ["FORMATS", "chimerax_files", "emdb_xml", "export_files", "fsc_xml", "write_export", "xmipp_xmd"]

Floats = NDArray[np.float64]

WORST_COLOUR, BEST_COLOUR = (0.835, 0.369, 0.0), (0.0, 0.447, 0.698)  # vermilion and blue
ARROW = 0.6  # of half the longest side, on either side of the centre
BESIDE = 1.15  # sides of the box between the map and its 3DFSC


def fsc_xml(frequency: Floats, fsc: Floats, title: str = "") -> str:
    """One FSC curve as the XML that EMDB takes with a deposition.

    Parameters
    ----------
    frequency, fsc : ndarray, shape (S,)
        1/Å and FSC; shells that weren't measured are left out.
    title : str
        Of the curve.

    Returns
    -------
    str
        The XML document.

    Examples
    --------
    >>> print(fsc_xml(np.array([0.1, 0.2]), np.array([0.9, np.nan])))
    <?xml version="1.0" encoding="UTF-8"?>
    <fsc title="" xaxis="Resolution (A-1)" yaxis="Correlation Coefficient">
      <coordinate>
        <x>0.100000</x>
        <y>0.900000</y>
      </coordinate>
    </fsc>
    <BLANKLINE>
    """
    root = ElementTree.Element("fsc", title=title, xaxis="Resolution (A-1)", yaxis="Correlation Coefficient")
    for x, y in zip(frequency.tolist(), fsc.tolist(), strict=True):
        if np.isfinite(y):
            point = ElementTree.SubElement(root, "coordinate")
            ElementTree.SubElement(point, "x").text = f"{x:.6f}"
            ElementTree.SubElement(point, "y").text = f"{y:.6f}"
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def emdb_xml(r: Analysed) -> dict[str, str]:
    """The FSC curves of an analysis for EMDB, one file a curve.

    Parameters
    ----------
    r : AnalysisResult
        An analysis; if it carries a curve corrected for the mask, that is written too.

    Returns
    -------
    dict
        File name -> XML: unmasked, and masked and corrected as far as there are any.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> list(emdb_xml(ca.analyze(ca.simulate_half_maps(box=32, seed=0))))
    ['fsc_unmasked.xml']
    """
    curve = r.global_fsc
    files = {"fsc_unmasked.xml": fsc_xml(curve.frequency, curve.fsc_unmasked, "FSC of unmasked half maps")}
    if r.settings.mask != "none":
        files["fsc_masked.xml"] = fsc_xml(curve.frequency, curve.fsc, "FSC of masked half maps")
    corrected = getattr(getattr(r, "mask_correction", None), "corrected", None)
    if corrected is not None:
        title = "FSC of masked half maps, corrected by noise substitution"
        files["fsc_corrected.xml"] = fsc_xml(curve.frequency, corrected, title)
    return files


def xmipp_xmd(r: Analysed) -> str:
    """The FSO curve as Xmipp metadata, with the labels of its own fso.xmd.

    Parameters
    ----------
    r : AnalysisResult
        An analysis; with ``parity="xmipp"`` the last column is that program's table value.

    Returns
    -------
    str
        Columns: frequency (1/Å), FSO, resolution (Å), Bingham test as published.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> xmipp_xmd(ca.analyze(ca.simulate_half_maps(box=32, seed=0))).splitlines()[4]
    ' _resolutionFreqFourier'
    """
    labels = ("resolutionFreqFourier", "resolutionFSO", "resolutionFreqReal", "resolutionAnisotropy")
    lines = ["# XMIPP_STAR_1 *", "#", "data_noname", "loop_", *(f" _{label}" for label in labels)]
    columns = (r.fso.frequency, r.fso.occupancy, 1 / r.fso.frequency, r.bingham.p_published)
    lines += [" ".join(f"{value:14.6f}" for value in row) for row in zip(*columns, strict=True)]
    return "\n".join(lines) + "\n"


def chimerax_files(
    r: Analysed,
    *,
    map_file: str | os.PathLike[str] | None = None,
    threedfsc_file: str | os.PathLike[str] | None = None,
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0),
    name: str = "anisotropy",
) -> dict[str, str]:
    """Commands and arrows that show worst and best direction on the map in ChimeraX.

    Parameters
    ----------
    r : AnalysisResult
        An analysis.
    map_file : path, optional
        The map to show; without one the script shows the arrows alone.
    threedfsc_file : path, optional
        A 3DFSC volume, shown beside the map at chi.
    origin : tuple of float
        Of the map's first voxel in Å (x, y, z).
    name : str
        Of the files.

    Returns
    -------
    dict
        File name -> text: a .cxc command file and the .bild file that it opens. Open the first
        in ChimeraX.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> list(chimerax_files(ca.analyze(ca.simulate_half_maps(box=32, seed=0)), map_file="map.mrc"))
    ['anisotropy.cxc', 'anisotropy.bild']
    """
    sides = np.array(r.settings.box[::-1]) * r.settings.voxel_size
    lines = [f"# {headline(r)}"]
    shown = [(n, _quoted(f)) for n, f in ((1, map_file), (3, threedfsc_file)) if f is not None]
    if map_file is not None:
        lines += [f"open {shown[0][1]} id 1", "volume #1 style surface color #b4b4b4", "transparency #1 50"]
    else:
        lines.append("# To see the map, open it as model 1 before this file.")
    lines.append(f"open {_quoted(f'{name}.bild')} id 2")
    if threedfsc_file is not None:
        lines += [
            f"open {shown[-1][1]} id 3",
            f"volume #3 style surface level {r.fso.threshold:g} color #56b4e9 step 1",
            f"move x {BESIDE * sides[0]:.3f} models #3",
        ]
    for place, (which, _, words) in enumerate(_marked(r)):
        colour = "#d55e00" if which == "worst" else "#0072b2"
        text = f"{which} direction: {words}"
        lines.append(f'2dlabels text "{text}" color {colour} size 20 xpos 0.03 ypos {0.93 - 0.06 * place:.2f}')
    lines += ["lighting soft", "view"]
    centre = np.asarray(origin) + (np.array(r.settings.box[::-1]) // 2) * r.settings.voxel_size
    return {f"{name}.cxc": "\n".join(lines) + "\n", f"{name}.bild": _bild(r, centre, float(sides.max()))}


def _quoted(path: str | os.PathLike[str]) -> str:
    text = os.fspath(path)
    if '"' in text or "\n" in text:
        raise SettingsError(f"The file name {text!r} holds a quotation mark or line break; rename the file.")
    return f'"{text}"'


def _marked(r: Analysed) -> list[tuple[str, Floats, str]]:
    """Worst and best region: a direction in it, and words."""
    regions: DirectionRegions | None = getattr(r, "regions", None)
    if regions is None:
        return []
    found = []
    for which, region in (("worst", regions.worst), ("best", regions.best)):
        marks, nyquist = region.marks(1), 1 / float(r.dfsc.frequency[-1])
        if len(marks):
            where = "all around across" if region.kind == "girdle" else "around"
            words = f"{where} {axis_words(region.zenith, region.azimuth)}"
            found.append((which, marks[0], f"{resolution_text(region.resolution, region.flag, nyquist)}, {words}"))
    return found


def _bild(r: Analysed, centre: Floats, side: float) -> str:
    """Arrows both ways from the centre, since a direction and its antipode are the same."""
    lines = []
    for which, direction, words in _marked(r):
        colour = WORST_COLOUR if which == "worst" else BEST_COLOUR
        lines += [f".comment {which} direction: {words}", ".color " + " ".join(f"{c:g}" for c in colour)]
        reach = (1.0 if which == "worst" else 0.85) * ARROW * side
        for sign in (1, -1):
            points = [*centre, *(centre + sign * reach * direction)]
            lines.append(
                ".arrow " + " ".join(f"{p:.3f}" for p in points) + f" {0.008 * side:.3f} {0.024 * side:.3f} 0.9"
            )
    return "\n".join(lines) + "\n"


def _csv(names: Mapping[str, Any]) -> str:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(names)
    for row in zip(*names.values(), strict=True):
        table.writerow(["" if isinstance(v, float) and not np.isfinite(v) else f"{v:.9g}" if isinstance(v, float) else v
                        for v in row])  # fmt: skip
    return text.getvalue()


def _curves(data: Any) -> dict[str, list[Any]]:
    """What the dataset holds a shell."""
    curves = {str(n): data[n].values.tolist() for n in ("shell", "frequency", "resolution")}
    return curves | {str(n): v.values.tolist() for n, v in data.data_vars.items() if v.dims == ("shell",)}


def _csv_files(r: Analysed) -> dict[str, str]:
    """Curves a shell, values per direction, and dFSC with one column per shell."""
    data = to_xarray(r)
    curves = _curves(data)
    d = r.directional_resolution
    flags = [ResolutionFlag(int(flag)).label for flag in d.flag]
    angles = {"zenith": d.zenith.tolist(), "azimuth": d.azimuth.tolist()}
    directions = {**angles, "resolution": d.resolution.tolist(), "flag": flags}
    directions["first_crossing"] = d.first_crossing.tolist()
    dfsc = {**angles, **{f"shell_{s + 1}": r.dfsc.values[:, s].tolist() for s in range(r.dfsc.frequency.size)}}
    return {
        "curves.csv": _csv(curves),
        "directional_resolution.csv": _csv(directions),
        "dfsc.csv": _csv(dfsc),
    }


def _json(r: Analysed) -> str:
    data = to_xarray(r)
    curves = _curves(data)
    axes = {str(n): data[n].values.tolist() for n in ("zenith", "azimuth", "area", "directional_resolution")}
    axes["flag"] = [ResolutionFlag(int(flag)).label for flag in r.directional_resolution.flag]
    units = {str(n): str(v.attrs["units"]) for n, v in data.variables.items() if "units" in v.attrs}
    content = {"summary": document("analysis", summary_dict(r)), "curves": curves, "directions": axes, "units": units}
    return json.dumps(json_ready(content), indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def _netcdf(r: Analysed) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "result.nc"
        try:
            to_xarray(r).to_netcdf(path, engine="h5netcdf")
        except (ImportError, ValueError) as error:
            raise ResultError("NetCDF files need h5netcdf and h5py: pip install 'cryoaniso_nb[netcdf]'.") from error
        return path.read_bytes()


FORMATS: Mapping[str, Callable[[Analysed], Mapping[str, str | bytes]]] = {
    "emdb-xml": emdb_xml,
    "csv": _csv_files,
    "json": lambda r: {"analysis.json": _json(r)},
    "netcdf": lambda r: {"analysis.nc": _netcdf(r)},
    "chimerax": chimerax_files,
    "xmipp": lambda r: {"fso.xmd": xmipp_xmd(r)},
    "methods": lambda r: {"methods.txt": methods_text(r)},
}


def export_files(r: Analysed, kind: str, **options: Any) -> Mapping[str, str | bytes]:
    """The files of one format, not yet written.

    Parameters
    ----------
    r : AnalysisResult
        An analysis.
    kind : str
        One of `FORMATS`.
    **options
        Of `chimerax_files`.

    Returns
    -------
    mapping
        File name -> content.

    Raises
    ------
    SettingsError
        For another format.

    Examples
    --------
    >>> import cryoaniso_nb as ca
    >>> list(export_files(ca.analyze(ca.simulate_half_maps(box=32, seed=0)), "csv"))
    ['curves.csv', 'directional_resolution.csv', 'dfsc.csv']
    """
    if kind not in FORMATS:
        raise SettingsError(f"The format is {kind!r}, but it must be one of {', '.join(FORMATS)}.")
    return FORMATS[kind](r, **options)


def write_export(
    r: Analysed, kind: str, folder: str | os.PathLike[str] = ".", *, overwrite: bool = False, **options: Any
) -> tuple[Path, ...]:
    """Write an analysis in another program's format.

    Parameters
    ----------
    r : AnalysisResult
        An analysis.
    kind : {'emdb-xml', 'csv', 'json', 'netcdf', 'chimerax', 'xmipp', 'methods'}
        The format.
    folder : path
        Where to; made if it doesn't exist. What else it holds stays.
    overwrite : bool
        Whether files that an export wrote there, and nobody has changed, may be replaced.
    **options
        Of `chimerax_files`.

    Returns
    -------
    tuple of Path
        The files written.

    Raises
    ------
    SettingsError
        For another format.
    OutputError
        When a file exists already or isn't this program's, or the folder can't be written to.

    Examples
    --------
    >>> import tempfile, cryoaniso_nb as ca
    >>> result = ca.analyze(ca.simulate_half_maps(box=32, seed=0))
    >>> with tempfile.TemporaryDirectory() as place:
    ...     [path.name for path in write_export(result, "xmipp", place)]
    ['fso.xmd']
    """
    files = export_files(r, kind, **options)
    contents = {name: made.encode() if isinstance(made, str) else made for name, made in files.items()}
    return add_files(folder, contents, overwrite=overwrite)
