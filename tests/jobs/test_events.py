"""The log of events, read on: what a look costs, and that it is right whatever happens to the file."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

from qexplorer.jobs.events import EventReader, Told


def line(i: int, **more: Any) -> str:
    """One event of progress as it stands in the log."""
    return (
        json.dumps({"event": "progress", "step": f"step {i}", "done": i / 20_000, "seconds_left": None, **more}) + "\n"
    )


def test_a_second_look_costs_what_is_new(tmp_path: Path) -> None:
    """After 20,000 events a look at one more reads one line, and as many bytes as it has, but for a short check."""
    log = tmp_path / "events.jsonl"
    log.write_text("".join(line(i) for i in range(20_000)))
    reader = EventReader()
    assert reader.read(log).progress["step"] == "step 19999"
    assert reader.lines_read == 20_000
    lines, read = reader.lines_read, reader.bytes_read
    with log.open("a") as file:
        file.write(line(20_000))
    assert reader.read(log).progress["step"] == "step 20000"
    assert reader.lines_read - lines == 1
    assert len(line(20_000)) <= reader.bytes_read - read <= len(line(20_000)) + 64
    read = reader.bytes_read
    assert reader.read(log).progress["step"] == "step 20000"
    assert reader.bytes_read - read <= 64


def test_a_new_reader_sees_the_same(tmp_path: Path) -> None:
    """A server that was started anew knows what the one before knew, from the file alone."""
    log, before = tmp_path / "events.jsonl", EventReader()
    for text in (line(1), '{"event": "partial", "value": [1]}\n', line(2), '{"event": "result", "value": 3}\n'):
        with log.open("a") as file:
            file.write(text)
        told = before.read(log)
        assert told == EventReader().read(log)
    assert (told.progress["step"], told.partial, told.ending["value"]) == ("step 2", [1], 3)


def test_a_line_in_two_pieces_is_read_once_it_is_whole(tmp_path: Path) -> None:
    """Half an event says nothing, and both halves together say what the event says."""
    log, reader, text = tmp_path / "events.jsonl", EventReader(), line(2)
    log.write_text(line(1) + text[:20])
    assert reader.read(log).progress["step"] == "step 1"
    with log.open("a") as file:
        file.write(text[20:])
    assert reader.read(log).progress["step"] == "step 2"


def test_another_file_in_its_place_is_read_from_its_beginning(tmp_path: Path) -> None:
    """A log that was cut short, replaced, or written over with as much as before, is not read on in its middle."""
    log, reader = tmp_path / "events.jsonl", EventReader()
    log.write_text(line(1, runs=1) + line(2))
    assert reader.read(log).progress["runs"] == 1
    log.write_text(line(3))
    assert reader.read(log).progress == json.loads(line(3))
    log.write_text(line(4) + line(5) + line(6))  # in the same file, longer than before
    assert reader.read(log).progress == json.loads(line(6))
    other = tmp_path / "other"
    other.write_text(line(7) * 3)
    other.replace(log)
    assert reader.read(log).progress == json.loads(line(7))
    log.unlink()
    assert reader.read(log) == Told()


def test_what_is_no_event_says_nothing(tmp_path: Path) -> None:
    """Lines that are not JSON, or JSON but no event, are passed over."""
    log = tmp_path / "events.jsonl"
    log.write_text('nonsense\n7\n[]\n{"event": "other", "step": "x"}\n\n' + line(1))
    assert EventReader().read(log).progress["step"] == "step 1"


def test_threads_that_look_at_once_see_every_event(tmp_path: Path) -> None:
    """While one thread writes, four read: none sees an older event after a newer one, and all see the last."""
    log, reader = tmp_path / "events.jsonl", EventReader()
    log.touch()
    seen: list[list[int]] = [[] for _ in range(4)]

    def look(mine: list[int]) -> None:
        while not mine or mine[-1] < 400:
            step = reader.read(log).progress.get("step", "step 0")
            mine.append(int(step.split()[1]))

    threads = [threading.Thread(target=look, args=(mine,), daemon=True) for mine in seen]
    for thread in threads:
        thread.start()
    with log.open("a") as file:
        for i in range(401):
            file.write(line(i))
            file.flush()
    for thread in threads:
        thread.join(timeout=30)
    assert all(mine == sorted(mine) and mine[-1] == 400 for mine in seen)
    assert reader.lines_read == 401


def test_no_more_logs_are_remembered_than_allowed(tmp_path: Path) -> None:
    """The place in a log that nobody has looked at for long is forgotten, and it is then read from its beginning."""
    reader = EventReader(most=2)
    logs = [tmp_path / f"{i}.jsonl" for i in range(3)]
    for log in logs:
        log.write_text(line(1))
        reader.read(log)
    before = reader.lines_read
    assert reader.read(logs[2]).progress["step"] == "step 1"
    assert reader.lines_read == before
    assert reader.read(logs[0]).progress["step"] == "step 1"
    assert reader.lines_read == before + 1
