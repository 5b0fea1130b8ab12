"""The energy of a policy's network on a machine, simulated for one image."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import networkx as nx
import torch
from torch import Tensor, nn

from accel_sim import simulate
from accel_sim.hardware.schema import Hardware
from accel_sim.result import Result
from accel_sim.simulation import operands_matter
from accel_sim.workload import GemmLayer, Layer, Workload
from compress.compressed_workload import filled_layer
from compress.graph.lower import workload_from_graph
from compress.policy.bits import with_policy_bits
from compress.policy.schema import Policy
from compress.structure.plan import Plan
from compress.structure.routes import Role
from compress.structure.small_graph import smaller_graph
from rl.env.quantised_network import QuantisedNetwork

__all__ = ["EnergyMeter"]


class EnergyMeter:
    """Simulates the very network of a policy: its masks, widths, packed weights and activations.

    The workload is that of :func:`compress.compressed_workload.compressed_workload` for the same quantised network.
    Where nothing on the machine depends on operands, none are given to it. Products of two computed tensors (attention
    scores) on machines that look at operands get drawn ones here.

    Args:
        graph: layer graph of the float network for one image.
        hardware: the machine.
        image: ``(1, channels, height, width)`` that it works on.
    """

    def __init__(self, graph: nx.DiGraph, hardware: Hardware, image: Tensor) -> None:
        self._graph, self._hardware, self._image = graph, hardware, image
        self._whole = workload_from_graph(graph, str(graph.graph["name"]))
        self._with_operands = operands_matter(hardware)

    def measure(self, policy: Policy, network: QuantisedNetwork) -> Result:
        """Run the policy's network.

        Raises:
            WorkloadError: weights that the machine does not take (an N:M pattern).
            MappingError: a layer fits no legal tile.
        """
        return simulate(self.workload(policy, network), self._hardware)

    def workload(self, policy: Policy, network: QuantisedNetwork) -> Workload:
        """What the machine is asked to do."""
        whole = self._whole
        if network.plan is not None:
            whole = workload_from_graph(smaller_graph(self._graph, network.plan), whole.name)
        workload = with_policy_bits(whole, policy)
        return self._filled(workload, network) if self._with_operands else workload

    def _filled(self, workload: Workload, network: QuantisedNetwork) -> Workload:
        layers, read = network.layers, self._inputs(network)

        def filled(layer: Layer) -> Layer:
            module = layers.get(layer.name)
            if module is None or not isinstance(layer, GemmLayer):
                return layer
            values, integers = read[layer.name], module.weight_integers.cpu()
            if network.plan is not None:
                values, integers = _what_stays(layer.name, network.plan, values, integers)
            return filled_layer(layer, module, values, integers)

        return replace(workload, layers=tuple(map(filled, workload.layers)))

    @torch.inference_mode()
    def _inputs(self, network: QuantisedNetwork) -> dict[str, Tensor]:
        """What every layer reads, on the CPU."""
        read: dict[str, Tensor] = {}

        def note(name: str, _: nn.Module, inputs: tuple[Any, ...]) -> None:
            read[name] = inputs[0].cpu()

        hooks = [layer.register_forward_pre_hook(partial(note, name)) for name, layer in network.layers.items()]
        try:
            place = next((buffer.device for buffer in network.model.buffers()), torch.device("cpu"))
            network.model(self._image.to(place))
        finally:
            for hook in hooks:
                hook.remove()
        return read


def _what_stays(name: str, plan: Plan, values: Tensor, integers: Tensor) -> tuple[Tensor, Tensor]:
    """Input and weights of the smaller layer, out of those of the masked one."""
    inputs, rows = torch.from_numpy(plan.inputs[name]), torch.from_numpy(plan.stored[name])
    integers = integers[rows]
    if plan.channels[name].role is not Role.GROUP:
        integers = integers[:, inputs]
    return values.index_select(1 if values.ndim == 4 else values.ndim - 1, inputs), integers
