"""SCALE-Sim in ``.venv-scalesim``: it needs an older NumPy than Bitgrove."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["REQUIREMENTS", "ScaleSim", "scalesim_server"]

CHECKOUT = Path(__file__).resolve().parents[2]
FOLDER = CHECKOUT / ".venv-scalesim"
REQUIREMENTS = ("scalesim==3.0.0", "numpy<2.4")
WORKER = Path(__file__).with_name("scalesim_worker.py")

ScaleSim = Callable[[dict[str, Any]], dict[str, Any]]


def _python() -> Path:
    """Its interpreter; the environment is created where it is missing or unfinished."""
    python, ready = FOLDER / "bin" / "python", FOLDER / ".ready"
    if not ready.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(FOLDER)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *REQUIREMENTS], check=True)
        ready.touch()
    return python


@contextmanager
def scalesim_server() -> Iterator[ScaleSim]:
    """A process that runs one layer per call: ``{rows, cols, dataflow, m, n, k}`` to ``{total_cycles, cpu_s, wall_s}``.

    Raises:
        subprocess.CalledProcessError: the environment cannot be created.
        RuntimeError: SCALE-Sim ends without an answer (its traceback is on standard error).

    """
    command = [str(_python()), str(WORKER)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def ask(request: dict[str, Any]) -> dict[str, Any]:
            stdin.write(json.dumps(request) + "\n")
            stdin.flush()
            answer = stdout.readline()
            if not answer:
                raise RuntimeError(f"SCALE-Sim ended without an answer to {request}")
            found: dict[str, Any] = json.loads(answer)
            return found

        yield ask
        stdin.close()
