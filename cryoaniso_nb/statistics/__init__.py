"""What noise does to the measures: nulls, bands, corrections.

In: results, the mask's kernel, a point group. Out: p-values, bands and intervals, by simulated noise fields.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
