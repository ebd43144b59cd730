"""Files of the field, read and checked.

In: paths, EMDB numbers, arrays. Out: half maps, masks, models, poses, FSC curves. Nothing is computed here.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
