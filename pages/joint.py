"""Page Joint search: formats of layers, granularity, calibrators and algorithms chosen together."""

from qexplorer.ui.frame import in_frame
from qexplorer.ui.joint.panel import draw_joint_page

PAGE = {"title": "Joint search", "icon": ":material/join_inner:", "group": "Quantize", "place": 33}

in_frame(draw_joint_page)
