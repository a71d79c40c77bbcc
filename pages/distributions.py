"""Page Distributions: any weight or activation tensor under the grid that its controls choose."""

from qexplorer.ui.distributions.panel import draw_distributions_page
from qexplorer.ui.frame import in_frame

PAGE = {"title": "Distributions", "icon": ":material/bar_chart:", "group": "Explore", "place": 20}

in_frame(draw_distributions_page)
