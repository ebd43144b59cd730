"""Maps whose anisotropy is known.

In: box, signal-to-noise ratio or atomic model, views, seed. Out: `HalfMaps` with their `Truth`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
