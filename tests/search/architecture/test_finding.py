"""A search for two networks, trained for an epoch: what comes of it, and for whom there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

import qexplorer as qx
from qexplorer.core.errors import InputError
from qexplorer.load.store import kept_model_path
from qexplorer.search.architecture.architecture_types import ArchitectureReport


def test_networks_are_trained_judged_and_can_be_opened(shared_workspace: Path) -> None:  # noqa: ARG001
    """Both are tried, the sample stands beside them in its bits, and a found one is a model like any other."""
    heard: list[ArchitectureReport] = []
    found = qx.design(
        "digits_cnn", networks=2, rounds=1, epochs=1, rounded_epochs=1, judged=1, pictures=128, partly=heard.append
    )
    assert [each.failed for each in found.tried] == [None, None]
    assert len({each.shape for each in found.tried}) == 2
    assert (found.n_learned, found.n_apart) == (384, 128)
    assert [len(each.tried) for each in heard[:2]] == [1, 2]
    assert [each.recipe for each in found.hand_made] == ["w8a8", "w4a8"]
    assert all(each.n == 597 and each.accuracy > 0.98 for each in found.hand_made)
    (judged,) = found.found
    assert judged.shape in {each.shape for each in found.tried}
    assert judged.unlearned == "it knows less than half of what digits_cnn knows"  # after two steps
    assert {each.shape for each in found.front} == {None}, "the sample's bits alone"
    assert judged.latency_ms is not None
    assert judged.latency_ms > 0
    opened = qx.load(kept_model_path(judged.sha256))
    assert [each.shape[1:] for each in opened.inputs] == [(1, 32, 32)]
    assert ArchitectureReport.from_json(found.to_json()) == found


@pytest.mark.parametrize(
    ("model", "options", "said"),
    [
        ("tumour_mlp", {}, "for pictures and their classes"),
        ("resnet18", {}, "not a trained sample|needs data|pictures"),
        ("digits_cnn", {"networks": 1}, "networks cannot be 1; allowed: .* 2 to 128"),
        ("digits_cnn", {"networks": 129}, "networks cannot be 129"),
        ("digits_cnn", {"rounds": 6, "epochs": 64}, "rounds cannot be 6: 16 networks, .* 1 to 5 rounds; or ask"),
        ("digits_cnn", {"rounds": 5}, "rounds cannot be 5: 8 epochs, .* 1 to 4 rounds; or ask for more epochs"),
        ("digits_cnn", {"pictures": 1}, "pictures cannot be 1"),
    ],
)
def test_what_cannot_be_searched_is_one_sentence(model: str, options: dict[str, int], said: str) -> None:
    """No pictures, no training, no networks."""
    with pytest.raises(InputError, match=said):
        qx.design(model, **options)  # type: ignore[arg-type]
