"""Page Model: choose a sample or bring a file, and see what is in it."""

from qexplorer.ui.frame import in_frame
from qexplorer.ui.model.panel import draw_model_page

PAGE = {"title": "Model", "icon": ":material/deployed_code:", "group": "Explore", "place": 10}

in_frame(draw_model_page)
