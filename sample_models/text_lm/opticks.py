"""Isaac Newton's Opticks as plain prose: one paragraph a line, without title pages, tables, figures and emphasis."""

from __future__ import annotations

import lzma
import re
import sys
import unicodedata
from pathlib import Path

__all__ = ["TEXT", "clean", "read_text"]

TEXT = Path(__file__).resolve().parent / "opticks.txt.xz"
_SHORTEST = 120
"""Characters of a paragraph that is kept: headings, captions and formulas on lines of their own are shorter."""
_LETTERS = {"æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe"}
_MARKS = re.compile(r"\[Illustration[^\]]*\]|\[Greek: (\w+)\]|\[\w{1,2}\]|_")


def clean(raw: str) -> str:
    """The prose of the transcription ``raw``: only printable ASCII, and a newline after every paragraph."""
    body = raw[raw.index("THE FIRST BOOK") :]
    kept = []
    for part in re.split(r"\n\s*\n", body.replace("\r", "")):
        if "|" in part or "FOOTNOTES" in part or re.search(r"\S {3,}\S", part):
            continue
        line = _MARKS.sub(lambda found: found[1] or "", " ".join(part.split()))
        line = "".join(_LETTERS.get(each, each) for each in line)
        line = unicodedata.normalize("NFKD", line).encode("ascii", "ignore").decode()
        if len(line) >= _SHORTEST:
            kept.append(re.sub(r" +", " ", line).strip())
    return "\n".join(kept) + "\n"


def read_text() -> str:
    """The prose that is shipped here."""
    return lzma.decompress(TEXT.read_bytes()).decode("ascii")


if __name__ == "__main__":
    # golang-src, and Go's own source distribution, have the transcription as testdata/Isaac.Newton-Opticks.txt.
    TEXT.write_bytes(lzma.compress(clean(Path(sys.argv[1]).read_text("utf-8")).encode(), preset=9))
