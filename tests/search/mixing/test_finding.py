"""A search on a small network: what it foretells, what it chooses, and what it says where nothing can be chosen."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from itertools import product
from pathlib import Path

import numpy as np
import pytest

import qexplorer as qx
from qexplorer.api.given import fitted, load
from qexplorer.core.errors import DataError, InputError, RecipeError
from qexplorer.core.recipe import Recipe
from qexplorer.measure.metrics.results import differs
from qexplorer.report.mix_charts.front import front_rows
from qexplorer.report.mix_charts.layers import layer_mix_rows, pair_rows
from qexplorer.report.mix_charts.mix_words import (
    chosen_sentence,
    clock_sentences,
    hidden_sentence,
    latency_errors,
    mix_cells,
    mix_header,
    prediction_sentence,
)
from qexplorer.search.costs.cost_kinds import BIT_OPERATIONS, COSTS, WEIGHT_BYTES
from qexplorer.search.mixing.candidates import chosen_among, front_of, is_within
from qexplorer.search.mixing.choices import most_of_int8
from qexplorer.search.mixing.finding import find_mix
from qexplorer.search.mixing.mix_types import MixPair, MixQuestion, MixReport
from qexplorer.search.mixing.recipes import recipe_in, unmixed
from qexplorer.search.mixing.tables import problem_of


@lru_cache(maxsize=1)
def _found() -> MixReport:
    return qx.search("tumour_mlp", choices=("int2", "int8", "int4"), share=0.5, pairs=3)


@pytest.fixture
def report(shared_workspace: Path) -> MixReport:  # noqa: ARG001 - what is found is kept there
    """tumour_mlp in 8, 4 and 2 bits, at half of int8's bytes; searched once."""
    return _found()


def test_the_chosen_mix_is_within_the_budget_and_the_best_that_was_measured(report: MixReport) -> None:
    """Its bytes are those of the file that its recipe makes, and no measured mix within the budget loses less."""
    best = report.best
    assert best is not None
    assert report.choices == ("int8", "int4", "int2")
    assert best.weight_bytes <= 0.5 * report.whole[WEIGHT_BYTES]
    within = [mix for mix in report.verified if mix.weight_bytes <= 0.5 * report.whole[WEIGHT_BYTES]]
    assert best.found.loss == min(mix.found.loss for mix in within)
    made = qx.quantize("tumour_mlp", Recipe.parse(best.recipe))
    assert sum(layer.weight_bytes for layer in made.plan.layers) == best.weight_bytes
    formats = {layer.name: layer.weights for layer in made.plan.layers if layer.parameters}
    for group, at in zip(report.groups, best.point.choice, strict=True):
        assert all(str(formats[name]).startswith(group.choices[at]) for name in group.layers)


def test_the_exact_mix_is_the_best_of_all_predicted_ones(report: MixReport) -> None:
    """All mixes by brute force, pairs included."""
    problem = problem_of(report.groups, report.pairs)
    budget = 0.5 * report.whole[WEIGHT_BYTES] - report.other[WEIGHT_BYTES]
    everything = product(range(3), repeat=len(report.groups))
    least = min(problem.loss_of(c) for c in everything if problem.cost_of(c, WEIGHT_BYTES) <= budget)
    exact = next(mix for mix in report.verified if mix.why == "exact, with pairs")
    assert exact.point.predicted_loss == pytest.approx(least, rel=1e-6)


def test_fewer_bits_cost_less_and_the_front_falls(report: MixReport) -> None:
    """In each group and along the whole front, and it is said how each loss is known."""
    for group in report.groups:
        assert list(group.weight_bytes) == sorted(group.weight_bytes, reverse=True)
        assert group.losses[0] < group.losses[-1]
        assert group.source in ("evaluated", "gradient")
    sizes, losses = zip(*((p.weight_bytes, p.predicted_loss) for p in report.front), strict=True)
    assert list(sizes) == sorted(sizes)
    assert list(losses) == sorted(losses, reverse=True)


def test_bit_operations_are_products_of_bits(report: MixReport) -> None:
    """Multiply-accumulates of a layer times the bits of its weights and of its activations."""
    macs = {layer.name: layer.macs or 0 for layer in load("tumour_mlp").layers}
    for group in report.groups:
        assert group.costs[BIT_OPERATIONS] == tuple(macs[group.layers[0]] * bits * 8 for bits in (8, 4, 2))
    assert report.best is not None
    assert report.best.point.costs[BIT_OPERATIONS] < report.whole[BIT_OPERATIONS]


def test_pairs_are_all_of_the_layers_that_lose_most(report: MixReport) -> None:
    """Three layers make three pairs, each drawn both ways round."""
    assert len(report.pairs) == 3
    rows = pair_rows(report)
    assert len(rows) == 6
    assert {(row["first"], row["second"]) for row in rows} == {(row["second"], row["first"]) for row in rows}


