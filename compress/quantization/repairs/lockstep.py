"""Runs a network and its float reference side by side, so that each layer can be fitted as it is reached.

The reference runs in a thread of its own and waits at every layer until the network has taken that layer's output. Each
network thus runs once over all calibration images, and no more than one output of the reference is kept.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from accel_sim.errors import RunError
from compress.quantization.reference import Reference

__all__ = ["Fit", "fit_layers"]

Fit = Callable[[str, nn.Module, Tensor, Tensor], nn.Module]
"""``fit(name, layer, what it reads, what the reference's layer gives)`` -> what takes the layer's place."""

PATIENCE_S = 0.1
"""How often a waiting thread looks whether the other has ended."""


@torch.no_grad()
def fit_layers(network: nn.Module, reference: Reference, names: Iterable[str], images: Tensor, fit: Fit) -> None:
    """Replace layers of a network, in place, one after the other in the order in which they run.

    A layer reads what the layers before it give once they are replaced. One that runs several times is fitted the first
    time.

    Args:
        network: in evaluation mode.
        reference: of the same layers, in evaluation mode; it is not changed. Of its outputs, fits see the channels
            that the network has.
        names: of the layers to replace.
        images: all in one batch.
        fit: makes a layer's replacement.

    Raises:
        RunError: the networks do not run the same layers.
    """
    names = list(names)
    with _Ahead(reference, names, images) as ahead:
        for name in names:
            network.set_submodule(name, _Slot(name, network.get_submodule(name), fit, ahead))
        try:
            network(images)
        finally:
            for name in names:
                slot = network.get_submodule(name)
                assert isinstance(slot, _Slot)
                network.set_submodule(name, slot.layer)


class _Slot(nn.Module):
    """Stands where a layer was until the layer is fitted."""

    def __init__(self, name: str, layer: nn.Module, fit: Fit, ahead: _Ahead) -> None:
        super().__init__()
        self.layer = layer
        self._name, self._fit, self._ahead, self._fitted = name, fit, ahead, False

    def forward(self, x: Tensor) -> Any:
        wanted = self._ahead.output(self._name)
        if not self._fitted:
            self.layer = self._fit(self._name, self.layer, x, wanted)
            self._fitted = True
        return self.layer(x)


class _StoppedError(Exception):
    """The network has ended before the reference."""


class _Ahead:
    """The reference on its way, at most one layer ahead."""

    def __init__(self, reference: Reference, names: list[str], images: Tensor) -> None:
        self._reference, self._names, self._images = reference, names, images
        self._outputs: queue.Queue[tuple[str, Tensor] | Exception] = queue.Queue(maxsize=1)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(torch.get_num_threads(),), daemon=True)

    def __enter__(self) -> _Ahead:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def output(self, name: str) -> Tensor:
        """The output of the layer that the reference runs next, which must be the named one."""
        while True:
            try:
                item = self._outputs.get(timeout=PATIENCE_S)
            except queue.Empty:
                if not self._thread.is_alive() and self._outputs.empty():
                    raise RunError(f"layer {name}: runs in the network, but not in its float reference") from None
                continue
            if isinstance(item, Exception):
                raise item
            if item[0] != name:
                raise RunError(f"layer {name}: runs where the float reference runs {item[0]}")
            return item[1]

    def _run(self, threads: int) -> None:
        torch.set_num_threads(threads)  # each thread starts with the machine's number
        hooks = [
            self._reference.model.get_submodule(name).register_forward_hook(self._hook(name)) for name in self._names
        ]
        try:
            with torch.no_grad():
                self._reference.model(self._images)
        except _StoppedError:
            pass
        except Exception as error:  # whatever it is, it belongs to the thread that waits
            self._put(error)
        finally:
            for hook in hooks:
                hook.remove()

    def _hook(self, name: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _args: Any, output: Tensor) -> None:
            if not self._put((name, self._reference.outputs_kept(name, output))):
                raise _StoppedError

        return hook

    def _put(self, item: tuple[str, Tensor] | Exception) -> bool:
        while not self._stopped.is_set():
            try:
                self._outputs.put(item, timeout=PATIENCE_S)
            except queue.Full:
                continue
            return True
        return False
