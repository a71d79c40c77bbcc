"""The fidelity ladder in words and pictures."""

from __future__ import annotations

from dataclasses import replace

import altair
import pytest

from qexplorer.core.results import Status
from qexplorer.measure.ladder.ladder_types import ExactRung
from qexplorer.report.ladder_words import badge, exact_sentence, percent, rung_sentence, simulated_sentence
from qexplorer.report.layer_charts.ladder import ladder_csv, layer_lines, layer_spec, rung_bars, rung_spec, sqnr_spec
from qexplorer.report.palette import FLOAT, backend_colour
from tests.report.ladders import gap, ladder, point, rung


@pytest.mark.parametrize(
    ("share", "text"),
    [(1.0, "100 %"), (0.0, "0 %"), (0.999, "99.9 %"), (0.9996, "99.96 %"), (1e-5, "0.001 %"), (None, "unknown")],
)
def test_a_share_is_never_rounded_to_all_or_nothing(share: float | None, text: str) -> None:
    """100 % means all and 0 % none; anything between gets the digits that tell it apart."""
    assert percent(share) == text


def test_badges() -> None:
    """Bit-exact asks for every batch; a gap of more than a step that may be shown is an explained one."""
    exact = gap(exact=True, worst_steps=0.0, equal=1.0)
    assert badge(rung(batches=(exact,))) == "bit-exact"
    assert badge(rung(batches=(exact, gap()))) == "within 1 step"
    assert badge(rung(batches=(gap(worst_steps=3.0),))) == "explained gap"
    assert badge(rung(batches=(gap(worst_steps=None, within_one=None),))) == "within tolerance"
    assert badge(rung(status=Status.REFUSED)) == "refused"
    assert badge(rung(status=Status.FAILED, batches=())) == "failed"


def test_sentences_name_the_layers() -> None:
    """Where codes part, from where on they differ by more than one step, why it was refused or failed."""
    text = rung_sentence(rung())
    assert "codes part at 'b'" in text
    assert "from 'c' on (2 steps)" in text
    assert "at most 1 step, 100 % of them" in text
    assert rung_sentence(rung(status=Status.FAILED, reason="died (SIGABRT)")) == "failed: died (SIGABRT)"
    assert "refused: 'b' is wrong" in rung_sentence(rung(status=Status.REFUSED, reason="'b' is wrong"))
    exact = tuple(gap(batch, exact=True) for batch in (32, 1))
    assert rung_sentence(rung(batches=exact)).endswith("in every bit, at batch 1, 32")


def test_the_share_within_one_step_is_over_all_batches() -> None:
    """Each batch size counts by its samples."""
    gaps = (gap(32, n=300, worst_steps=2.0, within_one=0.9), gap(1, n=100, worst_steps=1.0, within_one=1.0))
    assert "92.5 % of them by at most 1" in rung_sentence(rung(batches=gaps))


def test_the_simulated_rung_says_what_quantization_costs() -> None:
    """Agreement, SQNR, and the layer at which it falls most, or the first below 10 dB."""
    found = ladder().simulated
    text = simulated_sentence(found)
    assert "98.0 % of 100 samples" in text
    assert "SQNR falls most at 'b', by 9.0 dB" in text
    low = replace(found, layers=(*found.layers, replace(found.layers[0], layer="bad", sqnr_db=4.0)))
    assert "'bad' is the first layer below 10 dB (4.0 dB)" in simulated_sentence(low)
    assert simulated_sentence(replace(found, failed="no such file")) == "the simulation failed: no such file"


def test_one_bar_for_each_rung() -> None:
    """Float filled grey, simulated hollow, a backend in its hue, a refused one hollow; a failed one has no share."""
    refused = rung("openvino", status=Status.REFUSED)
    failed = rung("torch", status=Status.FAILED, batches=(), points=())
    bars = rung_bars(ladder(rung(), refused, failed))
    assert [bar.name for bar in bars] == ["float", "simulated", "The onnxruntime", "The openvino", "The torch"]
    assert [bar.hollow for bar in bars] == [False, True, False, True, True]
    assert bars[1].colour == FLOAT
    assert bars[2].colour == backend_colour("onnxruntime")
    assert (bars[1].share, bars[4].share) == (0.98, None)


@pytest.mark.parametrize(("steps", "text"), [(1.0, "1 step"), (2.5, "2.5 steps"), (0.0, "0 steps")])
def test_the_bar_of_exact_integers_says_how_far_it_is_from_simulated(steps: float, text: str) -> None:
    """In steps, and in words where every bit is the same."""
    apart = ExactRung((gap(worst_steps=steps),), "PyTorch integer", 3)
    bar = rung_bars(replace(ladder(), exact=apart))[2]
    assert (bar.name, bar.hollow) == ("exact integers", False)
    assert bar.text == f"reference of the backends, {text} from simulated, 100 % same class"
    same = rung_bars(replace(ladder(), exact=replace(apart, batches=(gap(exact=True),))))[2]
    assert same.text == "the simulation in every bit, 100 % same class"


