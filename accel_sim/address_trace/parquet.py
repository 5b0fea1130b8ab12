"""Tables written to Parquet row group by row group, complete or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.errors import InputError

__all__ = ["ROW_GROUP", "Column", "TableWriter", "need_pyarrow"]

ROW_GROUP = 1 << 20
"""Rows that are collected before they are written."""

Column = str | Sequence[str]
"""The name of an integer type, or the names that a dictionary's codes stand for."""


def need_pyarrow() -> Any:
    """PyArrow.

    Raises:
        InputError: it is not installed.
    """
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise InputError("--address-trace: pyarrow is needed; pip install 'bitgrove[parquet]'") from error
    return pyarrow


class TableWriter:
    """A Parquet file that is written under a temporary name and renamed when its ``with`` block ends well.

    Args:
        columns: in their order. Values of a dictionary's column are codes.
        row_group: rows that are collected before they are written.

    Raises:
        InputError: the file cannot be written; nothing is left behind.
    """

    def __init__(self, path: Path, columns: Mapping[str, Column], row_group: int = ROW_GROUP) -> None:
        self._arrow, self._path, self._columns, self._row_group = need_pyarrow(), path, columns, row_group
        self._temporary = path.with_name(f".{path.name}.{os.getpid()}")
        self._parts: list[dict[str, NDArray[np.integer]]] = []
        self._waiting = 0
        self._schema = self._arrow.schema([(name, self._type(kind)) for name, kind in columns.items()])
        self._writer: Any = None

    def __enter__(self) -> TableWriter:
        try:
            self._writer = self._arrow.parquet.ParquetWriter(self._temporary, self._schema, compression="zstd")
        except OSError as error:
            raise self._unwritten(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._write(self._waiting)
            self._writer.close()
            if kind is None:
                self._temporary.replace(self._path)
        except OSError as failure:
            raise self._unwritten(failure) from failure
        finally:
            self._temporary.unlink(missing_ok=True)

    def add(self, **columns: NDArray[np.integer] | int) -> None:
        """Append rows: a value per row, or one for all of them."""
        rows = max(np.size(values) for values in columns.values() if not isinstance(values, int))
        if rows == 0:
            return
        self._parts.append({name: self._narrow(name, values, rows) for name, values in columns.items()})
        self._waiting += rows
        while self._waiting >= self._row_group:
            self._write(self._row_group)

    def _narrow(self, name: str, values: NDArray[np.integer] | int, rows: int) -> NDArray[np.integer]:
        kind = self._columns[name]
        return np.broadcast_to(np.asarray(values).astype(kind if isinstance(kind, str) else np.int32), (rows,))

    def _write(self, rows: int) -> None:
        """Write the first ``rows`` of those that wait as a row group."""
        if rows == 0:
            return
        together = {name: np.concatenate([part[name] for part in self._parts]) for name in self._columns}
        arrays = [self._array(kind, together[name][:rows]) for name, kind in self._columns.items()]
        try:
            self._writer.write_table(self._arrow.Table.from_arrays(arrays, schema=self._schema), row_group_size=rows)
        except OSError as error:
            raise self._unwritten(error) from error
        self._waiting -= rows
        self._parts = [{name: values[rows:].copy() for name, values in together.items()}] if self._waiting else []

    def _type(self, kind: Column) -> Any:
        if isinstance(kind, str):
            return getattr(self._arrow, kind)()
        return self._arrow.dictionary(self._arrow.int32(), self._arrow.string())

    def _array(self, kind: Column, values: NDArray[np.integer]) -> Any:
        if isinstance(kind, str):
            return self._arrow.array(values)
        return self._arrow.DictionaryArray.from_arrays(self._arrow.array(values), self._arrow.array(list(kind)))

    def _unwritten(self, error: OSError) -> InputError:
        return InputError(f"{self._path}: cannot be written: {error.strerror or error}")
