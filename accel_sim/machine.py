"""A machine ready to simulate: the hardware with everything that depends on it alone, worked out once."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from accel_sim.array.vectors import array_vector, half_bits, halves
from accel_sim.energy.area import AreaBreakdown, area_breakdown
from accel_sim.energy.model import EnergyModel, energy_model
from accel_sim.hardware.schema import Hardware
from accel_sim.memory.dram import Dram, dram_model

__all__ = ["Machine", "build_machine"]

_NOT_IN_LAYOUT = {name: {"kib", "cell"} for name in ("activations", "weights", "outputs")}


@dataclass(frozen=True, eq=False)
class Machine:
    """Hardware, its DRAM and energy models, and the flat arrays that kernels take.

    ``layout_hash`` is that of all fields on which the tiles of a layer and the traffic at the array's edges depend,
    once a tiling is given: capacities, DRAM, clock and energies are not among them.
    """

    hardware: Hardware
    dram: Dram
    energy: EnergyModel
    array_vector: NDArray[np.int64]
    halves: NDArray[np.int64]
    half_bits: NDArray[np.float64]
    area: AreaBreakdown
    content_hash: str
    layout_hash: str


def build_machine(hardware: Hardware) -> Machine:
    """Work out what depends on the hardware alone.

    Remembered by content: equal hardware shares one machine, and the files that it names are read once per process.

    Raises:
        HardwareError: an energy table or a DRAM part is unknown or wrong.

    """
    return _build(_ByContent(hardware))


class _ByContent:
    """Hardware as a key: equal where every field is, the name included."""

    def __init__(self, hardware: Hardware) -> None:
        self.hardware = hardware
        self._text = hardware.model_dump_json()

    def __hash__(self) -> int:
        return hash(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByContent) and other._text == self._text


@lru_cache(maxsize=256)
def _build(key: _ByContent) -> Machine:
    hardware = key.hardware
    dram = dram_model(hardware)
    return Machine(
        hardware=hardware,
        dram=dram,
        energy=energy_model(hardware, dram.part.energy_pj_per_bit.value),
        array_vector=array_vector(hardware),
        halves=halves(hardware),
        half_bits=half_bits(hardware),
        area=area_breakdown(hardware),
        content_hash=hardware.content_hash(),
        layout_hash=_layout_hash(hardware),
    )


def _layout_hash(hardware: Hardware) -> str:
    tree = {
        "array": hardware.array.model_dump(mode="json"),
        "buffers": hardware.buffers.model_dump(mode="json", exclude=_NOT_IN_LAYOUT),
        "vector_lanes": hardware.vector_lanes,
    }
    return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()[:16]
