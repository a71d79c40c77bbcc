"""What the sections on integer arithmetic, on causes and on energy say of findings with known numbers."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from qexplorer.core.errors import RecipeError
from qexplorer.core.recipe import Recipe
from qexplorer.core.results import Energy, Status
from qexplorer.measure.arithmetic.saturation_types import ReducedRange
from qexplorer.measure.why.explanation import Cause
from qexplorer.report.footprint import DEFAULTS
from qexplorer.ui.compare import energy, ladder, saturation
from qexplorer.ui.compare.why import causes, times
from tests.report.comparisons import comparison, float_run, quantized_run
from tests.report.ladders import gap, layer, point, report, rung
from tests.report.ladders import ladder as climbed
from tests.ui.screens import Screen, screen_of


@pytest.mark.parametrize(
    ("layers", "icon"),
    [
        ((layer("a"), layer("b", saturated=0.0)), "warning"),
        ((layer("a", saturated=0.0), layer("b", saturated=None)), "verified"),
        ((), "info"),
    ],
)
def test_sums_that_saturate_are_warned_of(layers: Any, icon: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One layer is enough; without any there is nothing to verify, and no chart."""
    screen = screen_of(monkeypatch, saturation)
    saturation._report(report(layers=layers), "made here", "c1")
    assert f"#### :material/{icon}: " in screen.said
    assert "Emulated on 200 samples in 1.5 s." in screen.said
    assert (len(screen.of("draw_chart")), len(screen.of("dataframe"))) == ((2, 1) if layers else (0, 0))
    assert ("Layers as CSV" in screen.labels) is bool(layers)
    assert "Not among them, odd: its input is no tensor of codes" in screen.said
    assert ("Remedies, applied and measured" in screen.said) is bool(layers)


def test_layers_that_cannot_saturate_need_no_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a recipe without 8-bit weights has none to make smaller."""
    screen = screen_of(monkeypatch, saturation)
    saturation._remedies(report(layers=(layer("a", risky_pairs=0.0),)))
    assert screen.said == ""
    saturation._remedies(report(reduced=None))
    assert "Its weights have no 8-bit codes to make smaller." in screen.said


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {},
            "w7a8: 255 * 63 * 2 = 32130 fits, no layer can saturate; accuracy 98.5 % on 200 samples; weights 42.0 kB.",
        ),
        ({"at_risk": 2}, "2 layers can still saturate; accuracy"),
        ({"accuracy": None}, "no layer can saturate; weights 42.0 kB."),
        ({"weight_bytes": None}, "accuracy 98.5 % on 200 samples."),
        ({"failed": "no memory"}, "w7a8 failed: no memory"),
    ],
)
@pytest.mark.parametrize("compared", [False, True])
def test_smaller_weights_are_told_with_what_they_cost(
    changes: dict[str, Any], words: str, compared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And can be added to what is compared, once."""
    screen = screen_of(monkeypatch, saturation)
    monkeypatch.setattr(saturation, "is_compared", lambda _: compared)
    found = report().reduced
    assert isinstance(found, ReducedRange)
    saturation._reduced(replace(found, **changes))
    assert words in screen.said
    able = "failed" not in changes
    assert screen.labels == (["Add w7a8 to the comparison"] if able and not compared else [])
    assert ("is among what is compared" in screen.said) is (able and compared)


