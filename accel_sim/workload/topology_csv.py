"""SCALE-Sim topology files: one layer a row, as a convolution or as a matrix product.

The columns are told by the header (case and spaces do not matter):

* convolution: ``Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides``,
  or with ``Stride Height, Stride Width`` for the last; one group, no padding (the map's size includes it);
* product: ``Layer, M, N, K``.

A trailing comma, columns behind these (SCALE-Sim v3's sparsity, say, must be empty or ``1:1``) and empty lines are
allowed. Output sizes are ``⌊(H - F) / S⌋ + 1``; SCALE-Sim rounds up, which is a known fault of its.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType

from accel_sim.errors import WorkloadError
from accel_sim.workload.layers import ConvGeometry, GemmLayer, Workload

__all__ = ["read_topology_csv"]

CONV = ("layer name", "ifmap height", "ifmap width", "filter height", "filter width", "channels", "num filter")
ALIASES = {
    "layer": "layer name",
    "layer_name": "layer name",
    "ifmap h": "ifmap height",
    "ifmap w": "ifmap width",
    "filter h": "filter height",
    "filter w": "filter width",
    "num filters": "num filter",
    "stride": "strides",
    "strides height": "stride height",
    "strides width": "stride width",
    "stride h": "stride height",
    "stride w": "stride width",
}
HEADINGS = (
    "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides "
    "or Layer, M, N, K"
)
IGNORED_IF = {"sparsity": ("", "1:1", "dense")}


@dataclass(frozen=True)
class _Row:
    """One layer's cells by column, and where they stand."""

    file: str
    line: int
    cells: Mapping[str, str]

    def error(self, column: str, problem: str) -> WorkloadError:
        return WorkloadError(f"{self.file}:{self.line}: {column}: {problem}")

    def size(self, column: str) -> int:
        """A cell that must be an integer from 1."""
        text = self.cells[column]
        if not (text.isascii() and text.isdigit() and int(text) >= 1):
            raise self.error(column.title(), f"holds {text!r}; allowed: an integer from 1")
        return int(text)


def read_topology_csv(path: Path, batch: int = 1, a_bits: int = 8, w_bits: int = 8) -> Workload:
    """Read a topology file; each layer reads the one before it.

    Args:
        batch: images at a time; multiplies M of every layer.

    Raises:
        WorkloadError: ``file:line: column: what it holds; what is allowed``.
    """
    rows = [row for row in _lines(path) if any(cell.strip() for cell in row[1])]
    if not rows:
        raise WorkloadError(f"{path}: is empty; allowed: a header ({HEADINGS}) and a row per layer")
    columns, make = _columns(path, *rows[0])
    layers: list[GemmLayer] = []
    for line, cells in rows[1:]:
        row = _row(path, line, columns, cells)
        before = (layers[-1].name,) if layers else ()
        name = _unique(row, {layer.name for layer in layers})
        layers.append(make(row, name, before, batch, a_bits, w_bits))
    if not layers:
        raise WorkloadError(f"{path}: has a header but no layer")
    return Workload(path.name, tuple(layers), MappingProxyType({"source": path.name}))


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    """Rows with the numbers of their lines."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise WorkloadError(f"{path}: no such topology file") from None
    except (UnicodeDecodeError, OSError) as error:
        reason = "is not text (UTF-8)" if isinstance(error, UnicodeDecodeError) else (error.strerror or "unreadable")
        raise WorkloadError(f"{path}: {reason}; allowed: a SCALE-Sim topology as CSV") from error
    if "\0" in text:
        raise WorkloadError(f"{path}: is not text; allowed: a SCALE-Sim topology as CSV")
    reader = csv.reader(io.StringIO(text))
    rows: list[tuple[int, list[str]]] = []
    try:
        rows.extend((reader.line_num, row) for row in reader)
    except csv.Error as error:
        raise WorkloadError(f"{path}:{reader.line_num}: is not CSV: {error}") from error
    return rows


Maker = Callable[[_Row, str, tuple[str, ...], int, int, int], GemmLayer]


def _columns(path: Path, line: int, header: list[str]) -> tuple[list[str], Maker]:
    """The columns' names and what makes a layer of a row."""
    names = [" ".join(cell.split()).lower() for cell in header]
    names = [ALIASES.get(name, name) for name in names]
    duplicate = next((a for a, b in pairwise(sorted(name for name in names if name)) if a == b), None)
    if duplicate:
        raise WorkloadError(f"{path}:{line}: header: column {duplicate.title()!r} stands there twice")
    product = {"m", "n", "k"} & set(names)
    wanted: tuple[str, ...] = ("layer name", "m", "n", "k")
    if not product:
        split = {"stride height", "stride width"} & set(names)
        wanted = (*CONV, *(("stride height", "stride width") if split else ("strides",)))
    missing = [name.title() for name in wanted if name not in names]
    if missing:
        raise WorkloadError(f"{path}:{line}: header: column {missing[0]!r} is missing; allowed: {HEADINGS}")
    unknown = [name for name in names if name and name not in wanted and name not in IGNORED_IF]
    if unknown:
        raise WorkloadError(f"{path}:{line}: header: column {unknown[0].title()!r} is not known; allowed: {HEADINGS}")
    return names, _product if product else _convolution


