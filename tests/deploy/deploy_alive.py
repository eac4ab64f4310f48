"""The container's health check, which is a program beside the packages."""

import importlib.util
from pathlib import Path

_found = importlib.util.spec_from_file_location("alive", Path(__file__).parents[2] / "deploy" / "alive.py")
assert _found is not None
assert _found.loader is not None
alive = importlib.util.module_from_spec(_found)
_found.loader.exec_module(alive)
