"""``@kernel``: Numba's ``njit`` with a disk cache that is never stale.

Numba checks only a function's own file before it takes compiled code from the cache, not the files of the kernels that
it calls. So the cache lies in a folder named after the content of all kernels: a change to any of them starts afresh.
The folder is below ``$XDG_CACHE_HOME`` (else ``~/.cache``), or ``$NUMBA_CACHE_DIR`` where that is set.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba

__all__ = ["kernel"]

_Kernel = Callable[..., Any]


@cache
def _cache_directory() -> str:
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        if path.stem.endswith("kernel"):
            digest.update(path.read_bytes())
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    root = Path(os.environ.get("NUMBA_CACHE_DIR") or home / "bitgrove")
    return str(root / f"kernels-{digest.hexdigest()[:16]}")


def kernel(function: _Kernel) -> _Kernel:
    """Compile ``function`` without the interpreter (``njit``), cached on disk."""
    config: Any = numba.config  # its attributes come from the environment, unknown to type checkers
    before = config.CACHE_DIR
    config.CACHE_DIR = _cache_directory()
    try:
        compiled: _Kernel = numba.njit(cache=True, nogil=True)(function)
    finally:
        config.CACHE_DIR = before
    return compiled
