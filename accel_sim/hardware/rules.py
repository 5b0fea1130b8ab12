"""Rules that involve several fields of a hwconfig: one small function each, all of them in :data:`RULES`.

A rule gets a machine whose single fields are already valid and returns what is wrong, or ``None``.
"""

from __future__ import annotations

from collections.abc import Callable

from accel_sim.hardware.diagnose import Problem
from accel_sim.hardware.schema import BufferConfig, Hardware, NmSparsity

__all__ = ["RULES", "broken_rules"]

Rule = Callable[[Hardware], Problem | None]
_ADDRESS_FIELDS = ("ro", "ch", "ra", "ba", "bg", "co")
_BITS_PER_KIB = 8192
_WINDOWED = ("term_serial_act", "term_serial_weight")
_DYNAMIC = ("parallel", "serial_act", "serial_weight", "serial_both")


def broken_rules(hardware: Hardware) -> list[Problem]:
    """Everything that :data:`RULES` find wrong with ``hardware``."""
    return [problem for rule in RULES if (problem := rule(hardware)) is not None]


def _nm_keeps_a_part(hardware: Hardware) -> Problem | None:
    match hardware.array.weight_sparsity:
        case NmSparsity(keep=keep, of=of) if keep > of:
            return Problem(("array", "weight_sparsity", "keep"), f"holds {keep}; allowed: at most of = {of}")
    return None


def _nm_fills_lanes(hardware: Hardware) -> Problem | None:
    lanes = hardware.array.lanes
    match hardware.array.weight_sparsity:
        case NmSparsity(keep=keep) if lanes % keep:
            text = f"holds {lanes}; allowed with weight_sparsity.keep = {keep}: a multiple of {keep}"
            return Problem(("array", "lanes"), text)
    return None


def _nm_dataflow(hardware: Hardware) -> Problem | None:
    if isinstance(hardware.array.weight_sparsity, NmSparsity) and hardware.array.dataflow == "is":
        return _dataflow_problem("weight_sparsity", "n_m", "is", "ws, os")
    return None


def _pack_columns_dataflow(hardware: Hardware) -> Problem | None:
    array = hardware.array
    if array.weight_sparsity == "pack_columns" and array.dataflow != "ws":
        return _dataflow_problem("weight_sparsity", "pack_columns", array.dataflow, "ws")
    return None


def _skip_waves_dataflow(hardware: Hardware) -> Problem | None:
    array = hardware.array
    if array.activation_sparsity == "skip_waves" and array.dataflow == "is":
        return _dataflow_problem("activation_sparsity", "skip_waves", "is", "ws, os")
    return None


def _dataflow_problem(field: str, value: str, dataflow: str, allowed: str) -> Problem:
    text = f"holds '{value}' while array.dataflow holds '{dataflow}'; '{value}' is allowed with dataflow {allowed}"
    return Problem(("array", field), text)


def _term_window_arithmetic(hardware: Hardware) -> Problem | None:
    array = hardware.array
    if array.term_window is not None and array.arithmetic not in _WINDOWED:
        return _arithmetic_problem("term_window", str(array.term_window), array.arithmetic, _WINDOWED)
    return None


def _supply_of_own_srams(hardware: Hardware) -> Problem | None:
    voltage_v = hardware.technology.sram_voltage_v
    if voltage_v is None or hardware.energy.sram_estimator is None:
        return None
    text = f"holds {voltage_v:g}; allowed with energy.sram_estimator: null (the estimator chooses its supply)"
    return Problem(("technology", "sram_voltage_v"), text)


def _bidirectional_array(hardware: Hardware) -> Problem | None:
    array = hardware.array
    needed = {"arithmetic": "term_serial_weight", "dataflow": "os", "term_window": 0, "weight_sparsity": "none"}
    wrong = {name: getattr(array, name) for name, value in needed.items() if getattr(array, name) != value}
    if array.encoding != "bidirectional" or not wrong:
        return None
    name = next(iter(wrong))
    text = f"holds 'bidirectional' while array.{name} holds '{wrong[name]}'; 'bidirectional' is allowed with"
    return Problem(("array", "encoding"), f"{text} {', '.join(f'{key} {value}' for key, value in needed.items())}")


def _dynamic_precision_arithmetic(hardware: Hardware) -> Problem | None:
    array = hardware.array
    if array.precision == "dynamic" and array.arithmetic not in _DYNAMIC:
        return _arithmetic_problem("precision", "'dynamic'", array.arithmetic, _DYNAMIC)
    return None


def _arithmetic_problem(field: str, value: str, arithmetic: str, allowed: tuple[str, ...]) -> Problem:
    text = f"holds {value} while array.arithmetic holds '{arithmetic}'; {value} is allowed with {', '.join(allowed)}"
    return Problem(("array", field), text)


def _nm_format_of_buffers(hardware: Hardware) -> Problem | None:
    for name, buffer in _buffers(hardware).items():
        if name != "outputs" and buffer.format == "n_m" and not _stores_nm(hardware, name):
            return _nm_format_problem(("buffers", name, "format"))
    return None


