"""Where the type of a saved result lives: names in files stay, modules may move.

A file names its types. This table alone says what a name means, so a file can neither name
modules of its own, nor does it mind when a class moves to another one. A name that was ever
written to a file keeps its line.
"""

from __future__ import annotations

__all__ = ["HOMES"]

HOMES = {
    "AnalysisResult": "analysis.result",
    "AngularHistogram": "results.types",
    "AngularSpread": "statistics.spread",
    "AreaRatio": "measures.area_ratio",
    "Band": "statistics.bands",
    "Bingham": "results.types",
    "Calibration": "statistics.calibration",
    "CentralSlices": "measures.threedfsc_volume",
    "ConicalCurves": "measures.area_ratio",
    "ChanceTest": "statistics.chance",
    "Crossing": "results.types",
    "DirectionalFSC": "results.types",
    "DirectionalResolution": "results.types",
    "DirectionRegion": "statistics.regions",
    "DirectionRegions": "statistics.regions",
    "MapComparison": "statistics.comparison",
    "DirectionalSpread": "measures.dfsc_spread",
    "EvenNoise": "statistics.even_noise",
    "FSO": "results.types",
    "Filtered": "measures.filters",
    "ForeignFSC": "inputs.fsc_curves",
    "GlobalFSC": "results.types",
    "InputFile": "results.types",
    "MaskCorrection": "statistics.mask_correction",
    "MaskKernel": "statistics.noise_fields",
    "NoiseEvenness": "statistics.noise_evenness",
    "NoiseHarmonics": "statistics.noise_harmonics",
    "PoseAgreement": "measures.agreement",
    "Poses": "inputs.poses",
    "ResolutionStatistics": "measures.resolution",
    "SCF": "measures.sampling_compensation",
    "Settings": "results.types",
    "Sphericity": "measures.isosurface",
    "SphericityCurve": "measures.isosurface",
    "ThreeDFSC": "measures.threedfsc_volume",
    "Standing": "statistics.standing",
    "TiltAdvice": "measures.tilt",
    "Truth": "results.types",
    "ViewDensity": "inputs.poses",
    "Verdict": "statistics.verdict",
}
