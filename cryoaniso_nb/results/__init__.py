"""What every result is made of, and how it is kept.

In: arrays that were computed. Out: frozen, checked types; atomic writes.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
