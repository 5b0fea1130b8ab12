"""The README's examples exist and run, and its links lead somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from rl.cli import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_python_examples_run(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    one, sweep = re.findall(r"```python\n(.*?)```", PAGES[0].read_text(encoding="utf-8"), re.S)
    exec(compile(one, "README.md", "exec"), {})  # the examples are ours
    cycles, *_ = capsys.readouterr().out.split()
    assert int(cycles) > 512**3 / 16**2
    exec(compile(sweep, "README.md", "exec"), {})
    assert capsys.readouterr().out.startswith("{'array.rows': 32} ")


def test_the_commands_exist_and_show_output() -> None:
    from tests.docs.write_readme import BLOCK

    blocks = list(BLOCK.finditer(PAGES[0].read_text(encoding="utf-8")))
    assert len(blocks) >= 3
    for block in blocks:
        program, command, *_ = shlex.split(block["command"])
        assert (program, command in COMMANDS) == ("bitgrove", True)
        assert block["output"].count("\n") > 5


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_lead_to_files(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)#]*)[^)]*\)", text):
        assert not target or (page.parent / target).exists(), target
