"""Where the outside results and data sets lie: ``$BITGROVE_SHARED``, else ``../shared`` beside the checkout."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]


def shared_root() -> Path:
    """The folder of the shared files, which may be missing."""
    return Path(os.environ.get("BITGROVE_SHARED", CHECKOUT.parent / "shared"))


def shared_path(relative: str) -> Path:
    """The path of one shared file or folder; skips the calling test where it is missing."""
    path = shared_root() / relative
    if not path.exists():
        pytest.skip(f"outside data not found: {relative} (set BITGROVE_SHARED to the folder that holds it)")
    return path
