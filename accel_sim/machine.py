"""A machine ready to simulate: the hardware with everything that depends on it alone, worked out once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.array.vectors import array_vector, half_bits, halves
from accel_sim.energy.model import EnergyModel, energy_model
from accel_sim.hardware.schema import Hardware
from accel_sim.memory.dram import Dram, dram_model

__all__ = ["Machine", "build_machine"]


@dataclass(frozen=True, eq=False)
class Machine:
    """Hardware, its DRAM and energy models, and the flat arrays that kernels take."""

    hardware: Hardware
    dram: Dram
    energy: EnergyModel
    array_vector: NDArray[np.int64]
    halves: NDArray[np.int64]
    half_bits: NDArray[np.float64]
    content_hash: str


def build_machine(hardware: Hardware) -> Machine:
    """Work out what depends on the hardware alone.

    Raises:
        HardwareError: an energy table or a DRAM part is unknown or wrong.

    """
    dram = dram_model(hardware)
    return Machine(
        hardware=hardware,
        dram=dram,
        energy=energy_model(hardware, dram.part.energy_pj_per_bit.value),
        array_vector=array_vector(hardware),
        halves=halves(hardware),
        half_bits=half_bits(hardware),
        content_hash=hardware.content_hash(),
    )
