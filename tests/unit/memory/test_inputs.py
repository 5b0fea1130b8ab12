"""Address maps and trace files: what is refused, and in which words."""

from __future__ import annotations

from pathlib import Path

import pytest

from accel_sim.errors import HardwareError, WorkloadError
from accel_sim.memory.address_map import check_address_map
from accel_sim.memory.trace_file import read_trace


@pytest.mark.parametrize("text", ["", "ro", "rorachbabg", "rochrababgcoco", "xxchrababgco"])
def test_a_map_names_every_field_once(text: str) -> None:
    with pytest.raises(HardwareError, match="address_map holds"):
        check_address_map(text)


def test_a_trace_with_comments_and_both_kinds_of_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.trace"
    path.write_text("# first\n0x40 READ 0\n\n128 write 7 # second\n")
    trace = read_trace(path)
    assert trace.addresses.tolist() == [64, 128]
    assert trace.writes.tolist() == [False, True]
    assert trace.cycles.tolist() == [0, 7]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "holds no request"),
        ("0x40 READ 0\n0x80 LOOK 1", ":2: holds '0x80 LOOK 1'; allowed: address READ|WRITE cycle"),
        ("0x40 READ", ":1: holds '0x40 READ'"),
        ("zz READ 0", ":1: address holds 'zz'"),
        ("-1 READ 0", ":1: address holds '-1'"),
        ("0 READ 0x1", ":1: cycle holds '0x1'"),
        ("0 READ 99999999999999999999", ":1: cycle holds"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, text: str, line: str) -> None:
    path = tmp_path / "a.trace"
    path.write_text(text)
    with pytest.raises(WorkloadError) as found:
        read_trace(path)
    assert line in str(found.value)
    assert len(str(found.value).splitlines()) == 1


def test_a_missing_trace(tmp_path: Path) -> None:
    with pytest.raises(WorkloadError, match="cannot be read"):
        read_trace(tmp_path / "none.trace")
