"""A Dask cluster of processes of this machine: a scheduler at a fixed address, and two workers."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

__all__ = ["DaskProcesses"]

ROOT = Path(__file__).resolve().parents[4]


class DaskProcesses:
    """Scheduler and workers, started; ``close`` kills them.

    Args:
        folder: for what the workers write.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._port = folder, _free_port()
        self.address = f"tcp://127.0.0.1:{self._port}"
        self._scheduler, self._workers = self._start()
        self._wait()

    def restart(self) -> None:
        """The scheduler dies and starts anew at the same address, with new workers: it knows nothing of before."""
        self.close()
        self._scheduler, self._workers = self._start()

    def end_workers(self) -> None:
        """The workers die."""
        _kill(self._workers)

    def close(self) -> None:
        """End all."""
        _kill([self._scheduler, *self._workers])

    def _start(self) -> tuple[subprocess.Popen[bytes], list[subprocess.Popen[bytes]]]:
        local = ["--host", "127.0.0.1", "--no-dashboard"]
        worker = ["worker", self.address, "--nthreads", "1", "--no-nanny", "--local-directory", str(self._folder)]
        scheduler = self._run("scheduler", "--port", str(self._port), *local)
        return scheduler, [self._run(*worker, *local) for _ in range(2)]

    def _run(self, *arguments: str) -> subprocess.Popen[bytes]:
        path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        command = [sys.executable, "-m", "dask", *arguments]
        return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}, stderr=subprocess.DEVNULL)

    def _wait(self) -> None:
        from distributed import Client

        with Client(self.address, timeout=60, set_as_default=False) as client:  # type: ignore[no-untyped-call]
            client.wait_for_workers(2, timeout=60)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _kill(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.kill()
    for process in processes:
        process.wait(timeout=30)
