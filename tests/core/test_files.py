"""Names of files that people take away."""

from __future__ import annotations

import pytest

from qexplorer.core.files import file_name


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (("digits_cnn", "w8a8", ".onnx"), "digits_cnn-w8a8.onnx"),
        (("net", "w8a8-percentile with percentile 99.5", ".yaml"), "net-w8a8-percentile-with-percentile-99.5.yaml"),
        (("net", "mine (2)", "ladder", ".csv"), "net-mine-2-ladder.csv"),
        (("../../etc", 'a/b\\c:d"e', ".json"), "etc-a-b-c-d-e.json"),
        (("net", "größer", ".csv"), "net-größer.csv"),
    ],
)
def test_a_name_is_one_that_any_system_takes(parts: tuple[str, ...], name: str) -> None:
    """Separators, quotes, spaces and brackets give way to a dash; letters and digits of any language stay."""
    assert file_name(*parts) == name


def test_a_long_name_keeps_its_ending() -> None:
    """What a person wrote at length is cut, and its kind is not."""
    found = file_name("net", "x" * 300, ".onnx")
    assert found.endswith("x.onnx")
    assert len(found) < 140
