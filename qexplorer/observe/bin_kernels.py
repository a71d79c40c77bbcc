"""What loops over a histogram's bins share, whatever the levels of the grid that they judge."""

from __future__ import annotations

from qexplorer.core.disk.compiled import njit

__all__ = ["cut_off"]


@njit(cache=True, nogil=True)
def cut_off(a, b, density, bottom, top, clipping, clipped):  # type: ignore[no-untyped-def]
    """Takes off a bin from ``a`` to ``b`` what lies beyond [bottom, top].

    Its squared distance to the range is added to ``clipping`` and its values to ``clipped``, in this order, as float64
    sums depend on it.

    Returns:
        Both ends of what is left, and both sums.
    """
    if a < bottom:
        e = min(b, bottom)
        clipping += density * ((bottom - a) ** 3 - (bottom - e) ** 3) / 3.0
        clipped += density * (e - a)
        a = e
    if b > top:
        e = max(a, top)
        clipping += density * ((b - top) ** 3 - (e - top) ** 3) / 3.0
        clipped += density * (b - e)
        b = e
    return a, b, clipping, clipped
