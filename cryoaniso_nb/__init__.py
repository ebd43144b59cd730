"""Jupyter toolkit for the anisotropy of cryo-EM maps.

Directional FSC, Fourier shell occupancy, Bingham test and directional resolution of two
half maps, after Vilas & Tagare, Nature Methods 2023 (doi 10.1038/s41592-023-01874-3).
"""

import logging

import lazy_loader

from ._version import VERSION as __version__  # noqa: N811

logging.getLogger(__name__).addHandler(logging.NullHandler())  # silent until somebody listens

# What is public stands in __init__.pyi. It is loaded on first use, so that importing the
# package brings in neither widgets nor plots nor a cluster.
__getattr__, __dir__, _public = lazy_loader.attach_stub(__name__, __file__)
__all__ = [*_public, "__version__"]
