"""Energy counted by a meter while models run in turns, in the child that times them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from typing import Any

from qexplorer.machine.meters.protocol import Meter
from qexplorer.machine.meters.registry import best_meter

__all__ = ["measure_energy"]

_WINDOWS = 6
_IDLE_S = 0.3
_UPDATES = 20
"""Least updates of the counter in one window: an update missed at either end then is 5 % of it."""


def measure_energy(
    calls: Mapping[str, Callable[[], object]],
    device: str,
    seconds: float,
    order: random.Random,
    *,
    meter: Meter | None = None,
) -> dict[str, dict[str, Any]]:
    """Joules of one call above idle, window by window.

    Args:
        calls: what to run, by key.
        device: ``cpu`` or ``gpu``.
        seconds: for all calls together, without the idle windows before and after.
        order: shuffles the turns.
        meter: the meter to read; None: the best one here.

    Returns:
        By key: ``source``, ``joules`` (of one call, one value a window), ``n`` (calls), ``idle_watts``, ``window_s``
        and ``update_s`` of the meter. Empty where there is no meter that counts.
    """
    meter = meter or best_meter(device)
    if meter.read_joules() is None:
        return {}
    window_s = max(0.05, _UPDATES * meter.update_s, seconds / (_WINDOWS * max(len(calls), 1)))
    idle_s = max(_IDLE_S, _UPDATES * meter.update_s)
    idle = [_idle_watts(meter, idle_s)]
    windows: dict[str, list[tuple[float, float, int]]] = {key: [] for key in calls}
    keys = list(calls)
    for _ in range(_WINDOWS):
        order.shuffle(keys)
        for key in keys:
            windows[key].append(_window(meter, calls[key], window_s))
    idle.append(_idle_watts(meter, idle_s))
    idle_watts = sum(idle) / len(idle)
    return {
        key: {
            "source": f"measured:{meter.name}",
            "joules": [(joules - idle_watts * spent) / count for joules, spent, count in found],
            "n": sum(count for _, _, count in found),
            "idle_watts": idle_watts,
            "window_s": window_s,
            "update_s": meter.update_s,
        }
        for key, found in windows.items()
    }


def _window(meter: Meter, call: Callable[[], object], window_s: float) -> tuple[float, float, int]:
    """Joules, seconds and calls of one window."""
    count, begin, before = 0, time.perf_counter(), meter.read_joules() or 0.0
    while time.perf_counter() - begin < window_s:
        call()
        count += 1
    after = meter.read_joules() or 0.0
    return after - before, time.perf_counter() - begin, count


def _idle_watts(meter: Meter, idle_s: float) -> float:
    begin, before = time.perf_counter(), meter.read_joules() or 0.0
    time.sleep(idle_s)
    return ((meter.read_joules() or 0.0) - before) / (time.perf_counter() - begin)
