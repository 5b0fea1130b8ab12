"""The command line and the search over compression policies.

``from rl import search``: :func:`rl.runs.search.search`; ``SearchRequest`` says what to search.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rl.runs.request import SearchRequest
    from rl.runs.search import search

__all__ = ["SearchRequest", "search"]


def __getattr__(name: str) -> Any:
    """Import what is asked for; the command line starts without PyTorch."""
    if name == "search":
        from rl.runs.search import search

        return search
    if name == "SearchRequest":
        from rl.runs.request import SearchRequest

        return SearchRequest
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