def test_layers_of_several_backends_share_one_order() -> None:
    """A point that one backend hides stands where another has it."""
    hiding = rung("openvino", points=(point("a", 1, 1), point("c", 4, 1)))
    lines = layer_lines(ladder(rung(), hiding))
    assert [(line.backend, line.layer, line.place) for line in lines] == [
        ("onnxruntime", "a", 0),
        ("onnxruntime", "b", 1),
        ("onnxruntime", "c", 2),
        ("openvino", "a", 0),
        ("openvino", "c", 2),
    ]
    ahead = rung("openvino", points=(point("z", 1, 1), point("a", 1, 1)))
    places = {line.layer: line.place for line in layer_lines(ladder(rung(), ahead))}
    assert places == {"z": 0, "a": 1, "b": 2, "c": 3}


def test_specifications_are_valid_vega_lite() -> None:
    """All three charts are accepted by the schema, with and without layers."""
    empty = ladder(rung(points=()))
    for found in (ladder(), ladder(rung(), rung("openvino", points=(point("c", 9, 7),))), empty):
        for spec in (rung_spec, layer_spec, sqnr_spec):
            altair.Chart.from_dict(spec(found, "net, a CPU"))


def test_csv_has_every_layer_of_every_rung() -> None:
    """Three layers of the simulation and three points of the backend, with as many cells as the header."""
    lines = ladder_csv(ladder()).splitlines()
    assert len(lines) == 7
    assert {line.count(",") for line in lines} == {8}
    assert lines[1] == "simulated,0,a,Conv,40,0.01,2,,"
    assert lines[5].startswith("onnxruntime,1,b,Conv,,,1,1,")


def test_the_rung_of_exact_integers_says_what_float_arithmetic_makes_otherwise() -> None:
    """Why there is none, that nothing differs, or how far and on how many samples."""
    found = ExactRung((gap(32), gap(1, n=16, worst_relative=0.012)), "PyTorch integer", 3)
    told = "3 layers in integers by PyTorch integer"
    apart = "outputs differ by at most 1 step, 100 % of them by at most 1"
    free = "outputs on no grid differ by at most 0.012 of the largest"
    assert exact_sentence(found) == f"{told}; the same class for 100 %; {apart}; {free}"
    same = replace(found, layers=1, batches=tuple(gap(batch, exact=True) for batch in (32, 1)))
    one = "1 layer in integers by PyTorch integer"
    assert exact_sentence(same) == f"{one}; every output equals the simulation's in every bit, at batch 1, 32"
    assert exact_sentence(replace(found, why_not="no layer is integer")) == "there is no such rung: no layer is integer"


def test_a_backend_is_told_against_what_stands_below_it() -> None:
    """The simulation or another rung; what a gap costs in place of agreement; the reason once."""
    assert rung_sentence(rung()).startswith("against the simulation; the same class for 100 %; outputs differ")
    exact = rung_sentence(rung(against="exact integers", cost="costs no answer"))
    assert exact.startswith("against exact integers; costs no answer; outputs differ")
    assert rung_sentence(rung(reason="'c' explains it")).endswith("; codes part at 'b'; 'c' explains it")
    assert "codes part" not in rung_sentence(rung(points=(point("a"),)))
    several = rung_sentence(rung(batches=(gap(worst_steps=2.5),)))
    assert "at most 2.5 steps, 100 % of them by at most 1" in several


@pytest.mark.parametrize(
    ("share", "text"), [(1 - 1e-9, "less than 100 %"), (1e-9, "more than 0 %"), (0.5, "50.0 %"), (0.99999, "99.999 %")]
)
def test_a_share_that_no_digits_tell_apart_is_told_in_words(share: float, text: str) -> None:
    """Beyond four decimals."""
    assert percent(share) == text


def test_a_rung_that_there_is_not_has_no_bar() -> None:
    """Exact integers that cannot compute the graph; a simulation without classes, or that failed, says so."""
    known = ladder()
    none = replace(known, exact=ExactRung((gap(),), "PyTorch integer", 3, why_not="no layer is integer"))
    assert [bar.name for bar in rung_bars(none)] == ["float", "simulated", "The onnxruntime"]
    simulated = known.simulated
    for changes, text in (
        ({}, "98.0 % same class, SQNR 30.0 dB"),
        ({"agreement": None}, "no classes, SQNR 30.0 dB"),
        ({"sqnr_db": None}, "98.0 % same class"),
        ({"failed": "no such file"}, "failed"),
    ):
        bar = rung_bars(replace(known, simulated=replace(simulated, **changes)))[1]
        assert bar.text == text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, True),
        ({"sqnr_db": None}, False),
        ({"relative": None}, False),
    ],
)
def test_an_sqnr_is_told_with_its_relative_error(changes: dict[str, None], words: bool) -> None:
    """Both or neither; where nothing is known nothing differs."""
    found = replace(ladder().simulated, **changes)
    assert ("the answers' SQNR is 30.0 dB (relative error 3.16 %)" in simulated_sentence(found)) is words
    bare = replace(found, agreement=None, sqnr_db=None, layers=())
    assert simulated_sentence(bare) == "nothing differs"
