"""Page Train: the recipe trained with its rounding in the way, watched as it learns."""

from qexplorer.ui.frame import in_frame
from qexplorer.ui.train.panel import draw_train_page

PAGE = {"title": "Train", "icon": ":material/model_training:", "group": "Quantize", "place": 37}

in_frame(draw_train_page)
