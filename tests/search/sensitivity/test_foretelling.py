"""The gradient method, held to closed forms and to what is evaluated."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from qexplorer.core.recipe import Recipe
from qexplorer.search.sensitivity import finding
from qexplorer.search.sensitivity.accord import accord_of, spearman
from qexplorer.search.sensitivity.finding import find_sensitivity
from qexplorer.search.sensitivity.float_answers import FloatAnswers
from qexplorer.search.sensitivity.gradients import turned_signs
from qexplorer.search.sensitivity.question import Inquiry
from qexplorer.search.sensitivity.sensitivity_types import Evaluated, Foretold, LayerSensitivity, SensitivityReport
from tests.quantize.given_data import data_of
from tests.quantize.support import case

pytestmark = pytest.mark.usefixtures("shared_workspace")  # cases are observed once for the whole session


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The work is done in this process."""
    monkeypatch.setattr(finding, "goes_apart", lambda _: False)


def test_turned_signs_have_the_covariance_of_one_draw() -> None:
    """The mean of (L v)(L v)' over all draws is diag(p) - p p'; with two classes every single draw has it."""
    generator = torch.Generator().manual_seed(0)
    scores = torch.tensor([0.3, -1.0, 2.0, 0.0], dtype=torch.float64)
    drawn = turned_signs(scores.expand(40_000, 4), generator)
    p = scores.softmax(0)
    torch.testing.assert_close(drawn.T @ drawn / 40_000, torch.diag(p) - torch.outer(p, p), atol=5e-3, rtol=0)
    pair = turned_signs(torch.tensor([[0.4, -0.2]], dtype=torch.float64), generator)
    share = torch.tensor([0.4, -0.2], dtype=torch.float64).softmax(0)
    torch.testing.assert_close(pair.T @ pair, torch.diag(share) - torch.outer(share, share))


def test_turned_signs_stay_finite_where_a_class_is_certain() -> None:
    """Scores that leave all other classes no probability give a draw of nothing."""
    drawn = turned_signs(torch.tensor([[800.0, 0.0, -800.0]], dtype=torch.float64), torch.Generator().manual_seed(0))
    assert torch.isfinite(drawn).all()
    assert drawn.abs().max() < 1e-6


def test_a_small_change_costs_what_second_derivatives_say() -> None:
    """The divergence of a small change is half its square in diag(p) - p p', and 0 without one."""
    random = np.random.default_rng(0)
    scores, change = random.normal(size=(5, 4)), 1e-3 * random.normal(size=(5, 4))
    float_answers = FloatAnswers.of([scores], (0,), 1, probabilities=False)
    found = float_answers.divergence(scores + change)
    p = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    wanted = 0.5 * ((p * change**2).sum(1) - (p * change).sum(1) ** 2)
    np.testing.assert_allclose(found, wanted, rtol=1e-2)
    assert (float_answers.divergence(scores) == 0).all()


@pytest.mark.parametrize("far", [1e-6, 1.0, 30.0, 900.0])
@pytest.mark.parametrize("probabilities", [False, True])
@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_a_divergence_is_the_sum_over_classes(far: float, probabilities: bool, temperature: float) -> None:
    """However far scores are apart, and wherever classes stand, it is what the definition gives; sample by sample. At a
    temperature it is that of scores over it, times its square."""
    random = np.random.default_rng(1)
    plain, answer = (random.normal(size=(3, 7, 5)) for _ in range(2))
    answer = plain + far * answer
    if probabilities:
        plain, answer = (torch.from_numpy(each).softmax(1).clamp(min=1e-7).numpy() for each in (plain, answer))
    scores = [torch.from_numpy(np.log(each) if probabilities else each) for each in (plain, answer)]
    logs = [(each / temperature).log_softmax(1) for each in scores]
    wanted = temperature**2 * (logs[0].exp() * (logs[0] - logs[1])).sum(1).mean(1).numpy()
    beside = FloatAnswers.of([plain], (0,), 1, probabilities=probabilities, temperature=temperature)
    found = beside.divergence(answer)
    np.testing.assert_allclose(found, wanted, rtol=5e-3 if far < 1e-3 else 1e-9)
    error, cosine = FloatAnswers.of([plain], (0,), None, probabilities=False).error(0, answer)
    np.testing.assert_allclose(error, np.square(answer - plain).reshape(3, -1).mean(1))
    np.testing.assert_allclose(cosine, [_cosine(a, b) for a, b in zip(plain, answer, strict=True)])