@pytest.mark.parametrize(
    ("saturates", "features", "words"),
    [
        (None, (), "is not known"),
        (True, (), "has AVX2 and no VNNI: what is emulated here is what its u8 x s8 kernels do"),
        (False, ("avx2", "avx512_vnni"), "has avx512_vnni: sums are exact here"),
        (False, None, "is no x86 one that adds pairs in 16 bits: sums are exact here"),
    ],
)
def test_whether_it_happens_here(
    saturates: bool | None, features: Any, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By what the processor says of itself."""
    monkeypatch.setattr("qexplorer.machine.cpu.cpu_features", lambda: features)
    assert words in saturation.here_sentence(saturates)


CAUSE = Cause("float", "one layer runs in float", "It has no kernel.", ("conv1",), 0.25, "Use 8 bits.")
PROFILED: Any = SimpleNamespace(profiled=True, quantized_parts=SimpleNamespace(whole_ms=1.0), causes=())


def test_a_cause_is_a_card_with_what_it_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its title, why, for which layers and what to do; a button only where a setting does it."""
    screen = screen_of(monkeypatch, causes)
    recipe = Recipe.parse("w8a8")
    causes._card(CAUSE, PROFILED, recipe)
    assert screen.said.splitlines() == [
        "**One layer runs in float** · 0.250 ms, 25 % of the profiled run",
        "It has no kernel.",
        "Layers: conv1",
        ":material/build: Use 8 bits.",
    ]
    assert screen.labels == []
    screen = screen_of(monkeypatch, causes)
    causes._card(replace(CAUSE, layers=()), PROFILED, recipe)
    assert "Layers" not in screen.said


@pytest.mark.parametrize(
    ("cost", "parts", "said"),
    [
        (0.5, SimpleNamespace(whole_ms=2.0), " · 0.500 ms, 25 % of the profiled run"),
        (3.0, SimpleNamespace(whole_ms=2.0), " · 3.00 ms, 100 % of the profiled run"),
        (None, SimpleNamespace(whole_ms=2.0), ""),
        (0.5, None, ""),
    ],
)
def test_a_cost_is_a_share_of_the_profiled_run(cost: float | None, parts: Any, said: str) -> None:
    """Never more than all of it; nothing where either is not known."""
    why: Any = SimpleNamespace(quantized_parts=parts)
    assert causes._cost(replace(CAUSE, cost_ms=cost), why) == said


@pytest.mark.parametrize(("found", "profiled", "words"), [
    ((), True, "every layer gains"), ((), False, ""), ((CAUSE,), True, "It has no kernel."),
])  # fmt: skip
def test_without_a_cause_that_is_said_where_it_was_measured(
    found: Any, profiled: bool, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without times nobody knows whether there is one."""
    screen = screen_of(monkeypatch, causes)
    why: Any = SimpleNamespace(causes=found, profiled=profiled, quantized_parts=None)
    causes.draw_causes(why, Recipe.parse("w8a8"))
    assert (words in screen.said) if words else screen.said == ""


@pytest.mark.parametrize("compared", [False, True])
@pytest.mark.parametrize("data", [None, "digits"])
def test_a_fix_is_added_and_then_compared(compared: bool, data: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Comparing needs data; that it is a prediction is said either way; what is no recipe is one sentence."""
    started: list[object] = []
    screen = screen_of(monkeypatch, causes, **{"Compare now": True})
    monkeypatch.setattr(causes, "is_compared", lambda _: compared)
    monkeypatch.setattr(causes, "fixed_recipe", lambda *_: Recipe.parse("w8a8").model_copy(update={"name": "mended"}))
    monkeypatch.setattr(causes, "state", lambda: SimpleNamespace(data=data))
    monkeypatch.setattr(causes, "order_now", lambda: "the order")
    monkeypatch.setattr(causes, "start", started.append)
    causes._card(replace(CAUSE, change={"float": ["conv1"]}), PROFILED, Recipe.parse("w8a8"))
    assert screen.labels == (["Compare now"] if compared else ["Add mended to the comparison"])
    assert started == (["the order"] if compared else [])
    assert ("mended is among what is compared" in screen.said) is compared
    assert screen.of("button")[0][1].get("disabled", False) is (compared and data is None)
    assert "Predicted from the cause, not measured" in screen.said

    def refused(*_: object) -> None:
        raise RecipeError("no such rule")

    screen = screen_of(monkeypatch, causes)
    monkeypatch.setattr(causes, "fixed_recipe", refused)
    causes._card(replace(CAUSE, change={"float": ["conv1"]}), PROFILED, Recipe.parse("w8a8"))
    assert "Not possible with this recipe: no such rule" in screen.said
    assert screen.labels == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "int8 by uint8 200 GOP/s, float32 50 GOP/s, memory 20 GB/s (best of 3 or more, 1 thread)"),
        ({"threads": 2}, "(best of 3 or more, 2 threads)"),
        ({"int8_gops": None, "n": {}}, "after: float32 50 GOP/s, memory 20 GB/s (best of 0 or more"),
        ({"int8_signed_gops": 90.0}, "int8 by uint8 200 GOP/s, int8 by int8 90 GOP/s, float32 50 GOP/s"),
        ({"cache_gb_per_s": 300.0}, "memory 20 GB/s, a core's caches 300 GB/s (best of 3"),
    ],
)  # fmt: skip
def test_limits_are_told_with_their_units(changes: dict[str, Any], words: str) -> None:
    """Those that were measured, with the least number of measurements."""
    known = {"int8_gops": 200.0, "int8_signed_gops": None, "fp32_gflops": 50.0, "memory_gb_per_s": 20.0}
    ceiling: Any = SimpleNamespace(**known | {"cache_gb_per_s": None, "n": {"a": 5, "b": 3}, "threads": 1} | changes)
    assert words in times._limits(ceiling)


def test_where_times_are_from() -> None:
    """The processor of the ceiling where there is one, else that of the comparison, else none that is known."""
    why: Any = SimpleNamespace(ceiling=None, created="2026-01-02T03:04:05", recipe="w8a8", backend="torch", batch=4)
    assert times._where(why, comparison()) == "net, w8a8, PyTorch integer, batch 4, A CPU, 2026-01-02 03:04 UTC"
    assert ", unknown machine, " in times._where(why, comparison(machine={}))
    why.ceiling = SimpleNamespace(cpu="Another")
    assert ", Another, " in times._where(why, comparison())


def _energy(screen: Screen, *runs: Any) -> str:
    energy._numbers(comparison(*runs), DEFAULTS)
    return screen.said


