"""Conditions such as ``array.rows * array.cols <= 4096``: arithmetic and comparisons on named values, nothing else.

A text is parsed with Python's grammar, but only the nodes listed here are evaluated, by this module: there are no
attributes, no subscripts, no calls but those of :data:`FUNCTIONS`, and numbers cannot grow without bound.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from accel_sim.errors import InputError
from accel_sim.hardware.diagnose import suggestion

__all__ = ["FUNCTIONS", "Expression", "parse_expression"]

MAX_LENGTH, MAX_NODES, MAX_POWER = 500, 100, 64
"""Characters and nodes of a text, and the highest exponent; no value can then take more than some kilobytes."""

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "ceil": math.ceil,
    "floor": math.floor,
    "log2": math.log2,
    "max": max,
    "min": min,
    "sqrt": math.sqrt,
}
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda one, many: one in many,
    ast.NotIn: lambda one, many: one not in many,
}
_ALLOWED = "names, numbers, 'text', lists, and, or, not, in, comparisons, + - * / // % **, " + ", ".join(FUNCTIONS)


@dataclass(frozen=True)
class Expression:
    """A parsed condition.

    Attributes:
        text: as it was written.
        names: dotted names that it needs.
    """

    text: str
    names: frozenset[str]
    tree: ast.expr

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether the condition is true for ``values``.

        Raises:
            InputError: a value is missing, or of a kind that the operation does not take.
        """
        try:
            return bool(_value(self.tree, values))
        except KeyError as error:
            name = str(error.args[0])
            guess = suggestion(name, values) or f"known: {', '.join(sorted(values))}"
            raise InputError(f"{self.text!r}: unknown name {name!r}; {guess}") from None
        except (TypeError, ValueError, ArithmeticError) as error:
            raise InputError(f"{self.text!r}: cannot be evaluated: {error}") from None

    def unknown(self, known: Iterable[str]) -> list[str]:
        """Its names that are not among ``known``, sorted."""
        return sorted(self.names - set(known))


def parse_expression(text: str) -> Expression:
    """The condition that ``text`` states.

    Raises:
        InputError: not an expression, or one with anything but what is allowed; the message repeats the text.

    >>> parse_expression("array.rows == array.cols and energy_j < 1e-3").holds(
    ...     {"array.rows": 8, "array.cols": 8, "energy_j": 2e-4}
    ... )
    True
    """
    shown = text if len(text) <= 80 else f"{text[:80]}…"
    if len(text) > MAX_LENGTH:
        raise InputError(f"{shown!r}: has {len(text)} characters; allowed: up to {MAX_LENGTH}")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise InputError(f"{shown!r}: is not an expression; write e.g. array.rows == array.cols") from None
    if sum(1 for _ in ast.walk(tree)) > MAX_NODES:
        raise InputError(f"{shown!r}: has too many parts; allowed: up to {MAX_NODES}")
    if not _allowed(tree):
        raise InputError(f"{shown!r}: allowed: {_ALLOWED}")
    return Expression(text, frozenset(_names(tree)), tree)


def _allowed(node: ast.expr) -> bool:
    """Whether a node and all below it can be evaluated."""
    if _dotted(node) is not None:
        return True
    match node:
        case ast.Constant(value=value):
            return isinstance(value, int | float | str) or value is None
        case ast.BoolOp(values=parts) | ast.List(elts=parts) | ast.Tuple(elts=parts):
            return all(map(_allowed, parts))
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.UAdd(), operand=operand):
            return _allowed(operand)
        case ast.BinOp(left=left, op=op, right=right):
            return type(op) in _ARITHMETIC and _allowed(left) and _allowed(right)
        case ast.Compare(left=left, ops=ops, comparators=others):
            return all(type(op) in _COMPARISONS for op in ops) and all(map(_allowed, (left, *others)))
        case ast.Call(func=ast.Name(id=function), args=parts, keywords=[]):
            return function in FUNCTIONS and all(map(_allowed, parts))
    return False


def _names(node: ast.AST) -> Iterator[str]:
    """Dotted names below a node, those of functions left out."""
    name = _dotted(node)
    if name is not None:
        yield name
        return
    inner = node.args if isinstance(node, ast.Call) else ast.iter_child_nodes(node)
    for child in inner:
        yield from _names(child)


def _dotted(node: ast.AST) -> str | None:
    """``a.b.c`` where a node is a chain of names."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else None


def _value(node: ast.expr, values: Mapping[str, Any]) -> Any:
    name = _dotted(node)
    if name is not None:
        return values[name]
    match node:
        case ast.Constant(value=value):
            return value
        case ast.BoolOp(op=op, values=parts):
            results = (_value(part, values) for part in parts)
            return all(results) if isinstance(op, ast.And) else any(results)
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            return [_value(part, values) for part in parts]
        case ast.UnaryOp(op=op, operand=operand):
            inner = _value(operand, values)
            if isinstance(op, ast.Not):
                return not inner
            return -_number(inner) if isinstance(op, ast.USub) else _number(inner)
        case ast.BinOp(left=left, op=op, right=right):
            return _arithmetic(type(op), _number(_value(left, values)), _number(_value(right, values)))
        case ast.Compare(left=left, ops=ops, comparators=others):
            terms = [_value(part, values) for part in (left, *others)]
            return all(
                _COMPARISONS[type(op)](one, two) for op, one, two in zip(ops, terms[:-1], terms[1:], strict=True)
            )
        case ast.Call(func=ast.Name(id=function), args=parts):
            return FUNCTIONS[function](*[_value(part, values) for part in parts])
    raise TypeError(f"{type(node).__name__} is not allowed")


def _number(value: Any) -> int | float:
    if not isinstance(value, int | float):
        raise TypeError(f"{value!r} is not a number")
    return value


def _arithmetic(op: type[ast.operator], left: float, right: float) -> Any:
    if op is ast.Pow and abs(right) > MAX_POWER:
        raise ValueError(f"exponents beyond {MAX_POWER} are not allowed")
    if isinstance(left, int) and isinstance(right, int) and max(left.bit_length(), right.bit_length()) > 1024:
        raise ValueError("numbers beyond 1024 bits are not allowed")
    return _ARITHMETIC[op](left, right)