def test_charts_and_words_hold_what_was_found(report: MixReport) -> None:
    """Predicted and measured points apart, one format of each layer ringed, the chosen mix marked."""
    rows = front_rows(report)
    assert len(rows["predicted"]) == len(report.front)
    assert [row["kind"] for row in rows["measured"]].count("chosen") == 1
    assert report.best is not None
    squares = layer_mix_rows(report, report.best.point)
    assert len(squares) == 3 * len(report.groups)
    assert sum(row["chosen"] for row in squares) == len(report.groups)
    assert sum("(chosen)" in row[0] for row in mix_cells(report)) == 1
    assert chosen_sentence(report).endswith(".")
    assert "times what was predicted" in prediction_sentence(report)


def test_the_report_is_plain_data_and_back(report: MixReport) -> None:
    """As a job hands it over."""
    assert MixReport.from_json(report.to_json()) == report


def test_the_smallest_mix_within_a_drop(shared_workspace: Path) -> None:  # noqa: ARG001
    """What is chosen drops by no more, and is the smallest measured one that does."""
    found = qx.search("tumour_mlp", choices=("int8", "int2"), most_drop=0.02, pairs=0)
    best = found.best
    assert best is not None
    assert best.found.metric_drop is not None
    assert best.found.metric_drop <= 0.02
    smaller = [mix for mix in found.verified if mix.weight_bytes < best.weight_bytes]
    assert all((mix.found.metric_drop or 0.0) > 0.02 for mix in smaller)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"share": 0.01, "pairs": 0}, InputError, "nothing fits into 1 % of int8's bytes; allowed: .* % or more"),
        ({"share": -1.0}, InputError, "a budget cannot be"),
        ({"most_drop": -1.0}, InputError, "the most drop of a metric cannot be -1"),
        ({"recipe": "fp16"}, RecipeError, "casts weights and activations"),
        ({"choices": ("int8",)}, RecipeError, "two choices or more"),
        ({"choices": ("float", "fp16")}, RecipeError, "must round weights to a grid"),
        ({"choices": ("int8", "w8")}, RecipeError, "rounds weights alone, unlike 'w8a8'"),
        ({"choices": ("int8", "w4a8-smoothquant")}, RecipeError, "and nothing else"),
        ({"budgets": {"joules": 1.0}}, InputError, "no budget called 'joules'"),
        ({"budgets": {"latency_ms": 0.5}}, InputError, "a fraction of int8's, and 'latency_ms' has a unit; .* latency"),
        ({"axis": "joules"}, InputError, "no cost called 'joules'"),
        ({"samples": 0}, InputError, "samples cannot be 0"),
        ({"verified": 1.5}, InputError, "verified cannot be 1.5"),
        ({"budgets": {"bit_operations": 0.01}, "pairs": 0}, InputError, "int8's bit operations"),
        ({"as_float": True, "most_drop": 0.1}, InputError, "cannot both be asked for"),
        ({"anew": True}, InputError, "nothing is timed"),
    ],
)
@pytest.mark.usefixtures("shared_workspace")
def test_what_cannot_be_asked_is_one_sentence(arguments: dict[str, object], error: type[Exception], said: str) -> None:
    """A budget too small, too few formats, a format without scales."""
    with pytest.raises(error, match=said):
        qx.search("tumour_mlp", **arguments)  # type: ignore[arg-type]


def test_too_few_samples_are_one_sentence(shared_workspace: Path) -> None:  # noqa: ARG001
    """They cannot be divided into two parts."""
    model = load("tumour_mlp")
    data = fitted(model, None, "")
    few = replace(data, calibration=data.calibration.take(np.arange(10)))
    with pytest.raises(DataError, match="at least 16 calibration samples"):
        find_mix(model, few, MixQuestion(Recipe.parse("w8a8")))


def test_formats_that_no_kernel_reads_are_foretold_and_cost_more_than_eight_bits(
    shared_workspace: Path,  # noqa: ARG001
) -> None:
    """nf4 beside int8, in a recipe of which a rule decides one layer: that is no choice, and nothing loses nothing."""
    base = "weights: {format: int8}\nlayers:\n  - {match: hidden1, weights: {format: int4}}"
    found = qx.search("tumour_mlp", recipe=base, choices=("nf4", "int8"), share=0.9, pairs=2, verified=1, samples=32)
    assert [group.layers for group in found.groups] == [("hidden2",), ("classifier",)]
    assert all(0 < group.losses[0] < group.losses[1] for group in found.groups)


def test_no_mix_is_foretold_to_lose_less_than_nothing(report: MixReport) -> None:
    """Pairs as a noisy measurement can have them: far below what the layers lose at all."""
    count = len(report.groups)
    wild = [MixPair(a, b, -1.0) for a in range(count) for b in range(a + 1, count)]
    problem = problem_of(report.groups, wild)
    assert min(problem.loss_of(c) for c in product(range(3), repeat=count)) >= -1e-12


