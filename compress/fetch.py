"""Fetching public files through torchvision, on machines that are connected."""

from __future__ import annotations

import contextlib
import io
import os
import socket
import sys
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path

from accel_sim.errors import RunError

__all__ = ["cache_folder", "fetching"]

TIMEOUT_S = 30.0
"""After so long without an answer a server counts as out of reach."""


def cache_folder() -> Path:
    """Where fetched data sets are kept: ``bitgrove`` in ``$XDG_CACHE_HOME``, which is ``~/.cache`` where not set."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bitgrove"


@contextlib.contextmanager
def fetching(subject: str, file: str, url: str, advice: str) -> Iterator[None]:
    """Fetch inside of this; what the library prints is seen on a terminal only.

    Args:
        subject: what it is for, as the user named it.
        file: what is fetched.
        url: from where.
        advice: what to do where it cannot be fetched.

    Raises:
        RunError: one line that says what could not be fetched and why.
    """
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT_S)
    shown = sys.stderr if sys.stderr.isatty() else io.StringIO()
    try:
        with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
            yield
    except (OSError, RuntimeError, HTTPException) as error:
        reason = (str(error).strip().splitlines() or [""])[0]
        raise RunError(
            f"{subject}: {file} cannot be fetched from {url} ({type(error).__name__}: {reason}); {advice}"
        ) from error
    finally:
        socket.setdefaulttimeout(before)
