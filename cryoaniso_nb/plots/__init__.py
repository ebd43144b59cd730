"""Matplotlib figures.

In: results alone. Out: figures and axes; nothing is computed that a result could hold.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
