"""Page Learn: short lessons on how a number becomes a code."""

from qexplorer.ui.frame import in_frame
from qexplorer.ui.learn.panel import draw_learn_page

PAGE = {"title": "Learn", "icon": ":material/school:", "group": "Explore", "place": 25}

in_frame(draw_learn_page)
