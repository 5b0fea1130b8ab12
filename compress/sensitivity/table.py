"""The table of a sensitivity study, and as CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from accel_sim.errors import DataError

__all__ = ["SensitivityRow", "SensitivityTable"]

SCHEMA = 1
COLUMNS = (
    "model",
    "images",
    "layer",
    "change",
    "amount",
    "cross_entropy_nats",
    "cross_entropy_rise_nats",
    "top1_percent",
    "top1_lost_points",
)


@dataclass(frozen=True)
class SensitivityRow:
    """The network with one change.

    Attributes:
        layer: that is changed, as the layer graph names it.
        change: a pruning algorithm, ``w_bits`` or ``a_bits``.
        amount: the ratio that is pruned, or the width in bits.
        cross_entropy_nats: mean over the images.
        top1_percent: 0..100.
    """

    layer: str
    change: str
    amount: float
    cross_entropy_nats: float
    top1_percent: float


@dataclass(frozen=True)
class SensitivityTable:
    """What a network loses by each change.

    Attributes:
        model: its name.
        images: how many were classified for every row.
        cross_entropy_nats, top1_percent: of the float network.
        rows: layers in the order in which they run.
    """

    model: str
    images: int
    cross_entropy_nats: float
    top1_percent: float
    rows: tuple[SensitivityRow, ...]

    @property
    def layers(self) -> tuple[str, ...]:
        """Those that were changed, in order."""
        return tuple(dict.fromkeys(row.layer for row in self.rows))

    @property
    def changes(self) -> tuple[str, ...]:
        """What was tried, in order."""
        return tuple(dict.fromkeys(row.change for row in self.rows))

    def curve(self, layer: str, change: str) -> tuple[SensitivityRow, ...]:
        """The rows of one layer and one change by rising amount; empty where it cannot be done to the layer."""
        rows = [row for row in self.rows if (row.layer, row.change) == (layer, change)]
        return tuple(sorted(rows, key=lambda row: row.amount))

    def rise_nats(self, row: SensitivityRow) -> float:
        """By how much the change raises the mean cross-entropy; below zero where it helps."""
        return row.cross_entropy_nats - self.cross_entropy_nats

    def lost_points(self, row: SensitivityRow) -> float:
        """Percentage points of top-1 accuracy that the change costs; below zero where it helps."""
        return self.top1_percent - row.top1_percent

    def to_csv(self) -> str:
        """A line per row behind one for the float network (change ``none``, no layer), with what each loses."""
        out = io.StringIO()
        writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
        writer.writeheader()
        base = SensitivityRow("", "none", 0.0, self.cross_entropy_nats, self.top1_percent)
        for row in (base, *self.rows):
            losses = {"cross_entropy_rise_nats": self.rise_nats(row), "top1_lost_points": self.lost_points(row)}
            writer.writerow({"model": self.model, "images": self.images, **asdict(row), **losses})
        return out.getvalue()

    def to_json(self) -> str:
        """All fields, keys as the attributes are named, with ``schema`` and the version that wrote it."""
        from accel_sim import __version__

        return json.dumps({"schema": SCHEMA, "bitgrove": __version__, **asdict(self)}, indent=1)

    @classmethod
    def from_csv(cls, text: str) -> SensitivityTable:
        """What :meth:`to_csv` wrote, exactly.

        Raises:
            DataError: a column or the float network's line is missing, or a value is none; says where.
        """
        reader = csv.DictReader(io.StringIO(text))
        lines = list(reader)
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing or not lines or lines[0]["change"] != "none":
            reason = f"column {missing[0]!r} is missing" if missing else "its first line is not the float network's"
            raise DataError(f"sensitivity table: {reason}; allowed: a file that bitgrove sensitivity writes")
        names = ("model", "images", "cross_entropy_nats", "top1_percent")
        return cls._checked({**{name: lines[0][name] for name in names}, "rows": lines[1:]})

    @classmethod
    def from_json(cls, text: str) -> SensitivityTable:
        """What :meth:`to_json` wrote, exactly.

        Raises:
            DataError: it is no such text; says where.
        """
        try:
            tree = json.loads(text)
        except ValueError as error:
            raise DataError(f"sensitivity table: is not JSON: {error}") from error
        if not isinstance(tree, Mapping) or tree.get("schema") != SCHEMA:
            raise DataError(f"sensitivity table: allowed: a JSON object of schema {SCHEMA}")
        return cls._checked(tree)

    @classmethod
    def _checked(cls, tree: Mapping[str, Any]) -> SensitivityTable:
        try:
            return _ADAPTER.validate_python(tree)
        except ValidationError as error:
            first = error.errors()[0]
            place = _place(first["loc"])
            raise DataError(f"sensitivity table: {place}: holds {first['input']!r:.40}; {first['msg']}") from error


_ADAPTER = TypeAdapter(SensitivityTable)


def _place(path: Sequence[int | str]) -> str:
    """``row 3: amount``, counted from 1."""
    parts = [str(part) for part in path]
    if parts[0] == "rows" and len(parts) > 1:
        return ": ".join([f"row {int(parts[1]) + 1}", *parts[2:]])
    return ".".join(parts)
