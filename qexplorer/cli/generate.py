"""``qexplorer generate MODEL --recipe R ... --prompt TEXT``: what a language model and its variants write."""

from __future__ import annotations

import argparse
from pathlib import Path

from qexplorer import api
from qexplorer.cli.inputs import data_of
from qexplorer.cli.terminal import print_json, say
from qexplorer.core.errors import DataError
from qexplorer.report.statements.generated_text import PARTS, how_drawn, terminal_lines

__all__ = ["run"]


def run(order: argparse.Namespace) -> int:
    """Writes and prints; the exit code is 1 if a recipe failed."""
    model = api.load(order.model, architecture=order.architecture)
    found = api.generate(
        model,
        order.recipe,
        order.prompt,
        data_of(order, model),
        tokens=order.tokens,
        temperature=order.temperature,
        seed=order.seed,
        backend=order.backend,
        vocabulary=None if order.vocabulary is None else _vocabulary(Path(order.vocabulary)),
    )
    if order.json:
        print_json(found.to_json())
    else:
        say(f"{found.prompt} ...")
        for line in terminal_lines(found):
            say(line)
        say(f"{PARTS} stands where a text parts from float; {how_drawn(found)}")
    return int(any(each.failed is not None for each in found.writings))


def _vocabulary(path: Path) -> list[str]:
    """The texts of the tokens, a JSON list. Raises DataError."""
    from qexplorer.core.foreign.texts import Bounds, TooMuch, read_json, text_in

    bounds = Bounds(size_bytes=2**24, depth=2, values=300_000)
    try:
        found = read_json(text_in(path, bounds), bounds)
    except (OSError, UnicodeDecodeError, TooMuch, ValueError) as error:
        raise DataError(f"cannot be read ({error})", where=str(path), allowed="a JSON list of texts") from None
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise DataError("this is no vocabulary", where=str(path), allowed="a JSON list of texts, one for each token")
    return [str(each) for each in found]