def test_a_front_is_within_the_budgets_of_other_costs(report: MixReport) -> None:
    """Each of its points has the least loss at its bytes of all mixes within the bit operations, by brute force."""
    asked = replace(report, budgets={WEIGHT_BYTES: 0.9, BIT_OPERATIONS: 0.6})
    front = front_of(asked, WEIGHT_BYTES)
    assert len(front) > 2
    alone = front_of(replace(asked, budgets={WEIGHT_BYTES: 0.9}), WEIGHT_BYTES)
    assert alone[-1].costs[BIT_OPERATIONS] > 0.6 * report.whole[BIT_OPERATIONS]
    problem, most = problem_of(report.groups, report.pairs), 0.6 * report.whole[BIT_OPERATIONS]
    everything = [
        (c, problem.cost_of(c, WEIGHT_BYTES) + report.other[WEIGHT_BYTES], problem.loss_of(c))
        for c in product(range(3), repeat=len(report.groups))
        if problem.cost_of(c, BIT_OPERATIONS) + report.other[BIT_OPERATIONS] <= most
    ]
    for point in front:
        assert point.costs[BIT_OPERATIONS] <= most * (1 + 1e-9)
        least = min(loss for _, cost, loss in everything if cost <= point.costs[WEIGHT_BYTES] * (1 + 1e-9))
        assert point.predicted_loss == pytest.approx(least, rel=1e-6)


@pytest.mark.parametrize(
    ("names", "weights", "operations"),
    [
        (("int8", "int4"), 1.0, 1.0),
        (("w8a16", "int4"), 1.0, 2.0),
        (("int8", "float"), 4.0, 16.0),
        (("w4a8-b32", "int2"), 5 / 8, 0.5),
    ],
)
def test_budgets_end_where_choices_do(names: tuple[str, ...], weights: float, operations: float) -> None:
    """Beyond the widest choice of all layers a budget would be none."""
    assert most_of_int8(Recipe.parse("w8a8"), names) == {WEIGHT_BYTES: weights, BIT_OPERATIONS: operations}
    assert most_of_int8(Recipe.parse("w8a8"), names[:1]) == {}


def test_pairs_that_the_samples_do_not_tell_from_none_are_none(report: MixReport) -> None:
    """The problem is that without them; half the width of an interval decides."""
    told, unsure = MixPair(0, 1, 1.0, half=0.5), MixPair(0, 1, 1.0, half=1.5)
    narrow = [len(group.choices) - 1 for group in report.groups]
    alone = problem_of(report.groups).loss_of(narrow)
    assert problem_of(report.groups, [unsure]).loss_of(narrow) == pytest.approx(alone)
    assert problem_of(report.groups, [told]).loss_of(narrow) > alone
    assert all(pair.half > 0 for pair in report.pairs)


def test_the_loss_decides_where_samples_tell_and_the_error_elsewhere(report: MixReport) -> None:
    """The second mix loses least in the mean, by one sample of twenty: the first errs less and is taken, until the
    difference is the same in all samples."""
    plain = report.verified[0]
    first, second = (
        replace(plain, found=replace(plain.found, loss=loss, sqnr_db=db)) for loss, db in ((2, 30), (1, 20))
    )
    found = replace(report, verified=(first, second), budgets={})
    one = np.zeros(20)
    one[3] = 20.0
    assert chosen_among(found, [1 + one, np.ones(20)]) == 0
    assert chosen_among(found, [2 * np.ones(20), np.linspace(0.9, 1.1, 20)]) == 1


def test_what_layers_share_is_the_same_before_and_after_a_mix(report: MixReport) -> None:
    """The page asks the same question again, and rules of other kinds stay."""
    assert report.best is not None
    base = Recipe.parse("w8a8")
    assert unmixed(Recipe.parse(report.best.recipe), "int8") == unmixed(base, "int8") == base
    rules = "layers:\n  - {match: a, float: true}\n  - {match: b, weights: {format: int2}}"
    kept = Recipe.parse(f"weights: {{format: int4}}\n{rules}")
    assert [rule.match for rule in unmixed(kept, "int8").layers] == ["a"]


@lru_cache(maxsize=1)
def _as_float() -> MixReport:
    return qx.search("tumour_mlp", choices=("w8a8", "binary", "w4a16", "float"), as_float=True, pairs=0, samples=64)


@pytest.fixture
def as_float(shared_workspace: Path) -> MixReport:  # noqa: ARG001
    """tumour_mlp with pairs of weights and activations, and float: the smallest that no test tells from float."""
    return _as_float()


