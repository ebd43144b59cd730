"""The measures: each a pure function of sums or results.

In: directional FSC, FSO, histograms, volumes, views. Out: one small result type per measure.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
