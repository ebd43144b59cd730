"""Files for people and for other programs.

In: an `AnalysisResult`. Out: a folder of tables and figures, a report, formats for deposition and exchange.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
