"""Text that may be a stranger's, on its way to a page, a terminal or a file: one function for each medium."""

from __future__ import annotations

__all__ = ["shortened"]


def shortened(text: str, most: int) -> str:
    """``text`` of at most ``most`` characters: what is too long keeps both ends, and says how much is left out."""
    if len(text) <= most:
        return text
    gap = f" … {len(text) - most:,} more characters … "
    kept = max(most - len(gap), 2)
    return text[: kept - kept // 3] + gap + text[len(text) - kept // 3 :]
