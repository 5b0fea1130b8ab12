"""The page in a browser: it opens without a complaint, and what is clicked shows what it should."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rl.cli import run
from tests.unit.rl.report.folders import made_up_result, write_sweep

pytest.importorskip("playwright", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH (apt-get install chromium)")
EVIL = "<img src=x onerror=document.title='evil'><b>&amp;"
OPEN_S = 10
"""Far more than the page takes: test machines are busy."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of 60 points, two models, rows and a name that is markup; one point failed."""
    folder = tmp_path_factory.mktemp("sweep")
    points: list[Any] = [
        (
            {"model": model, "array.rows": rows, "name": name},
            made_up_result(rows + len(name), 6, model, **{"array.rows": rows}),
        )
        for model in ("net_a", "net_b")
        for rows in range(8, 38, 2)
        for name in ("plain", EVIL)
    ]
    points[7][1]["layers"][0]["name"] = EVIL
    write_sweep(folder, [*points, ({"model": "net_a", "array.rows": 99, "name": EVIL}, f"no tile of {EVIL}")])
    assert run(["report", str(folder), "--quiet"]) == 0
    return folder / "report.html"


@pytest.fixture
def page(browser: Any, file: Path) -> Iterator[Any]:
    """The opened page; what it complains of fails the test."""
    opened = browser.new_page(viewport={"width": 1400, "height": 1000})
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text) if message.type != "log" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("request", lambda request: None if request.url.startswith("file:") else complaints.append(request.url))
    started = time.monotonic()
    opened.goto(file.as_uri())
    opened.wait_for_selector("body[data-drawn=yes]")
    assert time.monotonic() - started < OPEN_S
    yield opened
    assert complaints == []
    assert opened.title() == "Rows"
    assert opened.locator("main img").count() == 0
    opened.close()


def rows_of(page: Any) -> Any:
    return page.locator("#table tbody tr")


FIGURES = ("scatter", "machines-chart", "layer-energy", "roofline", "timeline", "macs")


def drawn(page: Any) -> set[str]:
    return {figure for figure in FIGURES if page.locator(f"#{figure} .main-svg").count()}


def scroll_to(page: Any, figure: str) -> None:
    page.locator(f"figure:has(#{figure})").scroll_into_view_if_needed()
    page.wait_for_selector(f"#{figure} .main-svg")


def test_figures_are_drawn_when_they_come_near(page: Any) -> None:
    assert "scatter" in drawn(page)
    assert not drawn(page) & {"layer-energy", "roofline", "timeline", "macs"}
    page.click("nav a[href='#selected']")
    page.wait_for_selector("#layer-energy .main-svg")
    assert page.locator("#selected").evaluate("one => Math.abs(one.getBoundingClientRect().top) < 60")


def test_paper_holds_every_figure(page: Any) -> None:
    page.pdf()
    assert drawn(page) == set(FIGURES)


def test_every_figure_is_there_and_has_units(page: Any) -> None:
    for figure in FIGURES:
        scroll_to(page, figure)
    titles = page.locator(
        "#scatter .xtitle, #scatter .ytitle, #layer-energy .ytitle, #roofline .xtitle"
    ).all_text_contents()
    assert all("(" in title for title in titles), titles
    assert page.locator("#operands").is_hidden()  # these results hold no statistics
    assert EVIL in page.locator("#failures").inner_text()


def test_nothing_is_wider_than_the_page(page: Any) -> None:
    for width in (1400, 800, 420):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(200)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_filter_takes_words_and_comparisons(page: Any) -> None:
    count = page.locator("#count")
    assert count.inner_text() == "60 of 60 points"
    page.fill("#filter", "net_a rows<=12")
    assert count.inner_text() == "6 of 60 points"
    assert rows_of(page).count() == 6
    page.fill("#filter", "net_c")
    assert count.inner_text() == "0 of 60 points"
    page.click("#clear")
    assert count.inner_text() == "60 of 60 points"
    assert rows_of(page).count() == 25
    page.click("#pages button:has-text('Next')")
    assert rows_of(page).first.locator("td").first.inner_text() == "#25"


