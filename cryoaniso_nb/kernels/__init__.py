"""Compiled loops over coefficients and voxels.

In: plain arrays. Out: sums added to arrays in place. Knows nothing of results, files or Dask.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
