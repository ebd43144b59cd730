"""What each figure shows, described once: series, labels, units, ticks, colours.

In: results. Out: plain descriptions, which `plots` draws with Matplotlib and `widgets` with bqplot.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
