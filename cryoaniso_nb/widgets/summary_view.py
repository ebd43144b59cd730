"""The numbers and warnings, as the command line shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ipywidgets

from ..summary.tables import html_table
from ._view import View

__all__ = ["SummaryView"]


class SummaryView(View):
    """Headline, table and warnings of a result.

    Parameters
    ----------
    source : LiveSession or AnalysisResult
        What to show.
    """

    def build(self) -> Sequence[ipywidgets.Widget]:
        """Make the page, once."""
        self.page = ipywidgets.HTML(layout={"width": "100%"})
        self.page.add_class("cryoaniso-page")
        return [self.page]

    def draw(self, result: Any) -> None:
        """Show a result.

        Parameters
        ----------
        result : AnalysisResult
            Partial or whole.
        """
        partial = ""
        if result.partial:
            partial = f"<p><b>Partial:</b> {int(result.dfsc.done.sum())} of {result.dfsc.done.size} directions.</p>"
        self.page.value = partial + html_table(result)
