"""Numbers in attributes of nodes, and what a Cast to 8-bit floats makes."""

from __future__ import annotations

from onnx import TensorProto, helper

from qexplorer.graph.attributes import number
from qexplorer.graph.narrow_floats import float8_made


def test_numbers_are_read_in_their_own_type() -> None:
    """Whole ones, others, and the default where the node does not say."""
    node = helper.make_node("Gemm", ["a", "b"], ["y"], alpha=0.25, transB=1)
    assert (number(node, "alpha", 1.0), number(node, "transB", 0), number(node, "beta", 1.5)) == (0.25, 1.0, 1.5)


def test_a_cast_to_8_bit_floats_makes_that_format() -> None:
    """Each of ONNX's by its own name; any other type, operator or domain makes none."""

    def made(to: int | None, op: str = "Cast", domain: str = "") -> str | None:
        more = {} if to is None else {"to": to}
        found = float8_made(helper.make_node(op, ["x"], ["y"], domain=domain, **more))
        return None if found is None else found.name

    e4m3, e5m2 = TensorProto.FLOAT8E4M3FN, TensorProto.FLOAT8E5M2
    assert (made(e4m3), made(e5m2)) == ("fp8_e4m3", "fp8_e5m2")
    assert made(TensorProto.FLOAT) is made(TensorProto.FLOAT16) is made(None) is None
    assert made(e4m3, "CastLike") is made(e4m3, domain="mine") is None
