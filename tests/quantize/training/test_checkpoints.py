"""Checkpoints are values alone."""

from __future__ import annotations

import io
from pathlib import Path

import torch

from qexplorer.core.files import write_sealed
from qexplorer.quantize.training.checkpoints import load_state


class Runs:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        """A call in place of a value."""
        return Path.touch, (self.path,)  # type: ignore[return-value]


def test_a_checkpoint_that_holds_code_is_none_and_runs_nothing(tmp_path: Path) -> None:
    """Somebody else's file in place of a checkpoint is refused before what it holds is called."""
    network, ran = torch.nn.Linear(2, 1), tmp_path / "ran"
    before = network.weight.detach().clone()
    buffer = io.BytesIO()
    torch.save({"schema": 3, "now": network.state_dict(), "head": Runs(ran)}, buffer)
    write_sealed(tmp_path / "state.pt", buffer.getvalue())
    assert load_state(tmp_path / "state.pt", network, torch.optim.AdamW(network.parameters())) is None
    assert not ran.exists()
    torch.testing.assert_close(network.weight.detach(), before)
    torch.load(io.BytesIO(buffer.getvalue()), weights_only=False)
    assert ran.exists(), "the file would have run it"
