"""What the page draws of one point's layers, reduced to columns of short numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from accel_sim.errors import InputError
from accel_sim.hardware.schema import Hardware
from accel_sim.labels import COMPONENT_LABELS
from accel_sim.plots.bars import bar_groups, head_of, is_array_layer
from accel_sim.plots.kinds import kind_of
from accel_sim.result import CycleCounts, EnergyBreakdown, LayerResult, sum_fields
from accel_sim.result_json import layer_from_dict

__all__ = ["VECTOR_KIND", "Network", "PointLayers", "point_layers", "rounded"]

VECTOR_KIND = "Vector operation"
_DIGITS = 4
_STATISTICS = ("zeros", "effectual_bits", "width_bits")


@dataclass(frozen=True)
class Network:
    """What the bars of a network are called, and their shapes; the same for all machines that ran it.

    Attributes:
        names, ops, kinds: of the layer that a bar is named after.
        shapes: groups, M, N, K, bits of an activation, bits of a weight.
        joined: vector-unit operations counted in each bar.

    """

    names: tuple[str, ...]
    ops: tuple[str, ...]
    kinds: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    joined: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        """Fields by name."""
        return asdict(self)


@dataclass(frozen=True)
class PointLayers:
    """The layers of a point: the network, and columns with a number for each of its bars.

    ``compute``, ``stall`` and energies (in pJ) include the vector-unit operations of a bar; ``array_cycles``,
    ``dram_bytes`` and MACs are those of the array layer alone, as in the roofline. ``tiles``: "M,N,K,loop order".
    """

    network: Network
    columns: Mapping[str, list[Any]]
    peak_macs_per_cycle: float | None
    dram_bytes_per_cycle: float | None

    def to_dict(self, network: int) -> dict[str, Any]:
        """Fields by name, with ``network`` (its number in the page's list) in the network's place."""
        roofs = [_short(self.peak_macs_per_cycle), _short(self.dram_bytes_per_cycle)]
        return {"network": network, "roofs": roofs, **self.columns}


def point_layers(result: Mapping[str, Any], where: str) -> PointLayers:
    """Reduce a full result.

    Raises:
        InputError: an entry of ``layers`` is not as the JSON contract says; names ``where``.
    """
    try:
        layers = [layer_from_dict(tree) for tree in result["layers"]]
        groups = bar_groups(layers)
        heads = [head_of(group) for group in groups]
        peak, bandwidth = _roofs(result["hardware"], layers)
        return PointLayers(_network(groups, heads), _columns(groups, heads, result["layers"]), peak, bandwidth)
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{where}: layers: an entry is not as docs/json.md says ({error})") from error


def _network(groups: Sequence[Sequence[LayerResult]], heads: Sequence[LayerResult]) -> Network:
    return Network(
        names=tuple(head.name for head in heads),
        ops=tuple(head.op for head in heads),
        kinds=tuple(kind_of(head) if is_array_layer(head) else VECTOR_KIND for head in heads),
        shapes=tuple((head.groups, head.m, head.n, head.k, head.a_bits, head.w_bits) for head in heads),
        joined=tuple(sum(not is_array_layer(layer) for layer in group) for group in groups),
    )


def _columns(
    groups: Sequence[Sequence[LayerResult]], heads: Sequence[LayerResult], trees: Sequence[Mapping[str, Any]]
) -> dict[str, list[Any]]:
    cycles = [sum_fields(CycleCounts, (layer.cycles for layer in group)) for group in groups]
    energies = [sum_fields(EnergyBreakdown, (layer.energy_pj for layer in group)) for group in groups]
    columns: dict[str, list[Any]] = {
        "compute": [part.compute for part in cycles],
        "stall": [part.stall for part in cycles],
        "array_cycles": [head.cycles.total for head in heads],
        "dram_bytes": [head.dram.read_bytes + head.dram.write_bytes for head in heads],
        "utilization": [head.utilization for head in heads],
        "tiles": [_tile_text(head.mapping) for head in heads],
        **_if_any("gated", [head.macs.gated for head in heads]),
        **_if_any("skipped", [head.macs.skipped for head in heads]),
        **_statistics(heads, trees),
    }
    for name in COMPONENT_LABELS:
        columns |= _if_any(f"energy.{name}", [getattr(energy, name) for energy in energies])
    return {key: [_short(value) for value in column] for key, column in columns.items()}


def _if_any(name: str, column: list[Any]) -> dict[str, list[Any]]:
    return {name: column} if any(column) else {}


def _statistics(heads: Sequence[LayerResult], trees: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Statistics of the operands, where ``simulate --operands`` put them into the JSON."""
    by_name = {tree["name"]: tree["operands"] for tree in trees if tree.get("operands")}
    if not by_name:
        return {}
    return {
        f"{operand}.{field}": [by_name[head.name][operand][field] if head.name in by_name else None for head in heads]
        for operand in ("activations", "weights")
        for field in _STATISTICS
    }


def _tile_text(mapping: Mapping[str, Any]) -> str:
    if "tile_m" not in mapping:
        return ""
    return ",".join(str(mapping[key]) for key in ("tile_m", "tile_n", "tile_k", "loop_order"))


def _roofs(hardware: Mapping[str, Any], layers: Sequence[LayerResult]) -> tuple[float | None, float | None]:
    """Peak and bandwidth; none where the machine is not one of this version, no bandwidth for an ideal memory."""
    from pydantic import ValidationError

    from accel_sim.plots.roofs import roofs_of

    try:
        roofs = roofs_of(Hardware.model_validate(hardware), layers)
    except (ValidationError, InputError):
        return None, None
    bandwidth = roofs.dram_bytes_per_cycle
    return roofs.peak_macs_per_cycle, bandwidth if bandwidth < float("inf") else None


def _short(value: Any) -> Any:
    return rounded(value, _DIGITS) if isinstance(value, float) else value


def rounded(value: float, digits: int) -> float | int | None:
    """``value`` with so many significant digits, in the type that is shortest as text; ``None`` if not finite.

    >>> rounded(23602790.4, 4), rounded(0.12345, 4)
    (23600000, 0.1235)
    """
    if not abs(value) < float("inf"):
        return None
    short = float(f"{value:.{digits - 1}e}")
    return int(short) if short.is_integer() and abs(short) < 1e15 else short
