"""ONNX Runtime's messages, as a person reads them."""

from __future__ import annotations

import pytest

from qexplorer.graph.runtime_errors import runtime_sentence


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            "[ONNXRuntimeError] : 1 : FAIL : Load model from /home/me/x.onnx failed:/ort/core/graph.cc:18 "
            "void onnxruntime::Graph::Resolve(int) const Node (a) is bad.",
            "Node (a) is bad",
        ),
        (
            "[ONNXRuntimeError] : 9 : NOT_IMPLEMENTED : no kernel for X : Conv(1)\n at node 'a'. ",
            "no kernel for X : Conv(1) at node 'a'",
        ),
        ("[ONNXRuntimeError] : 1 : FAIL : Load model from /home/me/m.onnx failed: bad node", "bad node"),
        ("[ONNXRuntimeError] : 1 : FAIL : Load model from a stream: bad node", "Load model from a stream: bad node"),
        ("Type inference failed: bad node", "Type inference failed: bad node"),
        ("Load model from /home/me/m.onnx failed: a check failed: bad node", "a check failed: bad node"),
        ("[ONNXRuntimeError] : 1 : FAIL : a : b", "a : b"),
        ("/src/onnxruntime/core/graph/model.cc:150 onnxruntime::Model::Model(x, y) Unknown type", "Unknown type"),
        ("bad " * 100, ("bad " * 75).strip()),
        ("/" * 2**20 + " is a name of a million letters", "/" * 200 + "… is a name of a million letters"),
        ("", "RuntimeError"),
        (
            "[ONNXRuntimeError] : 1 : FAIL : Fatal error: PACTOps:RequantShift(-1) is not a registered function/op",
            "it has no operator RequantShift of the domain 'PACTOps'",
        ),
        ("Fatal error: Mystery(21) is not a registered function/op", "it has no operator Mystery"),
    ],
)
def test_a_runtimes_message_is_one_line_without_its_source_and_folders(message: str, said: str) -> None:
    """Number codes, the lines of its source and the paths of this machine are left out."""
    assert runtime_sentence(RuntimeError(message)) == said
