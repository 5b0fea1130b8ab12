"""A batch system of one machine: the commands that dask-jobqueue calls, which really run the job scripts.

``sbatch FILE``, ``bsub < FILE`` start the script in the background in a process group of its own; ``scancel ID``,
``bkill ID`` end the group. A folder keeps ``jobs/ID``, which holds the group's number. Files in the folder change what
happens: ``full`` lets jobs wait for ever, ``refuse`` holds what a refused submission is told.
"""

from __future__ import annotations

import os
import signal
import stat
import sys
from contextlib import suppress
from pathlib import Path

__all__ = ["COMMANDS", "BatchSystem"]

COMMANDS = {"slurm": ("sbatch", "scancel", "squeue"), "lsf": ("bsub", "bkill", "bjobs")}
"""Of each system: submit, end, list."""

_SUBMIT = """\
#!{python}
import os, subprocess, sys
from pathlib import Path

home = Path({home!r})
if (home / "refuse").exists():
    sys.exit((home / "refuse").read_text())
text = Path(sys.argv[1]).read_text() if len(sys.argv) > 1 else sys.stdin.read()
number = 1
while True:  # two submissions at once get two numbers
    try:
        job = os.open(home / "jobs" / str(number), os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        break
    except FileExistsError:
        number += 1
script = home / f"script{{number}}.sh"
script.write_text(text)
if not (home / "full").exists():
    output = open(home / f"output{{number}}", "w")
    process = subprocess.Popen(
        ["bash", str(script)], stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
    )
    os.write(job, str(process.pid).encode())
print({answer!r}.format(number))
"""
_END = """\
#!{python}
import os, signal, sys
from pathlib import Path

home = Path({home!r})
for number in sys.argv[1:]:
    group = (home / "jobs" / number).read_text()
    (home / "jobs" / number).unlink()
    if group:
        try:
            os.killpg(int(group), signal.SIGTERM)
        except ProcessLookupError:
            pass
"""
_LIST = """\
#!{python}
import os
print(*sorted(os.listdir({home!r} + "/jobs")), sep="\\n")
"""
_ANSWERS = {"slurm": "Submitted batch job {}", "lsf": "Job <{}> is submitted to default queue <normal>."}


class BatchSystem:
    """The commands of a system in ``folder / "bin"``, to be put on PATH."""

    def __init__(self, folder: Path, system: str) -> None:
        self._home, self.bin = folder, folder / "bin"
        (folder / "jobs").mkdir(parents=True)
        self.bin.mkdir()
        for name, text in zip(COMMANDS[system], (_SUBMIT, _END, _LIST), strict=True):
            command = self.bin / name
            command.write_text(text.format(python=sys.executable, home=str(folder), answer=_ANSWERS[system]))
            command.chmod(command.stat().st_mode | stat.S_IXUSR)

    def fill(self) -> None:
        """From now on jobs are taken and never start."""
        (self._home / "full").touch()

    def refuse(self, message: str) -> None:
        """From now on no job is taken."""
        (self._home / "refuse").write_text(message)

    @property
    def scripts(self) -> list[str]:
        """Texts of the jobs."""
        return [path.read_text() for path in sorted(self._home.glob("script*.sh"))]

    @property
    def jobs(self) -> dict[int, int]:
        """Number and process group of each job that was started and not ended by the system's command."""
        files = (self._home / "jobs").iterdir()
        return {int(file.name): int(text) for file in files if (text := file.read_text())}

    @property
    def waiting(self) -> list[str]:
        """Jobs that the system still holds, started or not."""
        return sorted(file.name for file in (self._home / "jobs").iterdir())

    def kill_one(self) -> int:
        """As a failing node does: a job's processes end, and nobody is told."""
        number, group = sorted(self.jobs.items())[0]
        os.killpg(group, signal.SIGKILL)
        return number

    def processes(self, group: int) -> list[int]:
        """Living processes of a group."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with suppress(OSError):
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                    if int(fields[2]) == group and fields[0] != "Z":
                        found.append(int(entry.name))
        return found

    def kill_all(self) -> None:
        """Whatever a failed test has left."""
        for group in self.jobs.values():
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
