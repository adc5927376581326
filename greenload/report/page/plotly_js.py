"""Where plotly.js lies, which draws the charts of the page.

In the package `plotly`, of which only this file is used.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from greenload.core.errors import GreenloadError


class NoPlotly(GreenloadError):
    """The package that carries plotly.js is not installed, or carries it no longer."""


def plotly_js() -> Path:
    """Return the file.  Raises NoPlotly."""
    # Found and not imported: that would take longer than to make the whole page.
    spec = find_spec("plotly")
    for folder in (spec and spec.submodule_search_locations) or ():
        path = Path(folder) / "package_data" / "plotly.min.js"
        if path.is_file():
            return path
    raise NoPlotly("the charts of a report need plotly.js; say: pip install 'greenload[report]'")
