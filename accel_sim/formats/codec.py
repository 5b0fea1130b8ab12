"""Encoders and decoders of the storage formats, bit by bit: what :mod:`accel_sim.formats.size` counts.

Plain Python, for tests and for looking at what a format makes of a tensor; the simulator counts without encoding.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from accel_sim.errors import WorkloadError
from accel_sim.formats.size import COLUMN_GROUP, LONGEST_RUN, RUN_BITS, count_bits, index_bits
from accel_sim.hardware.schema import NmSparsity

__all__ = ["decode", "encode"]

Bits = NDArray[np.uint8]
Ints = NDArray[np.int64]
Field = tuple[int, int]
"""A number and its width."""


def encode(name: str, values: Ints, bits: int, n_m: NmSparsity | None = None) -> Bits:
    """The bits of ``values (vectors, length)``, each 0 or 1, most significant first.

    Args:
        bits: of an element, two's complement.
        n_m: the pattern, for ``n_m``.

    Raises:
        WorkloadError: a group holds more than the pattern allows.
    """
    fields = (field for vector in values for field in _FIELDS[name](vector.tolist(), bits, n_m))
    return _written(fields)


def decode(
    name: str, stream: Bits, shape: tuple[int, int], bits: int, *, signed: bool, n_m: NmSparsity | None = None
) -> Ints:
    """The values of a stream of :func:`encode`."""
    reader = _Reader(stream, bits, signed)
    vectors = [_READERS[name](reader, shape[1], n_m) for _ in range(shape[0])]
    return np.array(vectors, np.int64).reshape(shape)


def _written(fields: Iterator[Field]) -> Bits:
    bits = [number >> place & 1 for number, width in fields for place in range(width - 1, -1, -1)]
    return np.array(bits, np.uint8)


class _Reader:
    def __init__(self, stream: Bits, bits: int, signed: bool) -> None:
        self._stream, self.bits, self._signed, self._at = stream.tolist(), bits, signed, 0

    def number(self, width: int) -> int:
        value = 0
        for bit in self._stream[self._at : self._at + width]:
            value = 2 * value + bit
        self._at += width
        return value

    def value(self) -> int:
        return self.signed(self.number(self.bits))

    def signed(self, value: int) -> int:
        """The element that these bits stand for."""
        return value - (1 << self.bits) if self._signed and value >> (self.bits - 1) else value


def _value(value: int, bits: int) -> Field:
    return value & ((1 << bits) - 1), bits


def _dense(vector: list[int], bits: int, _: NmSparsity | None) -> Iterator[Field]:
    for value in vector:
        yield _value(value, bits)


def _read_dense(reader: _Reader, length: int, _: NmSparsity | None) -> list[int]:
    return [reader.value() for _ in range(length)]


def _bitmask(vector: list[int], bits: int, _: NmSparsity | None) -> Iterator[Field]:
    for value in vector:
        yield int(value != 0), 1
    for value in vector:
        if value:
            yield _value(value, bits)


def _read_bitmask(reader: _Reader, length: int, _: NmSparsity | None) -> list[int]:
    mask = [reader.number(1) for _ in range(length)]
    return [reader.value() if there else 0 for there in mask]


def _csc(vector: list[int], bits: int, _: NmSparsity | None) -> Iterator[Field]:
    there = [(place, value) for place, value in enumerate(vector) if value]
    yield len(there), count_bits(len(vector))
    for place, value in there:
        yield place, index_bits(len(vector))
        yield _value(value, bits)


def _read_csc(reader: _Reader, length: int, _: NmSparsity | None) -> list[int]:
    vector = [0] * length
    for _nth in range(reader.number(count_bits(length))):
        place = reader.number(index_bits(length))
        vector[place] = reader.value()
    return vector


def _rle(vector: list[int], bits: int, _: NmSparsity | None) -> Iterator[Field]:
    run = 0
    for place, value in enumerate(vector):
        if value == 0 and run < LONGEST_RUN and place < len(vector) - 1:
            run += 1
            continue
        yield run, RUN_BITS
        yield _value(value, bits)
        run = 0


def _read_rle(reader: _Reader, length: int, _: NmSparsity | None) -> list[int]:
    vector: list[int] = []
    while len(vector) < length:
        run = reader.number(RUN_BITS)
        vector += [0] * run + [reader.value()]
    return vector


def _n_m(vector: list[int], bits: int, n_m: NmSparsity | None) -> Iterator[Field]:
    assert n_m is not None  # see encode
    for first in range(0, len(vector), n_m.of):
        group = [(place, value) for place, value in enumerate(vector[first : first + n_m.of]) if value]
        if len(group) > n_m.keep:
            raise WorkloadError(f"n_m: a group holds {len(group)} non-zero values; allowed: {n_m.keep} of {n_m.of}")
        for place, value in group + [(0, 0)] * (n_m.keep - len(group)):
            yield place, index_bits(n_m.of)
            yield _value(value, bits)


def _read_n_m(reader: _Reader, length: int, n_m: NmSparsity | None) -> list[int]:
    assert n_m is not None  # see decode
    vector = [0] * length
    for first in range(0, length, n_m.of):
        for _ in range(n_m.keep):
            place, value = reader.number(index_bits(n_m.of)), reader.value()
            if value:
                vector[first + place] = value
    return vector


def _bit_columns(vector: list[int], bits: int, _: NmSparsity | None) -> Iterator[Field]:
    for first in range(0, len(vector), COLUMN_GROUP):
        group = vector[first : first + COLUMN_GROUP]
        columns = [[value >> place & 1 for value in group] for place in range(bits)]
        repeats = 0
        while len(columns) > 1 and columns[-2] == columns[-1]:
            columns.pop()
            repeats += 1
        low = 0
        while low < len(columns) and len(set(columns[low])) == 1:
            low += 1
        yield repeats, index_bits(bits)
        yield low, count_bits(bits)
        yield from ((column[0], 1) for column in columns[:low])
        yield from ((bit, 1) for column in columns[low:] for bit in column)


def _read_bit_columns(reader: _Reader, length: int, _: NmSparsity | None) -> list[int]:
    vector: list[int] = []
    while len(vector) < length:
        size, bits = min(COLUMN_GROUP, length - len(vector)), reader.bits
        repeats, low = reader.number(index_bits(bits)), reader.number(count_bits(bits))
        columns = [[reader.number(1)] * size for _nth in range(low)]
        columns += [[reader.number(1) for _lane in range(size)] for _nth in range(bits - repeats - low)]
        columns += [columns[-1]] * repeats
        raw = (sum(column[lane] << place for place, column in enumerate(columns)) for lane in range(size))
        vector += [reader.signed(value) for value in raw]
    return vector


_FIELDS = {"dense": _dense, "bitmask": _bitmask, "csc": _csc, "rle": _rle, "n_m": _n_m, "bit_columns": _bit_columns}
_READERS = {
    "dense": _read_dense,
    "bitmask": _read_bitmask,
    "csc": _read_csc,
    "rle": _read_rle,
    "n_m": _read_n_m,
    "bit_columns": _read_bit_columns,
}
