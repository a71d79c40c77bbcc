"""What ONNX Runtime says of a graph that it does not take, as a sentence for a person."""

from __future__ import annotations

import re

__all__ = ["runtime_sentence"]

_PLACE = re.compile(r"\S*/\S+\.(?:cc|h|cpp):\d+ (?:[^()]*\([^()]*\)(?: const)? ?)?")
_LONG = re.compile(r"(\S{200})\S+")
_MOST = 4000  # letters that are looked at
_UNKNOWN = re.compile(r"(?:Fatal error: )?(\S*?):?(\w+)\(-?\d+\) is not a registered function/op")


def runtime_sentence(error: Exception) -> str:
    """The message on one line, without its number codes, source lines and this machine's folders."""
    text = _LONG.sub(r"\1…", " ".join(str(error).split()))[:_MOST]  # a name may have a million letters
    if text.startswith("[ONNXRuntimeError]"):
        text = text.split(" : ", 3)[-1]
    if "Load model from" in text and " failed:" in text:
        text = text.split(" failed:", 1)[1]
    if unknown := _UNKNOWN.search(text):
        domain, op = unknown.groups()
        return f"it has no operator {op}" + (f" of the domain '{domain}'" if domain else "")
    return _PLACE.sub("", text)[:300].strip(" .") or type(error).__name__
