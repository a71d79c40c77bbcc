"""Which versions of packages compute here."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

from qexplorer import __version__

__all__ = ["versions_of"]


def versions_of(packages: Iterable[str]) -> dict[str, str]:
    """The version of each of ``packages``, named as where it is installed from; one that is missing is left out.

    This program knows its own version, also where it runs from a folder and is installed nowhere.
    """
    found: dict[str, str] = {}
    for package in dict.fromkeys(packages):
        if package == "qexplorer":
            found[package] = __version__
            continue
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
