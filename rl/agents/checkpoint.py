"""An agent on disk: ``agent.json`` and the safetensors file that it names, complete or as they were before.

The arrays are written first, under a name made of their content; the JSON that names them is renamed into place last,
so a process killed at any moment leaves a pair that belongs together.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from safetensors.numpy import load, save

from accel_sim.errors import InputError
from accel_sim.files import make_directory, write_atomically
from rl.agents.arrays import Arrays

__all__ = ["read_checkpoint", "write_checkpoint"]

JSON_NAME = "agent.json"
ARRAYS_PATTERN = "agent-*.safetensors"


def write_checkpoint(directory: Path, facts: dict[str, Any], arrays: Arrays) -> None:
    """Write ``facts`` (JSON) and ``arrays`` into ``directory``, in place of what was there.

    Raises:
        InputError: the folder cannot be made or written.

    """
    make_directory(directory)
    content = save({name: array.copy() for name, array in arrays.items()})
    digest = hashlib.sha256(content).hexdigest()
    path = directory / ARRAYS_PATTERN.replace("*", digest[:16])
    write_atomically(path, content)
    text = json.dumps({**facts, "arrays": path.name, "sha256": digest}, indent=2)
    write_atomically(directory / JSON_NAME, text.encode())
    for older in set(directory.glob(ARRAYS_PATTERN)) - {path}:
        older.unlink(missing_ok=True)


def read_checkpoint(directory: Path) -> tuple[dict[str, Any], Arrays]:
    """Facts and arrays that :func:`write_checkpoint` wrote.

    Raises:
        InputError: a file is missing, is no checkpoint, or is damaged; the line names it.

    """
    path = directory / JSON_NAME
    try:
        facts: dict[str, Any] = json.loads(path.read_text())
        path = directory / facts["arrays"]
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: is not an agent's checkpoint: {error}") from error
    if hashlib.sha256(content).hexdigest() != facts.get("sha256"):
        raise InputError(f"{path}: is damaged; its checksum is not the one in {JSON_NAME}")
    return facts, load(content)