def test_columns_sort_both_ways(page: Any) -> None:
    head = page.locator("#table thead th", has_text="Latency").locator("button")
    place = page.locator("#table thead th").all_inner_texts().index(head.inner_text())
    cells = page.locator(f"#table tbody tr td:nth-child({place + 1})")
    for falls in (False, True):
        head.click()
        shown = [float(text) for text in cells.all_inner_texts()]
        assert shown == sorted(shown, reverse=falls)


def test_a_row_shows_its_breakdown(page: Any) -> None:
    page.fill("#filter", "net_b rows=20 plain")
    rows_of(page).first.click()
    number = rows_of(page).first.locator("td").first.inner_text()
    assert page.locator("#brief h3").first.inner_text() == f"Point {number}"
    assert rows_of(page).first.get_attribute("aria-selected") == "true"
    assert "DRAM" in page.locator("#brief .bar").all_inner_texts()[3]
    assert f"{number} · net_b · rows 20 · name plain" in page.locator("#selected-name").inner_text()
    bold = page.locator("#configuration .varies").all_inner_texts()
    assert [text.split() for text in bold] == [["rows", "20"]]
    options = page.locator("#layer option").all_inner_texts()
    assert options == ["the whole network", *(f"stage{i // 4}.conv{i}" for i in range(6))]
    page.select_option("#layer", "2")
    page.wait_for_function("document.getElementById('timeline-note').textContent.includes('tiles of M 448')")


def test_markup_in_names_is_shown_as_it_is(page: Any) -> None:
    page.fill("#filter", "#7")
    rows_of(page).first.click()  # its first layer has such a name
    scroll_to(page, "layer-energy")
    page.wait_for_function("document.querySelector('#layer-energy .xtick text').textContent.endsWith('<b>&amp;')")
    assert page.locator("#layer option").nth(1).inner_text() == EVIL


def test_a_point_of_the_figure_shows_its_breakdown(page: Any) -> None:
    before = page.locator("#brief h3").first.inner_text()
    point = page.locator("#scatter .scatterlayer .trace.scatter .points path").nth(3)
    point.scroll_into_view_if_needed()
    box = point.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_function(f"document.querySelector('#brief h3').textContent !== '{before}'")


def test_a_box_selects_the_rows_of_the_table(page: Any) -> None:
    plot = page.locator("#scatter .nsewdrag").first
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    page.mouse.move(box["x"] + 2, box["y"] + 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] - 2, steps=5)
    page.mouse.up()
    page.wait_for_function("document.getElementById('count').textContent.includes('selected in the figure')")
    selected = int(page.locator("#count").inner_text().split()[0])
    assert 0 < selected < 60
    bars = page.locator("#machines-note").inner_text()
    assert bars.startswith(f"The {selected}" if selected <= 30 else f"The first 30 of {selected}")
    # a click on a point within the box chooses it, and the box stays
    before = page.locator("#brief h3").first.inner_text()
    inside = page.evaluate(
        """right => [...document.querySelectorAll('#scatter .points path')].map((one) => one.getBoundingClientRect())
        .filter((one) => one.right < right - 20 && one.left > 0).map((one) => [one.left + one.width / 2,
        one.top + one.height / 2])""",
        box["x"] + box["width"] / 2,
    )
    for x, y in inside:
        page.wait_for_timeout(500)  # two clicks in a row end the box
        page.mouse.click(x, y)
        if page.locator("#brief h3").first.inner_text() != before:
            break
    assert page.locator("#brief h3").first.inner_text() != before
    assert int(page.locator("#count").inner_text().split()[0]) == selected
    page.click("#clear")
    page.wait_for_function("document.getElementById('count').textContent === '60 of 60 points'")


@pytest.mark.parametrize("quantity", ["area_mm2", "tops_per_w", "energy_pj.dram", "axis array.rows"])
def test_axes_and_colours_can_be_chosen(page: Any, quantity: str) -> None:
    page.select_option("#x", quantity)
    page.select_option("#colour", quantity)
    label = page.locator(f"#x option[value='{quantity}']").inner_text()
    page.wait_for_function(f"document.querySelector('#scatter .xtitle').textContent.startsWith('{label}')")
    has_front = quantity != "axis array.rows"
    assert page.locator("#front-note").inner_text().startswith("Lines: the fronts" if has_front else "No front")
