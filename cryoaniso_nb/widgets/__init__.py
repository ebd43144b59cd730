"""Live views of a result or a running analysis, alone or together in `explore`."""

from __future__ import annotations

from ._session import LiveSession
from .curves import FSOView
from .distribution import DistributionView
from .explorer import Explorer, explore
from .fan import FanView
from .poses import PosesView
from .slices import MapSlicesView, ThreeDFSCView
from .sphere import SphereView
from .statistics import StatisticsView
from .summary_view import SummaryView
from .survey import SurveyTable, explore_survey

__all__ = [
    "DistributionView",
    "Explorer",
    "FSOView",
    "FanView",
    "LiveSession",
    "MapSlicesView",
    "PosesView",
    "SphereView",
    "StatisticsView",
    "SummaryView",
    "SurveyTable",
    "ThreeDFSCView",
    "explore",
    "explore_survey",
]
