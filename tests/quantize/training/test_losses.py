"""What is made small: losses of tasks on labels, and distances to the float network's answers."""

from __future__ import annotations

import torch

from qexplorer.core.model import TensorInfo
from qexplorer.core.plugins import TASKS
from qexplorer.quantize.training.lesson_checks import class_axis
from qexplorer.quantize.training.losses import distance, task_loss


def test_the_distance_of_probabilities_and_of_numbers() -> None:
    """KL is the same for logits and for the probabilities that they give; other outputs count by their size."""
    random = torch.Generator().manual_seed(0)
    one, other = (torch.randn(5, 4, generator=random) for _ in range(2))
    plain = distance([one], [other], axis=1, temperature=1.0)
    given = distance([one.softmax(1)], [other.softmax(1)], axis=1, temperature=1.0)
    torch.testing.assert_close(plain, given, rtol=1e-4, atol=1e-6)
    wanted = (other.softmax(1) * (other.log_softmax(1) - one.log_softmax(1))).sum(1).mean()
    torch.testing.assert_close(plain, wanted)
    small = distance([one * 1e-3], [other * 1e-3], axis=None, temperature=1.0)
    torch.testing.assert_close(small, distance([one], [other], axis=None, temperature=1.0))
    assert float(distance([other], [other], axis=1, temperature=3.0)) < 1e-6


def test_losses_of_tasks() -> None:
    """Cross entropy for tables, pictures and rows of tokens; what is no class does not count; squares of numbers."""
    loss, random = task_loss("cross_entropy"), torch.Generator().manual_seed(0)
    assert loss is not None
    for shape, wide in (((6,), (6, 5)), ((2, 3, 4), (2, 5, 3, 4)), ((2, 7), (2, 7, 5))):
        labels = torch.randint(0, 5, shape, generator=random)
        scores = torch.randn(wide, generator=random)
        flat = scores.reshape(-1, 5) if len(wide) == 3 or len(wide) == 2 else scores.movedim(1, -1).reshape(-1, 5)
        wanted = torch.nn.functional.cross_entropy(flat, labels.reshape(-1))
        torch.testing.assert_close(loss([scores], labels), wanted)
        ignored = labels.clone().reshape(-1)
        kept = torch.nn.functional.cross_entropy(flat[1:], labels.reshape(-1)[1:])
        for no_class in (255, 5, -1, -100):
            ignored[0] = no_class
            torch.testing.assert_close(loss([scores], ignored.reshape(shape)), kept)
    squares = task_loss("squared_error")
    assert squares is not None
    assert float(squares([torch.tensor([[1.0], [3.0]])], torch.tensor([0.0, 1.0], dtype=torch.float64))) == 2.5
    assert task_loss(None) is None


def test_what_a_softmax_made_is_known_by_its_values() -> None:
    """Scores between 0 and 1 that sum to 1 are probabilities; all others are logits, if only one rule is broken."""
    loss, label = task_loss("cross_entropy"), torch.tensor([1])
    assert loss is not None
    for scores, probabilities in (
        ([0.2, 0.5, 0.3], True),
        ([0.2, 0.52, 0.3], True),  # of half precision
        ([0.2, 0.6, 0.3], False),
        ([-0.2, 0.7, 0.5], False),
        ([-0.5, 1.2, 0.3], False),
        ([0.0, 1.2, 0.0], False),
    ):
        given = torch.tensor([scores])
        logits = given.log() if probabilities else given
        torch.testing.assert_close(loss([given], label), torch.nn.functional.cross_entropy(logits, label))


def test_labels_that_are_no_class_anywhere_are_no_loss() -> None:
    """A batch in which every place is ignored has the loss 0, not NaN; probabilities of one class are read as such."""
    loss = task_loss("cross_entropy")
    assert loss is not None
    assert float(loss([torch.randn(2, 5, 3)], torch.full((2, 3), -100))) == 0
    likely, labels = torch.tensor([[0.9], [0.2]]), torch.tensor([1, 0])
    of_probability = task_loss("cross_entropy", probability=True)
    assert of_probability is not None
    logit = torch.log(likely / (1 - likely))
    torch.testing.assert_close(of_probability([likely], labels), loss([logit], labels))


def test_the_axis_of_classes() -> None:
    """Tables and pictures have classes behind the samples, sequences at the end, numbers none."""
    found = {
        name: class_axis(TASKS.get(name), [TensorInfo("y", "float32", shape)])
        for name, shape in (
            ("classification", ("n", 10)),
            ("sequences", ("n", "t", 50)),
            ("segmentation", ("n", 4, 8, 8)),
            ("regression", ("n", 3)),
        )
    }
    assert found == {"classification": 1, "sequences": 2, "segmentation": 1, "regression": None}
    random = torch.Generator().manual_seed(0)
    one, other = (torch.randn(2, 3, 5, generator=random) for _ in range(2))
    flat = distance([one.reshape(6, 5)], [other.reshape(6, 5)], axis=1, temperature=2.0)
    torch.testing.assert_close(distance([one], [other], axis=2, temperature=2.0), flat)
