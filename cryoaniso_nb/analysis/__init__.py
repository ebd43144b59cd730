"""Everything above in one call.

In: `HalfMaps`, or a map and its model. Out: `AnalysisResult`, coarse to fine while directions arrive.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
