"""A training as a notebook shows it: what it won, and its curves as pictures that need no script."""

from __future__ import annotations

import base64

from qexplorer.core.foreign.media import in_html
from qexplorer.quantize.training.diaries.outcome import TrainedModel
from qexplorer.report.chart_files.saved_charts import chart_svg
from qexplorer.report.training_charts.curves import loss_spec, metric_spec
from qexplorer.report.training_charts.words import trouble, won

__all__ = ["training_html"]

_WIDTH = 430


def training_html(trained: TrainedModel) -> str:
    """The gain in a line, what went wrong if something did, and the two curves."""
    diary, name = trained.diary, f"{trained.quantized.model.name}, {trained.recipe.name}"
    best = "the untrained state" if diary.best == 0 else f"the state after epoch {diary.best} of {diary.of}"
    head = f"<p><b>{in_html(name)}</b> · {in_html(won(diary))}; {in_html(best)} is kept</p>"
    wrong = trouble(diary)
    told = "" if wrong is None else f"<p>{in_html(wrong)}</p>"
    specs = [spec for spec in (loss_spec(diary), metric_spec(diary)) if spec is not None]
    return head + told + "".join(_picture(chart_svg({**spec, "width": _WIDTH})) for spec in specs)


def _picture(svg: str) -> str:
    text = base64.b64encode(svg.encode()).decode()
    return f'<img style="max-width:100%" src="data:image/svg+xml;base64,{text}">'
