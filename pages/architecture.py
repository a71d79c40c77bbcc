"""Page Architecture: small networks made for few bits, beside a sample."""

from qexplorer.ui.architecture.panel import draw_architecture_page
from qexplorer.ui.frame import in_frame

PAGE = {"title": "Architecture", "icon": ":material/account_tree:", "group": "Quantize", "place": 36}

in_frame(draw_architecture_page)
