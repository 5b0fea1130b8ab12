"""The command line, sweeps of design spaces, and the search over compression policies.

``from rl import sweep``: :func:`rl.sweeps.api.sweep` simulates a design space. ``from rl import search``:
:func:`rl.runs.search.search`; ``SearchRequest`` says what to search.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rl.runs.request import SearchRequest
    from rl.runs.result import SearchResult
    from rl.runs.search import search
    from rl.sweeps.api import SweepResult, sweep

__all__ = ["SearchRequest", "SearchResult", "SweepResult", "search", "sweep"]

_HOMES = {
    "SearchRequest": "rl.runs.request",
    "SearchResult": "rl.runs.result",
    "SweepResult": "rl.sweeps.api",
    "search": "rl.runs.search",
    "sweep": "rl.sweeps.api",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for; the command line starts without PyTorch."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
