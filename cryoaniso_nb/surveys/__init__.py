"""Many pairs of half maps in one run: a folder each, one table, one page.

In: manifests, folders of jobs, lists of EMDB entries. Out: `run.Survey`, table.csv, index.html.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
