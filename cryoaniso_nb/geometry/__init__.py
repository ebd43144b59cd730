"""Shells, directions and point groups.

In: box, voxel size, number of axes, name of a group. Out: arrays of indices, unit vectors, rotations.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
