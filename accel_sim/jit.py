"""``@kernel``: Numba's ``njit`` with a disk cache that is never stale.

Numba checks only a function's own file before it takes compiled code from the cache, not the files of the kernels that
it calls. So the cache lies in a folder named after the content of all kernels: a change to any of them starts afresh.
The folder is below ``$XDG_CACHE_HOME`` (else ``~/.cache``), or ``$NUMBA_CACHE_DIR`` where that is set.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba

__all__ = ["inlined_kernel", "kernel"]

_KEPT_S = 30 * 24 * 3600.0

_Kernel = Callable[..., Any]


@cache
def _cache_directory() -> str:
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        if path.stem.endswith(("kernel", "layout")):  # constants of layouts are compiled into the kernels
            digest.update(path.read_bytes())
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    root = Path(os.environ.get("NUMBA_CACHE_DIR") or home / "bitgrove")
    directory = root / f"kernels-{digest.hexdigest()[:16]}"
    if not directory.exists():
        _forget_old(root)
    return str(directory)


def _forget_old(root: Path) -> None:
    """Remove what earlier versions of the kernels left, so that the cache does not grow without end."""
    for old in root.glob("kernels-*"):
        if time.time() - old.stat().st_mtime > _KEPT_S:
            shutil.rmtree(old, ignore_errors=True)


def kernel(function: _Kernel) -> _Kernel:
    """Compile ``function`` without the interpreter (``njit``), cached on disk."""
    return _compiled(function)


def inlined_kernel(function: _Kernel) -> _Kernel:
    """As :func:`kernel`, and part of every kernel that calls it: for steps so short that a call costs as much."""
    return _compiled(function, forceinline=True)


def _compiled(function: _Kernel, *, forceinline: bool = False) -> _Kernel:
    config: Any = numba.config  # its attributes come from the environment, unknown to type checkers
    before = config.CACHE_DIR
    config.CACHE_DIR = _cache_directory()
    try:
        compiled: _Kernel = numba.njit(cache=True, nogil=True, forceinline=forceinline)(function)
    finally:
        config.CACHE_DIR = before
    return compiled
