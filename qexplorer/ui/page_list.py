"""The app's pages, read from the files in ``pages/``: each says at its beginning what it is called and where it stands.

How to add a page: a file in ``pages/`` with ``PAGE = {...}``, whose fields are those of :class:`PageFacts`, and a call
of ``in_frame``. Nothing else has to be touched: the navigation is made of these. Without a model a page draws
``empty_page.draw_no_model``; ``tests/pages/test_page_list.py`` names the pages in their order.
"""

from __future__ import annotations

import ast
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from qexplorer.ui.theme import root

__all__ = ["PageFacts", "grouped", "read_pages"]


class PageFacts(BaseModel):
    """What a page says of itself.

    Attributes:
        title: its name in the navigation.
        icon: a Material symbol, ``:material/name:``.
        group: heading that it stands under.
        place: pages stand in this order, and groups in that of their first page.
        path: its file, from the folder of app.py.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    icon: str
    group: str
    place: int
    path: str


def read_pages() -> tuple[PageFacts, ...]:
    """All pages in order; nothing of them is run."""
    files = sorted((root() / "pages").glob("*.py"))
    return tuple(sorted((_facts(file, file.stat().st_mtime_ns) for file in files), key=lambda page: page.place))


def grouped() -> dict[str, list[PageFacts]]:
    """The pages by heading, both in order."""
    found: dict[str, list[PageFacts]] = {}
    for page in read_pages():
        found.setdefault(page.group, []).append(page)
    return found


@lru_cache(maxsize=64)
def _facts(file: Path, stamp: int) -> PageFacts:  # noqa: ARG001 - the stamp is part of the key
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "PAGE" for t in node.targets):
            try:
                return PageFacts.model_validate({**ast.literal_eval(node.value), "path": f"pages/{file.name}"})
            except (ValueError, TypeError, ValidationError) as error:
                raise ValueError(f"{file.name}: PAGE cannot be read: {error}") from None
    raise ValueError(f"{file.name}: it has no PAGE = {{...}} with title, icon, group and place")
