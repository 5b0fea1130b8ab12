"""Run the README's commands and put their output into it: ``python -m tests.docs.write_readme``.

A block is marked by a comment before it that says which lines of the output are shown, as slices::

    <!-- output: :9 -14: -->
    ```console
    $ bitgrove simulate ...
    ```

What is left out between two slices is a line with an ellipsis.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

README = Path(__file__).resolve().parents[2] / "README.md"
BLOCK = re.compile(
    r"<!-- output: (?P<slices>[-0-9: ]+) -->\n```console\n\$ (?P<command>[^\n]+)\n(?P<output>.*?)```", re.S
)

PREPARED = "bitgrove simulate dense_int8_32x32 torchvision:resnet18 --json resnet18.json --quiet"
"""Stands in the README's text; a command below it reads its file."""


def main() -> None:
    """Rewrite the README's outputs."""
    _run(PREPARED)
    README.write_text(BLOCK.sub(_fresh, README.read_text(encoding="utf-8")), encoding="utf-8")


def _fresh(block: re.Match[str]) -> str:
    lines = _run(block["command"])
    shown: list[str] = []
    last = 0
    for text in block["slices"].split():
        start, stop, _ = slice(*(int(part) if part else None for part in text.split(":"))).indices(len(lines))
        if start > last:
            shown.append(" …")
        shown += lines[start:stop]
        last = stop
    if last < len(lines):
        shown.append(" …")
    output = "\n".join(shown)
    return f"<!-- output: {block['slices']} -->\n```console\n$ {block['command']}\n{output}\n```"


def _run(command: str) -> list[str]:
    program, *arguments = shlex.split(command)
    if program != "bitgrove":
        raise SystemExit(f"{command}: the README's examples call bitgrove")
    call = "import sys; from rl.cli import run; sys.exit(run(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", call, *arguments],
        cwd=README.parent,
        check=True,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    return [line.rstrip() for line in done.stdout.splitlines() if line.strip()]


if __name__ == "__main__":
    main()
