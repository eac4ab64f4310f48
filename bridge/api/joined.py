"""Addresses of apps that the bridge does not know: each names its module before the first request (DESIGN section 1)."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

CONNECTION = "v1/connections/<number:connection_id>"
LEAD = f"{CONNECTION}/leads/<number:lead_id>"
_modules: list[str] = []


def join(module: str) -> None:
    """A module with ROUTES: [(address, view class, name)]. It is imported with the addresses, not before."""
    if module not in _modules:
        _modules.append(module)


def routes() -> Iterator[tuple[str, Any, str]]:
    for name in _modules:
        for address, view, route in import_module(name).ROUTES:
            yield address, view.as_view(), route
