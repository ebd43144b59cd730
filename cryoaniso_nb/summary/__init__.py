"""A result in words, tables and datasets.

In: an analysis. Out: the verdict and its sentence, rows of tables, a plain dict, an `xarray.Dataset`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
