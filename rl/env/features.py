"""What an agent sees of a network: per layer what it is, what it costs on the machine and what it can bear."""

from __future__ import annotations

from math import log2

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from compress.graph.node import GemmView
from rl.env.sensitivity import SensitivityTable
from rl.env.space import LEAST_BITS, MOST_BITS, RATIOS, SearchSpace

__all__ = ["FEATURES", "layer_features"]

FEATURES = (
    "convolution",
    "grouped",
    "linear",
    "log_groups",
    "log_m",
    "log_n",
    "log_k",
    "macs_share",
    "parameters_share",
    "energy_share",
    "cycles_share",
    "loss_at_2_w_bits",
    "loss_at_4_w_bits",
    "loss_at_2_a_bits",
    "loss_at_4_a_bits",
    "loss_at_ratio_0.4",
    "loss_at_ratio_0.8",
    "energy_left_at_ratio_0.4",
)
"""Names of what :func:`layer_features` gives; each in 0..1. Ratios: of the best option that the layer may take."""
LOG_RANGE = 20.0
"""Sizes are base-2 logarithms over this."""
LOSS_UNIT_POINTS = 2.0
"""A loss x in points shows as ``x / (x + 2)``."""


def layer_features(graph: nx.DiGraph, space: SearchSpace, table: SensitivityTable) -> NDArray[np.float32]:
    """``(layers, len(FEATURES))``."""
    data = [graph.nodes[layer.name] for layer in space.layers]
    macs, parameters = sum(one["macs"] for one in data), sum(one["params"] for one in data)
    rows = []
    for index, one in enumerate(data):
        view: GemmView = one["gemm"]
        own = table.layers[index]
        rows.append(
            [
                float(one["kind"] == "conv2d"),
                float(view.groups > 1),
                float(one["kind"] == "linear"),
                *(log2(size) / LOG_RANGE for size in (view.groups, view.m, view.n, view.k)),
                one["macs"] / macs,
                one["params"] / max(1, parameters),
                own.energy_share,
                own.cycles_share,
                *_probed_losses(space, table, index),
            ]
        )
    return np.clip(np.array(rows, np.float32), 0.0, 1.0)


def _probed_losses(space: SearchSpace, table: SensitivityTable, index: int) -> list[float]:
    own, allowed = table.layers[index], np.array(space.layers[index].allowed)
    prunes = np.array([option.takes_ratio for option in space.options]) & allowed
    some, most = RATIOS.index(0.4), len(RATIOS) - 1
    pruning = own.loss_of_pruning[prunes] if prunes.any() else np.zeros((1, len(RATIOS)))
    left = own.energy_left[prunes] if prunes.any() else np.ones((1, len(RATIOS)))
    low, middle = 0, (LEAST_BITS + MOST_BITS) // 2 - 1 - LEAST_BITS
    losses = (
        own.loss_of_w_bits[low],
        own.loss_of_w_bits[middle],
        own.loss_of_a_bits[low],
        own.loss_of_a_bits[middle],
        pruning[:, some].min(),
        pruning[:, most].min(),
    )
    points = [float(loss) * table.points_per_nat for loss in losses]
    return [*(value / (value + LOSS_UNIT_POINTS) for value in points), float(left[:, some].min())]
