"""Tiles whose transfers move compressed tensors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from accel_sim.formats.stored import StoredShares
from accel_sim.layer_run import Fills, LayerRun
from accel_sim.mapping.tiling import last_k_tiles
from accel_sim.timeline import kernel
from accel_sim.workload import GemmLayer

__all__ = ["compressed_run"]


def compressed_run(layer: GemmLayer, run: LayerRun, shares: StoredShares) -> LayerRun:
    """The run with the bytes that DRAM moves; the SRAMs are filled with what the decoders make of them.

    Each fetched element that is not zero is decoded, unless the SRAM holds it in the same format: a metadata decode.
    """
    if shares == StoredShares():
        return run
    tiles, weights, activations = run.tiles.copy(), run.bytes_moved(kernel.W_BYTES), run.bytes_moved(kernel.A_BYTES)
    for column, share in ((kernel.W_BYTES, shares.weights), (kernel.A_BYTES, shares.activations)):
        tiles[:, column] = _scaled(tiles[:, column], share)
    finished = last_k_tiles(layer, run.tiling)
    tiles[finished, kernel.OUT_BYTES] = _scaled(tiles[finished, kernel.OUT_BYTES], shares.output)
    decodes = round(weights * 8 / layer.w_bits * shares.weights_there)
    decodes += round(activations * 8 / layer.a_bits * shares.activations_there)
    fills = Fills(weights, activations, int(tiles[finished, kernel.OUT_BYTES].sum()))
    array = replace(run.array, metadata_decodes=run.array.metadata_decodes + decodes)
    return replace(run, tiles=tiles, array=array, fills=fills)


def _scaled(sizes: NDArray[np.int64], share: float) -> NDArray[np.int64]:
    return np.asarray(np.ceil(sizes * share), np.int64)
