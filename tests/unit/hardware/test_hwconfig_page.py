"""The field reference in the docs is the schema's."""

from __future__ import annotations

from tests.docs.write_hwconfig import PAGE, page


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tests.docs.write_hwconfig"


def test_the_page_tells_each_field_once() -> None:
    text = page()
    assert text.count("| `rows` |") == 1
    assert "| `kib` | a number above 0 and up to 1048576 |  | Capacity in KiB" in text
    assert "## `buffers.{activations, weights, outputs}`" in text