def test_the_smallest_mix_that_no_test_tells_from_float(as_float: MixReport) -> None:
    """Smaller ones that were measured are worse by the paired test or less sure, and it is said what could hide."""
    best = as_float.best
    assert best is not None
    assert best.paired is not None
    assert not (differs(best.paired) and (best.paired.gain or 0) < 0)
    smaller = [mix for mix in as_float.verified if mix.weight_bytes < best.weight_bytes]
    assert all(mix.paired is not None and (differs(mix.paired) or mix.found.less_sure) for mix in smaller)
    assert smaller or best.point == as_float.front[0]
    assert "could hide" in hidden_sentence(as_float)


def test_a_mix_that_is_less_sure_of_the_right_class_is_not_as_float(as_float: MixReport) -> None:
    """Where no answer changed, the probability of the right class decides, as far as samples show it."""
    best = as_float.verified[as_float.chosen or 0]

    def with_surprise(mean: float, half: float) -> MixReport:
        found = replace(best.found, surprise=mean, surprise_half=half)
        return replace(as_float, verified=(replace(best, found=found),), chosen=0)

    cases = [with_surprise(*each) for each in ((0.17, 0.12), (0.17, 0.17), (0.009, 0.001))]
    assert [is_within(each, each.verified[0]) for each in cases] == [False, True, True]
    assert ["1 measured mix was not taken" in hidden_sentence(each) for each in cases] == [True, False, False]


def test_a_choice_is_a_pair_of_weights_and_activations(as_float: MixReport) -> None:
    """A plan of the found recipe has both as chosen, and float alone loses nothing."""
    for group in as_float.groups:
        assert group.choices == ("float", "w8a8", "w4a16", "binary")
        assert group.losses[0] == 0.0
        assert min(group.losses[1:]) > 0.0
    choice = tuple(range(1, 4))
    recipe = recipe_in(as_float, choice)
    made = qx.quantize("tumour_mlp", recipe)
    for group, at in zip(as_float.groups, choice, strict=True):
        layer = made.plan.layer(group.layers[0])
        assert str(layer.weights).startswith({"w8a8": "int8", "w4a16": "int4"}.get(group.choices[at], "binary"))


def test_what_plain_choices_lose_is_foretold_as_it_was_measured(as_float: MixReport) -> None:
    """The losses of activations are taken so that all layers in w8a8 are foretold to lose what they lose."""
    at = as_float.groups[0].choices.index("w8a8")
    foretold = sum(group.losses[at] for group in as_float.groups)
    assert foretold == pytest.approx(as_float.plain.loss, rel=0.25)


def test_mixes_with_equal_counts_have_names_of_their_own(report: MixReport) -> None:
    """Every choice of three formats for three layers: as many names as recipes."""
    recipes = [recipe_in(report, choice) for choice in product(range(3), repeat=len(report.groups))]
    assert len({recipe.name for recipe in recipes}) == len({recipe.digest for recipe in recipes}) == len(recipes)


def test_only_what_a_backend_runs_as_integers(shared_workspace: Path) -> None:  # noqa: ARG001
    """ONNX Runtime has no integer kernels for 16 bits of activations, so that w8a16 is no choice of any layer."""
    found = qx.search(
        "tumour_mlp", choices=("w8a16", "w8a8", "int4"), share=0.8, hardware_aware=True, pairs=0, verified=1, samples=32
    )
    assert found.hardware == "onnxruntime"
    assert {group.choices for group in found.groups} == {("w8a8", "int4")}
    with pytest.raises(RecipeError, match="as ONNX Runtime declares its integer kernels"):
        qx.search("tumour_mlp", choices=("w8a16", "w4a16"), share=0.9, hardware_aware=True, pairs=0, samples=32)


def test_latency_is_measured_foretold_and_timed(shared_workspace: Path) -> None:  # noqa: ARG001
    """Under budgets of latency and of bytes at once: costs of each choice, mixes timed beside float and int8."""
    found = qx.search(
        "tumour_mlp",
        choices=("w8a8", "float"),
        budgets={"latency": 3.0, "weight_bytes": 2.5},
        backend="onnxruntime",
        pairs=0,
        verified=1,
        samples=32,
    )
    assert found.clock is not None
    assert set(found.groups[0].costs) == set(found.whole) == set(COSTS)
    assert found.clock.energy_source == "estimated" or found.clock.energy_source.startswith("measured:")
    mix = found.verified[0]
    assert mix.latency is not None
    assert mix.latency.p50 is not None
    assert mix.point.costs["weight_bytes"] <= 2.5 * found.whole["weight_bytes"]
    assert len(mix_cells(found)[0]) == len(mix_header(found))
    assert len(latency_errors(found)) == 1
    assert "energy is latency times" in " ".join(clock_sentences(found)) or "drew" in " ".join(clock_sentences(found))
    assert MixReport.from_json(found.to_json()) == found
