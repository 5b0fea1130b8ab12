"""The bundle in the page is the published one, and draws what the page asks it for."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import rl.report

FOLDER = Path(rl.report.__file__).parent


def test_the_bundle_is_the_one_that_its_page_names() -> None:
    bundle = (FOLDER / "plotly" / "plotly-basic.min.js").read_bytes()
    about = (FOLDER / "plotly" / "README.md").read_text(encoding="utf-8")
    assert f"`{hashlib.sha256(bundle).hexdigest()}`" in about
    assert f"plotly.js {re.search(rb' v([0-9.]+)', bundle[:200])[1].decode()} " in about  # type: ignore[index]


def test_the_page_draws_only_traces_that_the_bundle_has() -> None:
    scripts = "".join(file.read_text(encoding="utf-8") for file in (FOLDER / "page").glob("*.js"))
    traces = set(re.findall(r'type: "(\w+)"(?:, mode|, name|, orientation|, hover)', scripts))
    assert traces == {"scatter", "bar"}
