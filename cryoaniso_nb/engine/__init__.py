"""Half maps to sums over shells, nodes and cones, on threads or a cluster.

In: volumes and cone axes. Out: `AngularHistogram` and `ConeSums`. `cluster` is the one file that knows Dask.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