def test_energies_are_told_with_as_many_digits_as_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of an estimate and one of what follows from it; all that were measured; why others are not there."""
    screen = screen_of(monkeypatch, energy)
    measured = quantized_run(energy_mj=Energy(0.31234, (0.3, 0.32), "measured:rapl"))
    bare = quantized_run("w4", energy_mj=Energy(None, None, "estimated", "it was not timed"))
    said = _energy(screen, float_run(), bare)
    assert "Not shown, w4: it was not timed" in said
    assert f"{DEFAULTS.battery_wh:g} Wh, 100 % of it for inference" in said
    (row,) = screen.of("dataframe")[0][0][0]
    assert (row["run"], row["energy (mJ)"], row[""]) == ("float", "0.60", "estimated")
    assert row["inferences per charge"] == "about 90 million"
    screen = screen_of(monkeypatch, energy)
    _energy(screen, measured)
    (row,) = screen.of("dataframe")[0][0][0]
    assert (row["energy (mJ)"], row[""]) == ("0.312", "measured")
    assert not row["inferences per charge"].startswith("about")


@pytest.mark.parametrize(("metered", "known"), [(False, True), (True, True), (False, False)])
def test_an_estimate_is_called_one(metered: bool, known: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above everything that follows from it; without any energy that is all that is said."""
    screen = screen_of(monkeypatch, energy)
    monkeypatch.setattr(energy, "_assumptions", lambda: DEFAULTS)
    monkeypatch.setattr(energy, "_silicon", lambda _: screen.called("silicon", (), {}))
    power = Energy(0.6 if known else None, None, "measured:rapl" if metered else "estimated", "no meter here")
    energy.draw_energy(comparison(float_run(energy_mj=power)))
    assert ("everything in this section is an estimate" in screen.said) is (known and not metered)
    assert ("No run of this comparison has an energy." in screen.said) is not known
    assert ("float: no meter here" in screen.said) is not known
    assert len(screen.of("silicon")) == int(known)


def test_the_price_in_silicon_names_its_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """And says why there is none."""
    screen = screen_of(monkeypatch, energy, segmented_control="7 nm")
    monkeypatch.setattr(energy, "_energies", lambda *_: {})
    screen.answers = {"Process": next(iter(energy.Process)).value}
    energy._silicon(comparison())
    assert "The files of this comparison are gone" in screen.said
    for name in ("silicon_info", "silicon_rows", "bars_spec"):
        monkeypatch.setattr(energy, name, lambda *_: [])
    monkeypatch.setattr(energy, "_energies", lambda *_: {"float": "priced"})
    energy._silicon(comparison())
    assert "Source: " in screen.said
    assert len(screen.of("draw_chart")) == 1


def test_files_that_are_there_are_priced_once(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the very model that was compared; a recipe on two backends is one; what failed or is gone is none."""
    files = {}
    for name in ("w8a8", "w4a8", "failed"):
        files[name] = tmp_path / name
        files[name].touch()
    runs = [quantized_run("w8a8"), quantized_run("w8a8", "torch"), quantized_run("w4a8", size=None)]
    runs += [quantized_run("failed", status=Status.FAILED), quantized_run("gone")]
    quantized = {run.digest: str(files.get(run.recipe, tmp_path / "nowhere")) for run in runs}
    whole = comparison(float_run(), *runs, quantized=quantized)
    (tmp_path / "net.onnx").touch()
    model = SimpleNamespace(sha256="0" * 64, path=tmp_path / "net.onnx")
    monkeypatch.setattr(energy, "current_model", lambda: model)
    monkeypatch.setattr(energy, "_priced", lambda path, *_: path)
    found: dict[str, Any] = energy._energies(whole, next(iter(energy.Process)))
    assert found == {"float": str(model.path), "w8a8": str(files["w8a8"])}
    for other in (None, SimpleNamespace(sha256="another", path=model.path)):
        monkeypatch.setattr(energy, "current_model", lambda it=other: it)
        assert energy._energies(whole, next(iter(energy.Process))) == {}


def test_what_a_ladder_could_not_see_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Roundings that are hidden, answers that moved; nothing where all was seen, and of a failed backend nothing."""
    assert ladder._seen(climbed()) == ""
    hidden = rung("openvino", points=(point("a"),))
    failed = rung("torch", status=Status.FAILED, points=(), batches=())
    said = ladder._seen(climbed(rung(), hidden, failed, rung("litert", disturbed=True)))
    assert "2 of 3 roundings of The openvino cannot be read" in said.replace("\\", "")
    assert "the answers of The litert moved" in said.replace("\\", "")
    assert "torch" not in said
    screen = screen_of(monkeypatch, ladder)
    ladder._ladder(climbed(rung(batches=(gap(),))), "made here", "c1")
    assert len(screen.of("draw_chart")) == 3
    assert "Float to simulated: " in screen.said
    assert "Simulated to exact integers" not in screen.said
    bare = climbed(rung(points=(), batches=()))
    bare = replace(bare, simulated=replace(bare.simulated, agreement=None, layers=()))
    screen = screen_of(monkeypatch, ladder)
    ladder._ladder(bare, "made here", "c1")
    assert (len(screen.of("draw_chart")), len(screen.of("dataframe"))) == (0, 0)
    assert screen.labels == ["Layers as CSV"]
