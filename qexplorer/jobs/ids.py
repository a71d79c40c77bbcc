"""What a job is called: the name of its kind and twelve random hexadecimal digits, good for a URL and a folder."""

from __future__ import annotations

import re
import uuid

__all__ = ["check_kind_name", "is_job_id", "new_job_id"]

_NAME = "[a-z][a-z0-9_]{0,39}"
_ID = re.compile(f"{_NAME}-[0-9a-f]{{12}}")


def check_kind_name(name: str) -> None:
    """Raises ValueError for the name of a kind whose jobs could not be found again by their ids."""
    if not re.fullmatch(_NAME, name):
        raise ValueError(f"'{name}' is no name for a kind of job: lower-case letters, digits and _, a letter first")


def new_job_id(kind_name: str) -> str:
    """An id that no other job has."""
    return f"{kind_name}-{uuid.uuid4().hex[:12]}"


def is_job_id(text: str) -> bool:
    """Whether ``text`` has the form of an id; a path, for one, has not."""
    return _ID.fullmatch(text) is not None
