"""Conditions: what they compute, and that they can do nothing else."""

from __future__ import annotations

import pytest

from accel_sim.errors import InputError
from rl.sweeps.expressions import parse_expression

VALUES = {"array.rows": 8, "array.cols": 16, "model": "gemm:1,2,3", "energy_j": 2e-3, "array.dataflow": "ws"}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("array.rows == array.cols", False),
        ("array.rows * array.cols <= 128", True),
        ("array.rows < array.cols < 17", True),
        ("array.dataflow in ['ws', 'is'] and not energy_j > 1", True),
        ("array.dataflow not in ('os',) or array.rows", True),
        ("log2(array.cols) - 1 == 3 and max(array.rows, 3) % 3 == 2 and array.rows ** 2 // 7 == 9", True),
        ("-array.rows + 8 == 0 and model == 'gemm:1,2,3'", True),
    ],
)
def test_values(text: str, holds: bool) -> None:
    expression = parse_expression(text)
    assert expression.holds(VALUES) is holds
    assert expression.unknown(VALUES) == []


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "(1).real",
        "array.rows.bit_length()",
        "[x for x in 'ab']",
        "lambda: 1",
        "f'{model}'",
        "model[0]",
        "max(*model)",
        "max(1, key=abs)",
        "array.rows if 1 else 2",
        "(a := 3)",
        "b'x'",
        "1 << 9",
        "array.rows = 3",
        "",
        "a" * 600,
        " + ".join(["1"] * 90),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_expression(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("9 ** 99 > 1", "exponents beyond 64"),
        ("(10**64)**6 * (10**64)**6 > 1", "beyond 1024 bits"),
        ("'%s' % 3 == 1", "is not a number"),
        ("model * 3 == 1", "is not a number"),
        ("array.rows / 0 > 1", "division by zero"),
        ("model < 3", "not supported"),
        ("array.row == 3", "unknown name 'array.row'; did you mean 'array.rows'?"),
    ],
)
def test_values_that_do_not_fit(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message.replace("?", r"\?")):
        parse_expression(text).holds(VALUES)