@pytest.mark.parametrize(
    ("scores", "temperature", "even"),
    [
        ([[0.0, 0.0]] * 4, 1.0, 1.0),
        ([[0.0, 0.0], [200.0, 0.0]], 1.0, 0.5),
        ([[0.0, 0.0], [800.0, 0.0], [-800.0, 0.0], [900.0, 0.0]], 4.0, 0.25),
        ([[800.0, 0.0]], 1.0, 0.0),
        ([[0.0, 0.0], [2 * np.log(3.0), 0.0]], 2.0, (0.5 + 0.375) ** 2 / 2 / (0.5**2 + 0.375**2)),
    ],
)
def test_samples_that_the_network_is_sure_of_decide_nothing(
    scores: list[list[float]], temperature: float, even: float
) -> None:
    """Of equal ones all count; of some that are sure the others alone; three quarters and a quarter weigh 3/8."""
    beside = FloatAnswers.of([np.array(scores)], (0,), 1, probabilities=False, temperature=temperature)
    assert beside.evenness == pytest.approx(even)


def _cosine(a: Any, b: Any) -> float:
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


def _report(name: str, recipe: str, temperature: float = 1.0) -> SensitivityReport:
    one = case(name)
    question = Inquiry(Recipe.parse(recipe), samples=64, passes=None, temperature=temperature)
    return find_sensitivity(one.model, data_of(one), question)


@pytest.mark.parametrize(("recipe", "temperature"), [("w6", 1.0), ("w6", 2.0), ("w8a8", 1.0)])
def test_small_errors_are_foretold_as_they_are(recipe: str, temperature: float) -> None:
    """Where errors are small, what is foretold of a layer is what is evaluated, within the noise of its draws; at each
    temperature anew."""
    report = _report("cnn", recipe, temperature)
    ratios = {}
    for layer in report.layers:
        told, seen = layer.gradient(), layer.exact()
        assert told is not None
        assert seen is not None
        assert told.ci95 is not None
        assert told.ci95[0] < told.loss < told.ci95[1]
        ratios[layer.name] = seen.loss / told.loss
    assert all(1 / 3 < ratio < 3 for ratio in ratios.values()), ratios
    assert float(np.exp(np.mean(np.log(list(ratios.values()))))) == pytest.approx(1.0, abs=0.35)


def test_one_pass_tells_every_format() -> None:
    """Fewer bits cost more in every layer, the recipe's own among them, and parts add up to both."""
    for layer in _report("cnn", "w4a8").layers:
        assert (
            layer.foretold["weights"].loss + layer.foretold["activations"].loss
            == pytest.approx(layer.foretold["both"].loss, rel=1e-2)
            if "weights" in layer.foretold
            else True
        )
        if layer.formats:
            losses = [layer.formats[name].loss for name in ("int8", "int3", "int2")]
            assert losses == sorted(losses)
            assert losses[0] < layer.foretold["weights"].loss < losses[1]


def test_the_rank_correlation_is_scipys() -> None:
    """Spearman with ties, as SciPy computes it; none where nothing can be ranked."""
    random = np.random.default_rng(3)
    for _ in range(20):
        one, other = random.integers(0, 5, 9).tolist(), random.integers(0, 5, 9).tolist()
        assert spearman(one, other) == pytest.approx(spearmanr(one, other).statistic)
    assert spearman([1, 2], [1, 2]) is None
    assert spearman([1, 1, 1], [1, 2, 3]) is None


def _layer(name: str, told: float, seen: float, half: float) -> LayerSensitivity:
    evaluated = Evaluated(seen, (seen - half, seen + half), 9, None, 0.0, None)
    return LayerSensitivity(
        name, "Conv", (name,), True, {"both": Foretold(told, None, 9)}, evaluated={"alone": {"both": evaluated}}
    )


def test_where_rankings_part_the_cause_is_told() -> None:
    """A layer far off its foretold loss is named; neighbours within each other's interval are said to be open."""
    far = accord_of([_layer("a", 1, 1, 0.1), _layer("b", 2, 2, 0.1), _layer("c", 3, 0.01, 0), _layer("d", 0.5, 9, 1)])
    assert far is not None
    assert not far.holds
    assert "'c'" in far.why
    close = accord_of([_layer(f"l{i}", 1 + i / 9, 2 - i / 9, 1.0) for i in range(5)])
    assert close is not None
    assert not close.holds
    assert "order is open" in close.why
    good = accord_of([_layer("a", 1, 1, 0.1), _layer("b", 2, 2, 0.1), _layer("c", 3, 3, 0.1)])
    assert good is not None
    assert good.holds
    assert good.why == ""
    assert good.spearman == pytest.approx(1.0)