def _outputs_are_dense(hardware: Hardware) -> Problem | None:
    name = hardware.buffers.outputs.format
    if name != "dense":
        text = f"holds '{name}'; allowed: dense (partial sums change until they are finished)"
        return Problem(("buffers", "outputs", "format"), text)
    return None


def _packed_weights_feed_every_pe(hardware: Hardware) -> Problem | None:
    name, sparsity = hardware.buffers.weights.format, hardware.array.weight_sparsity
    if name in ("dense", "n_m") or sparsity in ("none", "gate"):
        return None
    kind = "n_m" if isinstance(sparsity, NmSparsity) else sparsity
    allowed = "dense, n_m" if kind == "n_m" else "dense"
    text = f"holds '{name}' while array.weight_sparsity holds '{kind}'; allowed with it: {allowed}"
    return Problem(("buffers", "weights", "format"), text)


def _packed_activations_are_read_in_order(hardware: Hardware) -> Problem | None:
    name = hardware.buffers.activations.format
    if name == "dense":
        return None
    for path, value, other in (
        (("array", "activation_sparsity"), hardware.array.activation_sparsity, "skip_waves"),
        (("buffers", "bank_conflicts"), hardware.buffers.bank_conflicts, "exact"),
    ):
        if value == other:
            text = f"holds '{name}' while {'.'.join(path)} holds '{other}'; allowed with it: dense"
            return Problem(("buffers", "activations", "format"), text)
    return None


def _bit_columns_are_weights(hardware: Hardware) -> Problem | None:
    for path, name in (
        (("buffers", "activations", "format"), hardware.buffers.activations.format),
        (("dram", "activation_format"), hardware.dram.activation_format),
    ):
        if name == "bit_columns":
            return Problem(path, "holds 'bit_columns'; allowed for weights alone")
    return None


def _nm_format_of_dram(hardware: Hardware) -> Problem | None:
    dram = hardware.dram
    if dram.activation_format == "n_m":
        return _nm_format_problem(("dram", "activation_format"))
    if dram.weight_format == "n_m" and not _stores_nm(hardware, "weights"):
        return _nm_format_problem(("dram", "weight_format"))
    return None


def _stores_nm(hardware: Hardware, operand: str) -> bool:
    return operand == "weights" and isinstance(hardware.array.weight_sparsity, NmSparsity)


def _nm_format_problem(path: tuple[str, ...]) -> Problem:
    text = "holds 'n_m'; allowed for weights alone, with array.weight_sparsity {kind: n_m, keep: …, of: …}"
    return Problem(path, text)


def _address_map_is_complete(hardware: Hardware) -> Problem | None:
    text = hardware.dram.address_map
    parts = [text[i : i + 2] for i in range(0, len(text), 2)]
    if sorted(parts) == sorted(_ADDRESS_FIELDS):
        return None
    allowed = f"each of {', '.join(_ADDRESS_FIELDS)} once, e.g. rochrababgco"
    return Problem(("dram", "address_map"), f"holds '{text}'; allowed: {allowed}")


def _buffers_hold_a_word_per_bank(hardware: Hardware) -> Problem | None:
    for name, buffer in _buffers(hardware).items():
        halves = 2 if buffer.double_buffered else 1
        least_bits = buffer.banks * buffer.word_bits * halves
        if buffer.kib * _BITS_PER_KIB < least_bits:
            text = (
                f"holds {buffer.kib:g}; allowed: at least {least_bits / _BITS_PER_KIB:g}, one word in each of the "
                f"{buffer.banks} banks of {buffer.word_bits} bits{' and each half' if halves == 2 else ''}"
            )
            return Problem(("buffers", name, "kib"), text)
    return None


def _buffers(hardware: Hardware) -> dict[str, BufferConfig]:
    buffers = hardware.buffers
    return {"activations": buffers.activations, "weights": buffers.weights, "outputs": buffers.outputs}


def _compressed_tiles_lie_together(hardware: Hardware) -> Problem | None:
    dram, layout = hardware.dram, hardware.mapping.layout
    if layout != "tiled" and (dram.weight_format, dram.activation_format) != ("dense", "dense"):
        text = f"holds '{layout}'; allowed with a compressed format in dram: tiled (a tile is decoded by itself)"
        return Problem(("mapping", "layout"), text)
    return None


RULES: tuple[Rule, ...] = (
    _compressed_tiles_lie_together,
    _nm_keeps_a_part,
    _nm_fills_lanes,
    _nm_dataflow,
    _pack_columns_dataflow,
    _skip_waves_dataflow,
    _term_window_arithmetic,
    _bidirectional_array,
    _supply_of_own_srams,
    _dynamic_precision_arithmetic,
    _nm_format_of_buffers,
    _outputs_are_dense,
    _packed_weights_feed_every_pe,
    _packed_activations_are_read_in_order,
    _bit_columns_are_weights,
    _nm_format_of_dram,
    _address_map_is_complete,
    _buffers_hold_a_word_per_bank,
)
