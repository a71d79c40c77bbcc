"""What is said of generated texts beside each other."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from qexplorer.measure.generation.generation_types import Generation, Writing
from qexplorer.report.statements.generated_text import how_drawn, measured_text, same_text, terminal_lines, texts_html
from tests.report.comparisons import quantized_run

TEXTS = (
    Writing("float", (1, 2), 2, "ab", ""),
    Writing("w8", (1, 3), 1, "a", "c"),
    Writing("w2", failed="it broke"),
)
COLD = Generation("net", "onnxruntime", "p", 0.0, 3, TEXTS)


@pytest.mark.parametrize(
    ("tokens", "same", "text"),
    [
        (2, 2, "all 2 tokens as in float"),
        (2, 1, "1 of 2 tokens as in float, then it parts"),
        (2, 0, "parts at the first token"),
    ],
)
def test_how_long_a_text_is_that_of_float(tokens: int, same: int, text: str) -> None:
    """To its end, for a while, or not at all."""
    assert same_text(Writing("w8", tuple(range(tokens)), same)) == text


def test_a_text_that_failed_says_why() -> None:
    """In place of a length."""
    assert same_text(TEXTS[2]) == "it broke"


def test_what_was_measured_of_who_wrote() -> None:
    """Metric and time of a call, each where it is known."""
    run = quantized_run()
    assert measured_text(run) == "accuracy 98.0 %, 0.100 ms a call"
    assert measured_text(replace(run, latency_ms=None)) == "accuracy 98.0 %"
    assert measured_text(replace(run, accuracy=None)) == "0.100 ms a call"
    found = run.accuracy, run.latency_ms
    assert found[0] is not None
    assert found[1] is not None
    none = replace(run, accuracy=replace(found[0], value=None), latency_ms=replace(found[1], p50=None))
    assert measured_text(none) == ""


def test_how_tokens_were_chosen() -> None:
    """The likeliest, or drawn; where."""
    assert how_drawn(COLD) == "the most likely token each time, on ONNX Runtime"
    drawn = "drawn at temperature 0.8, seed 3, with the same draws for all, on ONNX Runtime"
    assert how_drawn(replace(COLD, temperature=0.8)) == drawn


def test_texts_stand_beside_each_other_with_what_is_known_of_them() -> None:
    """Float by its length, others by how long they are float's; a mark only where a text parts."""
    html = texts_html(COLD, {"w8": "accuracy 98.0 %"})
    assert ">2 tokens<" in html
    assert ">1 of 2 tokens as in float, then it parts<" in html
    assert ">accuracy 98.0 %<" in html
    assert html.count("<mark") == 1
    assert not re.search(r"<(div|span|mark)[^>]*></\1>", html), "nothing empty stands in for what is not known"
    assert html.count(">p</span>") == 2, "the beginning stands before each text that there is"
    assert html.count("</div></div>") >= 2
    assert "it broke" in html
    assert terminal_lines(COLD) == ["float: ab", "w8: a>|<c", "w2: it broke"]
