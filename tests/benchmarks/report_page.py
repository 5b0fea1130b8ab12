"""How long a page of a thousand points takes to write, and to open in a browser."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from rl.cli import run as run_command
from tests.benchmarks.report import Check, Section, markdown_table, spread
from tests.unit.rl.report.folders import made_up_result, write_sweep

__all__ = ["run"]

POINTS, LAYERS, OPENINGS = 1000, 54, 5
SIZE_MB, OPEN_S = 8.0, 2.0
TEXT = f"""\
`bitgrove report` on {POINTS:,} points of {LAYERS} layers each, then the page in headless Chromium, each time in a new
tab of 1,400 by 1,000 pixels: to the load event, and until every figure in reach of the window is drawn (the others are
drawn when they are scrolled to); ms, median (lowest to highest)."""


def run() -> Section:
    """Write the page and open it."""
    with TemporaryDirectory() as folder:
        results = [made_up_result(n, LAYERS) for n in range(100)]
        write_sweep(Path(folder), [({"array.rows": 4 + n % 10, "n": n}, results[n % 100]) for n in range(POINTS)])
        start = time.perf_counter()
        run_command(["report", folder, "--quiet"])
        written_s = time.perf_counter() - start
        page = Path(folder) / "report.html"
        size_mb = page.stat().st_size / 1e6
        opened = _open(page)
    rows: list[tuple[str, str]] = [("written, s", f"{written_s:.1f}"), ("size, MB", f"{size_mb:.2f}")]
    checks = [Check("report of 1,000 points, MB", f"≤ {SIZE_MB:g}", f"{size_mb:.2f}", size_mb <= SIZE_MB)]
    if opened is None:
        rows.append(("opened", "no Chromium on this machine"))
    else:
        for what, seconds in zip(("load event", "figures drawn"), opened, strict=True):
            rows.append((f"{what}, ms", spread(seconds)))
            middle = sorted(seconds)[len(seconds) // 2]
            checks.append(
                Check(f"report of 1,000 points, {what}, s", f"≤ {OPEN_S:g}", f"{middle:.2f}", middle <= OPEN_S)
            )
    return Section("Report page", TEXT, markdown_table(("", ""), rows), tuple(checks))


def _open(page: Path) -> tuple[list[float], list[float]] | None:
    """Seconds to the load event and to the last figure in reach, of each opening."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        return None
    from playwright.sync_api import sync_playwright

    loads, draws = [], []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        for _ in range(OPENINGS):
            tab = chromium.new_page(viewport={"width": 1400, "height": 1000})
            start = time.perf_counter()
            tab.goto(page.as_uri(), wait_until="load")
            loads.append(time.perf_counter() - start)
            tab.wait_for_selector("body[data-drawn=yes]")
            tab.wait_for_selector("#scatter .main-svg")
            draws.append(time.perf_counter() - start)
            tab.close()
        chromium.close()
    return loads, draws


if __name__ == "__main__":
    print(run().markdown())
