"""Texts that call themselves recipes: named ones that each try one thing, and mutations of good ones.

The long part, from the repository: ``python -m tests.hostile.recipe_texts 100000``.
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Iterator

from qexplorer.core.errors import RecipeError
from qexplorer.core.recipe import Recipe

__all__ = ["mutated", "named", "verdict"]

_GOOD = (
    "name: mine\nweights: {format: int4, granularity: block, block: 32, symmetric: false}\n",
    "weights:\n  format: int8\n  calibrator: percentile\n  percentile: 99.9\nactivations: {format: uint8}\n"
    "layers:\n- match: 'conv*'\n  float: true\n- match: op:MatMul\n  weights: {format: int8, granularity: tensor}\n",
    "weights: {format: int8}\nactivations:\n  format: uint8\n  mode: dynamic\n  symmetric: false\n"
    'algorithms: [bias_correction]\nname: "two \\"words\\""\n',
)
_PIECES = (
    *(
        "&a ",
        "*a",
        "<<: ",
        "!!str ",
        "!",
        "- ",
        "? ",
        ": ",
        "[",
        "]",
        "{",
        "}",
        "'",
        '"',
        "|\n ",
        ">\n ",
        "%YAML 9.9\n",
    ),
    *("---\n", "...\n", "\t", "\0", "\x1b", "\ud800", "\u2028", "\ufeff", "2001-99-99", "1:59:59", ".inf", ".nan", "~"),
    *(
        "9" * 5000,
        "0x" + "f" * 5000,
        "1e999",
        "-",
        "=",
        "[" * 2000,
        "\n",
        " ",
        "null",
        "yes",
        "#",
        "\\u12",
        "\U0001f600",
    ),
)


def named() -> dict[str, str]:
    """Texts by what they try."""
    merges = ["a0: &a0 {k: 1}"] + [f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}]}}" for i in range(1, 25)]
    laughs = ["a0: &a0 [lol]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    rules = "weights: {format: int8}\nlayers:\n"
    pairs = [f"- {{match: a, weights: {{calibrator: percentile, percentile: 99.{i}}}}}" for i in range(400)]
    pairs += [f"- {{match: a, weights: {{percentile: 98.{i}}}}}" for i in range(400)]
    return {
        "merges that double": "\n".join(merges),
        "aliases that multiply": "\n".join(laughs),
        "an alias to itself": "name: &a [*a]\n",
        "a merge": "weights: {<<: {format: int8}}\n",
        "sequences inside each other": "name: " + "[" * 5000 + "]" * 5000,
        "mappings inside each other": "name: " + "{a: " * 5000 + "}" * 5000,
        "lists by indenting": "name:\n" + "".join(" " * i + "-\n" for i in range(300)),
        "keys inside each other": "? " * 5000 + "a\n",
        "a date that is none": "name: 2001-99-99\nweights: {}\n",
        "a tag of Python": "name: !!python/object/apply:os.system [true]\n",
        "a binary": "name: !!binary AAAA\n",
        "a set": "name: !!set {a, b}\n",
        "a number of 60,000 digits": "weights: {format: int8, granularity: block, block: " + "9" * 60_000 + "}\n",
        "base 60": "weights: {format: int8, block: " + "1:" * 20_000 + "1}\n",
        "half a character": 'name: "\\ud800"\n',
        "ten megabytes": "name: " + "a" * 10_000_000,
        "as many values as fit": "weights: {" + "a: ," * 15_000 + "}\n",
        "many short values": "name: [" + "a," * 30_000 + "]\n",
        "a rule for each of many layers": rules + "- {match: '*a*b*', float: true}\n" * 1500,
        "options that each rule might give each": rules + "\n".join(pairs),
        "a pattern that could be tried in many ways": rules + f"- {{match: '{'*a' * 5000}', float: true}}\n",
        "two documents": "name: a\n---\nname: b\n",
        "no document": "# nothing\n\n",
        "a key that is a list": "? [a]\n: b\n",
        "a key that is a number": "1: 2\n",
        "a byte-order mark inside": "name: a\n\ufeffweights: {}\n",
    }


def mutated(seed: int) -> Iterator[str]:
    """Good recipes with one to three places cut, doubled, or replaced by something that YAML minds; without end."""
    chance = random.Random(seed)
    while True:
        text = chance.choice(_GOOD)
        for _ in range(chance.randint(1, 3)):
            first = chance.randint(0, len(text))
            last = min(first + chance.choice((0, 1, 2, 8, 200)), len(text))
            piece = chance.choice((*_PIECES, "", text[first:last]))
            text = text[:first] + piece + text[chance.choice((first, last)) :]
        yield text


def verdict(text: str) -> str:
    """The sentence of a refusal; empty if the text is a recipe, which reads back equal to itself."""
    try:
        recipe = Recipe.parse(f"{text}\n")
    except RecipeError as error:
        return error.sentence
    assert Recipe.parse(recipe.to_yaml()) == recipe, text
    return ""


def main(count: int) -> None:
    """Tries all named texts and ``count`` mutations, prints what was said how often, and the slowest."""
    texts = mutated(2)
    said: Counter[str] = Counter()
    slowest = (0.0, "")
    for text in [*named().values(), *(next(texts) for _ in range(count))]:
        began = time.perf_counter()
        sentence = verdict(text)
        slowest = max(slowest, (time.perf_counter() - began, text[:60]))
        said["taken" if not sentence else "refused"] += 1
    sys.stdout.write(f"{dict(said)}; the slowest took {slowest[0]:.2f} s: {slowest[1]!r}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
