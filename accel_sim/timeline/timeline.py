"""What happens when, tile by tile: for traces and plots."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.timeline import kernel

__all__ = ["TRANSFERS", "Timeline"]

TRANSFERS = ("weights", "activations", "other operands", "outputs")
"""The kinds of transfers, in the order of :attr:`Timeline.transfers`; the last one is stored, the others fetched."""


@dataclass(frozen=True, eq=False)
class Timeline:
    """Times of all tiles of a network, in cycles of the array clock.

    Attributes:
        stages: of each stage the names of its layers, the one on the array first.
        clock_mhz: of the array.
        tiles: ``(tiles, COLUMNS)``, see :mod:`accel_sim.timeline.kernel`.
        compute_end, vector_end: ``(tiles,)`` when the array and the vector unit have done a tile.
        transfers: ``(tiles, 4, 2)`` request and end of each transfer; both 0 where there is none.
        order: ``(served,)`` the transfers as DRAM served them, each as ``4·tile + kind``.
    """

    stages: tuple[tuple[str, ...], ...]
    clock_mhz: float
    tiles: NDArray[np.int64]
    compute_end: NDArray[np.int64]
    vector_end: NDArray[np.int64]
    transfers: NDArray[np.int64]
    order: NDArray[np.int64]

    @property
    def cycles(self) -> int:
        """When everything is done."""
        return int(max(self.compute_end[-1], self.vector_end[-1], self.transfers[:, 3, 1].max()))

    @property
    def sizes_bytes(self) -> NDArray[np.int64]:
        """``(tiles, 4)`` of the transfers."""
        return self.tiles[:, [kernel.W_BYTES, kernel.A_BYTES, kernel.P_BYTES, kernel.OUT_BYTES]]

    @property
    def compute_start(self) -> NDArray[np.int64]:
        """``(tiles,)`` first cycle of the array's work on a tile that no tile before hides."""
        return self.compute_end - self.tiles[:, kernel.BACK_TO_BACK]

    @property
    def place_in_stage(self) -> NDArray[np.int64]:
        """``(tiles,)`` number of each tile among those of its stage, from 0."""
        stage = self.tiles[:, kernel.STAGE]
        return np.arange(len(stage)) - np.searchsorted(stage, stage)
