"""Text behind a prompt: the right token at each place, the same draws for all, and where texts part."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import qexplorer as qx
from qexplorer.core.errors import InputError, ModelError
from qexplorer.core.vocabulary import Vocabulary
from qexplorer.load.samples.shelf import get_sample
from qexplorer.measure.generation.generate import _beside, _checked
from qexplorer.measure.generation.generation_child import _check_causal, next_token
from qexplorer.measure.generation.generation_types import Writing
from qexplorer.report.statements.generated_text import terminal_lines, texts_html

WORDS = ("a", "b", "c", " ")


def chain(path: Path, table: np.ndarray, *, length: int | str, node: str = "Gather", batch: int | str = "n") -> Path:
    """A model whose logits at each place are the row of ``table`` for the token there; with ``node`` "mean" they are
    the mean row of all places."""
    values = numpy_helper.from_array(table.astype(np.float32), "table")
    nodes = [helper.make_node("Gather", ["table", "tokens"], ["logits"], "look_up")]
    extra = []
    if node == "mean":
        nodes[0].output[0] = "rows"
        nodes.append(helper.make_node("ReduceMean", ["rows", "axes"], ["mean"], "mean", keepdims=1))
        nodes.append(helper.make_node("Expand", ["mean", "shape"], ["logits"], "spread"))
        extra = [
            numpy_helper.from_array(np.array([1]), "axes"),
            numpy_helper.from_array(np.array([1, length, 1]), "shape"),
        ]
    graph = helper.make_graph(
        nodes,
        "chain",
        [helper.make_tensor_value_info("tokens", TensorProto.INT64, [batch, length])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [batch, length, table.shape[1]])],
        [values, *extra],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    return path


def cycle() -> np.ndarray:
    """One token after the other: a, b, c, space, a."""
    return 5 * np.roll(np.eye(4), 1, axis=1)


@pytest.mark.parametrize(("length", "batch"), [("t", "n"), (3, "n"), (3, 2)])
def test_a_chain_is_followed(length: int | str, batch: int | str, tmp_path: Path, workspace_folder: Path) -> None:  # noqa: ARG001
    """With a free and a fixed number of tokens, longer than the text and shorter, and with a fixed batch."""
    model = chain(tmp_path / "chain.onnx", cycle(), length=length, batch=batch)
    found = qx.generate(model, [], "a", tokens=7, vocabulary=WORDS)
    assert found.writings[0].tokens == (1, 2, 3, 0, 1, 2, 3)
    assert found.writings[0].before == "bc abc "
    assert found.writings[0].after == ""


def test_a_model_that_looks_ahead_is_refused(tmp_path: Path, workspace_folder: Path) -> None:  # noqa: ARG001
    """What depends on the tokens behind it, as in a masked language model, cannot write on."""
    model = chain(tmp_path / "chain.onnx", cycle(), length=5, node="mean")
    with pytest.raises(ModelError, match="depends on the tokens that follow"):
        qx.generate(model, [], "ab", tokens=3, vocabulary=WORDS)


def test_the_sample_writes_what_its_file_says(shared_workspace: Path) -> None:  # noqa: ARG001
    """Step by step by hand with ONNX Runtime: the same tokens, greedily."""
    sample = get_sample("text_lm")
    assert sample.manifest is not None
    words = Vocabulary(sample.manifest.vocabulary)
    session = onnxruntime.InferenceSession(str(sample.model_path), providers=["CPUExecutionProvider"])
    text = words.encode("The Rays of Light which")
    start = len(text)
    for _ in range(12):
        row = np.zeros((1, 64), np.int64)
        row[0, : len(text)] = text
        text.append(int(session.run(None, {"tokens": row})[0][0, len(text) - 1].argmax()))
    found = qx.generate("text_lm", [], "The Rays of Light which", tokens=12)
    assert found.writings[0].tokens == tuple(text[start:])
    assert words.decode(text[start:]) == found.writings[0].before


def test_few_bits_part_and_eight_hardly(shared_workspace: Path) -> None:  # noqa: ARG001
    """Draws are the same for all: texts begin alike and part for good, three bits no later than the text ends; a
    recipe that does not fit says so in its place."""
    recipes = ["w8-b32", "w3-b32"]
    found = qx.generate("text_lm", recipes, "The Rays of Light which", tokens=40, temperature=0.7, seed=4)
    again = qx.generate("text_lm", recipes, "The Rays of Light which", tokens=40, temperature=0.7, seed=4)
    other = qx.generate("text_lm", [], "The Rays of Light which", tokens=40, temperature=0.7, seed=5)
    assert found == again
    assert other.writings[0].tokens != found.writings[0].tokens
    first, eight, three = found.writings
    assert [each.recipe for each in found.writings] == ["float", *recipes]
    assert first.same == 40
    assert three.same < 40
    assert three.same <= eight.same
    for each in found.writings:
        assert each.tokens[: each.same] == first.tokens[: each.same]
        assert first.before.startswith(each.before)


def test_gumbels_trick_draws_from_the_softmax() -> None:
    """4,000 draws have the softmax's shares, within four standard errors; at 0 it is the largest."""
    random, logits = np.random.default_rng(3), np.array([2.0, 1.0, 0.0, -1.0])
    drawn = [next_token(logits, 2.0, random.gumbel(size=4)) for _ in range(4000)]
    shares = np.exp(logits / 2) / np.exp(logits / 2).sum()
    seen = np.bincount(drawn, minlength=4) / 4000
    assert np.all(np.abs(seen - shares) <= 4 * np.sqrt(shares * (1 - shares) / 4000))
    assert next_token(logits, 0.0, np.array([0.0, 99.0, 0.0, 0.0])) == 0


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "no language model": (lambda _: qx.generate("tumour_mlp", [], "a"), "this is none"),
    "no vocabulary": (lambda p: qx.generate(chain(p, cycle(), length=4), [], "a"), "nobody says which texts its 4"),
    "short vocabulary": (lambda p: qx.generate(chain(p, cycle(), length=4), [], "a", vocabulary="ab"), "has 2 texts"),
    "same text twice": (
        lambda p: qx.generate(chain(p, cycle(), length=4), [], "a", vocabulary="abca"),
        "no vocabulary",
    ),
    "empty prompt": (lambda _: qx.generate("text_lm", [], ""), "the prompt is empty"),
    "long prompt": (lambda _: qx.generate("text_lm", [], "a" * 2001), "2,001 characters"),
    "unknown letter": (lambda _: qx.generate("text_lm", [], "Farbe ß"), "no token for the character"),
    "no tokens": (lambda _: qx.generate("text_lm", [], "a", tokens=0), "0 tokens cannot be written"),
    "too many": (lambda _: qx.generate("text_lm", [], "a", tokens=257), "257 tokens cannot be written"),
    "temperature": (lambda _: qx.generate("text_lm", [], "a", temperature=float("nan")), "temperature nan"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_written_is_one_sentence(name: str, tmp_path: Path, shared_workspace: Path) -> None:  # noqa: ARG001
    """Models that write nothing, vocabularies that are none, prompts and settings out of bounds."""
    work, said = REFUSED[name]
    with pytest.raises(InputError, match=said):
        work(tmp_path / "chain.onnx")


def test_a_model_of_bytes_needs_no_vocabulary(tmp_path: Path, workspace_folder: Path) -> None:  # noqa: ARG001
    """256 tokens are bytes: the text of a chain of them, characters of several bytes included."""
    table = np.zeros((256, 256))
    for one, other in zip("äbä".encode(), "äbä".encode()[1:] + b"!", strict=True):
        table[one, other] += 1
    table[0xA4, ord("b")], table[0xA4, ord("!")] = 1.0, 0.5
    found = qx.generate(chain(tmp_path / "bytes.onnx", table, length="t"), [], "ä", tokens=4)
    assert found.writings[0].before == "bäb"


def test_a_cut_inside_a_character_stays_text() -> None:
    """Where variants part in the middle of a character of several bytes, no piece of it is lost."""
    from qexplorer.core.vocabulary import BYTES

    one, other = tuple("aé".encode()), tuple("aè".encode())
    found = _beside(Writing("w", tokens=other), Writing("float", tokens=one), BYTES)
    assert (found.same, found.before + found.after) == (2, "aè")
    assert found.before == "a"


def test_texts_are_shown_escaped_with_the_mark(shared_workspace: Path) -> None:  # noqa: ARG001
    """HTML of a model's text stays text; the mark begins where it parts."""
    from qexplorer.measure.generation.generation_types import Generation

    texts = (Writing("float", (1,), 1, "x", ""), Writing("w3", (2,), 0, "", "<b>&\n"), Writing("w2", failed="it broke"))
    html = texts_html(Generation("m", "onnxruntime", "<i>", 0.0, 0, texts))
    assert "<b>&" not in html
    assert "<i>" not in html
    assert "&lt;b&gt;&amp;\n</mark>" in html
    assert "it broke" in html
    lines = terminal_lines(Generation("m", "onnxruntime", "p", 0.0, 0, texts))
    assert lines[1] == "w3: >|<<b>& "


@pytest.mark.parametrize(("shift", "refused"), [(0.0009, False), (0.0011, True)])
def test_answers_may_change_by_a_thousandth_with_what_follows(shift: float, refused: bool) -> None:
    """Of the largest logit, or of one where all are smaller: rounding in another order, and no more."""

    class Session:
        """Its logits follow the padding behind the text."""

        def run(self, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
            """Four logits at each place."""
            padding = float(feeds["tokens"][0, -1])
            return [np.full((1, 5, 4), [4.0 + 4 * shift * padding, 0.0, 0.0, 0.0])]

    order = {"window": 5, "fixed": True, "batch": 1, "input": "tokens", "dtype": "int64", "path": "m.onnx"}
    if refused:
        with pytest.raises(ModelError, match="depends on the tokens that follow"):
            _check_causal(Session(), [2, 3], order)  # type: ignore[arg-type]
    else:
        _check_causal(Session(), [2, 3], order)  # type: ignore[arg-type]


def test_the_largest_settings_are_taken() -> None:
    """256 tokens, 2,000 characters, a temperature of 10."""
    words = Vocabulary(WORDS)
    assert _checked("ab" * 1000, 256, 10.0, words) == [0, 1] * 1000
    assert _checked("c", 1, 0.0, words) == [2]
    for temperature in (-0.1, 10.1):
        with pytest.raises(InputError, match="the temperature"):
            _checked("a", 1, temperature, words)