def _row(path: Path, line: int, columns: list[str], cells: list[str]) -> _Row:
    values = [cell.strip() for cell in cells]
    row = _Row(str(path), line, MappingProxyType(dict(zip(columns, values, strict=False))))
    for column in columns:
        if column and column not in row.cells and column not in IGNORED_IF:
            raise row.error(column.title(), f"is missing; the row has {len(values)} cells")
    nameless = [value for column, value in zip(columns, values, strict=False) if not column]
    extra = [value for value in (*nameless, *values[len(columns) :]) if value]
    if extra:
        raise row.error("row", f"holds {extra[0]!r} behind the last column; allowed: one cell per column")
    for column, allowed in IGNORED_IF.items():
        if row.cells.get(column, "") not in allowed:
            raise row.error(column.title(), f"holds {row.cells[column]!r}; allowed: empty or {allowed[1]}")
    if not row.cells["layer name"]:
        raise row.error("Layer Name", "is empty; allowed: a name")
    return row


def _unique(row: _Row, taken: set[str]) -> str:
    """The layer's name; SCALE-Sim allows the same name twice, results here need different ones."""
    name = row.cells["layer name"]
    if name not in taken:
        return name
    return next(f"{name}_{i}" for i in range(1, len(taken) + 2) if f"{name}_{i}" not in taken)


def _product(row: _Row, name: str, before: tuple[str, ...], batch: int, a_bits: int, w_bits: int) -> GemmLayer:
    m, n, k = (row.size(column) for column in ("m", "n", "k"))
    return GemmLayer(name, "gemm", 1, batch * m, n, k, a_bits=a_bits, w_bits=w_bits, inputs=before)


def _convolution(row: _Row, name: str, before: tuple[str, ...], batch: int, a_bits: int, w_bits: int) -> GemmLayer:
    sizes = {column: row.size(column) for column in row.cells if column not in ("layer name", "", *IGNORED_IF)}
    stride_h = sizes.get("strides", sizes.get("stride height", 1))
    stride_w = sizes.get("strides", sizes.get("stride width", 1))
    for axis in ("height", "width"):
        kernel, image = sizes[f"filter {axis}"], sizes[f"ifmap {axis}"]
        if kernel > image:
            allowed = f"1 to {image}, the map's {axis}"
            raise row.error(f"Filter {axis.title()}", f"holds '{kernel}'; allowed: {allowed}")
    out_h = (sizes["ifmap height"] - sizes["filter height"]) // stride_h + 1
    out_w = (sizes["ifmap width"] - sizes["filter width"]) // stride_w + 1
    conv = ConvGeometry(
        batch=batch,
        in_h=sizes["ifmap height"],
        in_w=sizes["ifmap width"],
        in_channels=sizes["channels"],
        kernel_h=sizes["filter height"],
        kernel_w=sizes["filter width"],
        out_h=out_h,
        out_w=out_w,
        stride_h=stride_h,
        stride_w=stride_w,
    )
    k = conv.kernel_h * conv.kernel_w * conv.in_channels
    return GemmLayer(
        name=name,
        op="conv2d",
        groups=1,
        m=batch * out_h * out_w,
        n=sizes["num filter"],
        k=k,
        a_bits=a_bits,
        w_bits=w_bits,
        conv=conv,
        inputs=before,
    )
