"""Walks a traced PyTorch graph, on fake tensors unless a subclass says otherwise, and writes down every operation."""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch._subclasses import FakeTensorMode
from torch.utils import _pytree as pytree

from accel_sim.errors import WorkloadError
from compress.graph.leaves import function_call
from compress.graph.node import GraphBuilder, TensorRef
from compress.graph.operations import CONSTANT_FACTORIES, Call, Facts, describe, known_operation
from compress.graph.padding import SpatialPadding, spatial_padding, with_padding

__all__ = ["GraphWalker", "TracedTensor", "in_place"]

OPERATOR_NAMES = {"iadd": "add", "isub": "sub", "imul": "mul", "truediv": "div", "itruediv": "div"}
ROUTING = frozenset(["layout", "slice", "chunk", "cat", "roll", "pad", "mean", "sum", "amax"])
"""Kinds whose arguments besides tensors say which element goes where."""
GEMM_OR_NORM = ("conv2d", "linear", "matmul", "batch_norm", "layer_norm", "group_norm")


@dataclass(frozen=True)
class TracedTensor:
    """A tensor on its way through the graph: its data and what the layer graph calls it."""

    value: Tensor
    ref: TensorRef


def _kept_shape(module: nn.Module, value: Tensor) -> Tensor | None:
    """What stands for the output of a batch normalisation: PyTorch takes 20 ms to say that its shape is the input's."""
    if not isinstance(module, nn.modules.batchnorm._BatchNorm) or module.training:
        return None
    if not isinstance(value, torch._subclasses.FakeTensor) or value.ndim < 2 or value.shape[1] != module.num_features:
        return None
    return value if value.is_floating_point() else None


class GraphWalker:
    """Runs traced graphs of one model.

    Args:
        model: whose parameters the graphs read.
        builder: what the operations are added to.
    """

    def __init__(self, model: nn.Module, builder: GraphBuilder) -> None:
        self._model = model
        self._builder = builder
        self._fake_mode = FakeTensorMode(allow_non_fake_inputs=True)
        tensors = (*model.named_parameters(), *model.named_buffers())
        self._names = {id(tensor): name for name, tensor in tensors}
        self._taken_apart: dict[Any, fx.GraphModule] = {}
        self._padded: dict[TensorRef, SpatialPadding] = {}
        self._depth = 0
        self._traced = ""

    def run(
        self, traced: fx.GraphModule, inputs: Sequence[Tensor], bindings: Mapping[str, str] | None
    ) -> list[TracedTensor]:
        """Walk the whole model's graph and return its outputs.

        Args:
            inputs: one tensor per placeholder that is no parameter.
            bindings: placeholder -> name of the parameter or buffer that it stands for, ``""`` for an attribute of
                the placeholder's name.
        """
        remaining = list(inputs)
        values: list[Any] = []
        for node in traced.graph.find_nodes(op="placeholder"):
            if bindings is not None and node.target in bindings:
                owner, name = (self._model, bindings[node.target]) if bindings[node.target] else (traced, node.target)
                values.append(self._attribute(owner, name))
            elif remaining:
                tensor = self.hold(remaining.pop(0))
                name = "input" if node is next(iter(traced.graph.nodes)) or bindings else str(node.target)
                values.append(TracedTensor(tensor, self._builder.add_input(name, tuple(tensor.shape))))
            else:
                values.append(node.args[0] if node.args else None)
        result = self._walk(traced, values, scope="", names_modules=bindings is None)
        return [value for value in pytree.tree_leaves(result) if isinstance(value, TracedTensor)]

    def _walk(self, traced: fx.GraphModule, inputs: Sequence[Any], scope: str, *, names_modules: bool) -> Any:
        """Walk one graph; ``inputs`` are the values of its placeholders in order."""
        self._depth += 1
        try:
            return self._walk_nodes(traced, inputs, scope, names_modules=names_modules)
        finally:
            self._depth -= 1

    def _walk_nodes(self, traced: fx.GraphModule, inputs: Sequence[Any], scope: str, *, names_modules: bool) -> Any:
        env: dict[fx.Node, Any] = {}
        placeholders = iter(inputs)
        spent = _spent_after(traced.graph)
        for node in traced.graph.nodes:
            if self._depth == 1:
                self._traced = node.name
            if node.op == "placeholder":
                env[node] = next(placeholders)
                continue
            args = fx.map_arg(node.args, lambda n: env[n])
            if node.op == "output":
                return args[0]
            if node.op == "get_attr":
                env[node] = self._attribute(traced, str(node.target))
                continue
            kwargs = fx.map_arg(node.kwargs, lambda n: env[n])
            path = _module_path(node) if names_modules or not scope else scope
            env[node] = self._node(node, args, kwargs, path or scope)
            if in_place(node, self._model) and node.args and isinstance(node.args[0], fx.Node):
                env[node.args[0]] = env[node]
            for read in spent[node]:
                del env[read]
        return None

    def _node(self, node: fx.Node, args: Any, kwargs: Any, path: str) -> Any:
        if node.op == "call_module":
            return self._module(str(node.target), args, kwargs)
        if node.op == "call_method":
            op, function = str(node.target), getattr(Tensor, str(node.target))
        else:
            assert callable(node.target)
            op, function = _function_name(node.target), node.target
        if function is operator.getitem and not isinstance(args[0], TracedTensor):
            return args[0][args[1]]
        return self._call(op.strip("_"), function, args, kwargs, path)

    def _module(self, path: str, args: Any, kwargs: Any) -> Any:
        module = self._model.get_submodule(path)

        def parameter(name: str) -> TracedTensor | None:
            tensor = getattr(module, name)
            return None if tensor is None else self._traced_constant(tensor, f"{path}.{name}")

        simple = function_call(module, args, parameter) if not kwargs else None
        if simple is None:
            return self._take_apart_module(module, path, args, kwargs)
        kept = _kept_shape(module, args[0].value) if args and isinstance(args[0], TracedTensor) else None
        result = self._execute(module, args, kwargs, path) if kept is None else kept
        return self._record(simple[0], simple[1], {}, result, path, path)

    def _call(self, op: str, function: Callable[..., Any], args: Any, kwargs: Any, path: str) -> Any:
        """One function: recorded where its name is known, computed where it gives no tensor, else taken apart."""
        known = known_operation(op) and _is_torch(function)
        opaque = not known and op not in CONSTANT_FACTORIES and not isinstance(function, torch._ops.OpOverload)
        decomposition = DECOMPOSITIONS.get(op)
        if decomposition is not None:
            return self._take_apart(decomposition, args, kwargs, path)
        if opaque and any(isinstance(leaf, TracedTensor) for leaf in pytree.tree_leaves((args, kwargs))):
            if op in WITHOUT_TENSOR:
                return self._execute(function, args, kwargs, path)
            return self._take_apart(function, args, kwargs, path)
        result = self._execute(function, args, kwargs, path)
        return self._record(op, args, kwargs, result, path, f"{path}.{op}".lstrip("."))

    def _execute(self, function: Callable[..., Any], args: Any, kwargs: Any, path: str) -> Any:
        value_args, value_kwargs = pytree.tree_map(
            lambda v: v.value if isinstance(v, TracedTensor) else v, (args, kwargs)
        )
        try:
            with self.running():
                return function(*value_args, **value_kwargs)
        except Exception as error:  # the operation's own complaint about its operands, of whatever type
            text = (str(error).strip().splitlines() or [type(error).__name__])[0]
            shapes = [tuple(v.shape) for v in pytree.tree_leaves((value_args, value_kwargs)) if isinstance(v, Tensor)]
            raise WorkloadError(
                f"module {path or '(the model itself)'!r} cannot take inputs {shapes}: {text}"
            ) from error

    def _record(self, op: str, args: Any, kwargs: Any, result: Any, module: str, name: str) -> Any:
        """Add one executed operation to the graph and give its result back with the graph's names."""
        leaves, form = pytree.tree_flatten(result)
        tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
        if not tensors:
            return result
        shapes = tuple(tuple(tensor.shape) for tensor in tensors)
        refs = pytree.tree_map(lambda v: v.ref if isinstance(v, TracedTensor) else v, (args, kwargs))
        call = Call(op, tuple(refs[0]), refs[1], shapes)
        if op in CONSTANT_FACTORIES or all(ref.constant for ref in call.tensors):
            names = (
                () if op in CONSTANT_FACTORIES else tuple(dict.fromkeys(p for r in call.tensors for p in r.parameters))
            )
            outputs: tuple[TensorRef, ...] = tuple(TensorRef(shape, parameters=names) for shape in shapes)
        else:
            facts = describe(call, module)
            padding = self._padded.get(facts.operands[0]) if facts.kind == "conv2d" else None
            weight = facts.roles.get("weight")
            if weight is not None and facts.kind in GEMM_OR_NORM:
                name = _owner(weight.parameters[0]) if len(weight.parameters) == 1 else name
            elif facts.gemm is not None:
                name = f"{module}.{facts.kind}".lstrip(".")
            unpadded = facts if padding is None else with_padding(facts, padding)
            outputs = self._builder.add(
                name,
                kind=facts.kind,
                op=op,
                module=module,
                operands=unpadded.operands,
                output_shapes=shapes,
                roles=facts.roles,
                gemm=unpadded.gemm,
                attributes={**facts.attributes, **self._origin(facts.kind, call)},
            )
            if facts.gemm is not None:
                traced = [leaf for leaf in pytree.tree_leaves((args, kwargs)) if isinstance(leaf, TracedTensor)]
                values = {id(leaf.ref): leaf.value for leaf in traced}
                operands = [values[id(ref)] for ref in facts.operands]
                if padding is not None:
                    operands[0] = padding.inside(operands[0])
                self.on_product(str(outputs[0].producer), unpadded, operands)
            if facts.kind == "pad" and (around := spatial_padding(call)) is not None:
                self._padded[outputs[0]] = around
            self.on_operation(str(outputs[0].producer), tensors)
        named = iter(outputs)
        results = [TracedTensor(leaf, next(named)) if isinstance(leaf, Tensor) else leaf for leaf in leaves]
        return pytree.tree_unflatten(results, form)

    def _origin(self, kind: str, call: Call) -> dict[str, Any]:
        """Where the operation stands in the traced graph and, if its arguments say what goes where, those."""
        origin: dict[str, Any] = {"traced": self._traced, "part": self._depth > 1}
        return {**origin, "arguments": (call.args[1:], dict(call.kwargs))} if kind in ROUTING else origin

    def _take_apart_module(self, module: nn.Module, path: str, args: Any, kwargs: Any) -> Any:
        tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        state = {name: self._traced_constant(tensor, f"{path}.{name}") for name, tensor in tensors.items()}

        def run(state: dict[str, Tensor], args: Any, kwargs: Any) -> Any:
            return torch.func.functional_call(module, state, args, kwargs)

        return self._take_apart(run, (state, args, kwargs), {}, path, key=(type(module), str(module)))

    def _take_apart(self, function: Callable[..., Any], args: Any, kwargs: Any, path: str, key: Any = None) -> Any:
        """Trace a function into ATen operations, once for the same arguments, and walk the result."""
        leaves, form = pytree.tree_flatten((args, kwargs))
        traced = [leaf for leaf in leaves if isinstance(leaf, TracedTensor)]
        rest = tuple(None if isinstance(leaf, TracedTensor) else repr(leaf) for leaf in leaves)
        signature = (key or function, tuple(t.ref.shape for t in traced), rest, str(form))

        def on_tensors(*tensors: Tensor) -> Any:
            given = iter(tensors)
            values = [next(given) if isinstance(leaf, TracedTensor) else leaf for leaf in leaves]
            call_args, call_kwargs = pytree.tree_unflatten(values, form)
            return function(*call_args, **call_kwargs)

        if signature not in self._taken_apart:
            from torch.fx.experimental.proxy_tensor import make_fx  # takes a second to import; few models need it

            def trace(*tensors: Tensor) -> fx.GraphModule:
                return make_fx(on_tensors, tracing_mode="real", pre_dispatch=True)(*tensors)

            fakes = tuple(self._fake(value.value) for value in traced)
            self._taken_apart[signature] = self._execute(trace, fakes, {}, path)
        return self._walk(self._taken_apart[signature], traced, path, names_modules=False)

    def _attribute(self, owner: nn.Module, target: str) -> Any:
        value: Any = owner
        for part in target.split("."):
            value = getattr(value, part)
        return self._traced_constant(value, target) if isinstance(value, Tensor) else value

    def _traced_constant(self, tensor: Tensor, fallback: str) -> TracedTensor:
        return TracedTensor(self.hold(tensor), self._constant(tensor, fallback))

    def _constant(self, tensor: Tensor, fallback: str) -> TensorRef:
        name = self._names.get(id(tensor))
        known = name is not None or isinstance(tensor, nn.Parameter)
        return TensorRef(tuple(tensor.shape), parameters=(name or fallback,) if known else ())

    def _fake(self, tensor: Tensor) -> Tensor:
        if isinstance(tensor, torch._subclasses.FakeTensor):
            return tensor
        return self._fake_mode.from_tensor(tensor, static_shapes=True)

    def hold(self, tensor: Tensor) -> Tensor:
        """What stands for an input, parameter or buffer during the walk: a fake tensor."""
        return self._fake(tensor)

    def running(self) -> AbstractContextManager[Any]:
        """The context in which operations run."""
        return self._fake_mode

    def on_product(self, node: str, facts: Facts, operands: Sequence[Tensor]) -> None:
        """Called for every matrix product with the tensors of ``facts.operands``; nothing to see in fake ones."""

    def on_operation(self, node: str, outputs: Sequence[Tensor]) -> None:
        """Called for every operation of the graph with what it gives; nothing to see in fake tensors."""


def _spent_after(graph: fx.Graph) -> dict[fx.Node, list[fx.Node]]:
    """For each operation, the values that nothing reads after it; they are let go, as real tensors are large."""
    spent: dict[fx.Node, list[fx.Node]] = defaultdict(list)
    last_reader = {read: node for node in graph.nodes for read in node.all_input_nodes}
    for read, node in last_reader.items():
        spent[node].append(read)
    return spent


def _attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """``scaled_dot_product_attention`` in plain operations. Dropout does nothing in evaluation."""
    del dropout_p
    if enable_gqa:
        raise WorkloadError("scaled_dot_product_attention with enable_gqa is not known")
    scores = torch.matmul(query, key.transpose(-2, -1)) * (query.shape[-1] ** -0.5 if scale is None else scale)
    if is_causal:
        scores = scores + torch.full(scores.shape[-2:], -torch.inf, dtype=scores.dtype).triu(1)
    if attn_mask is not None:
        # The logarithm of a mask of ones and zeros adds nothing, or minus infinity.
        scores = scores + (attn_mask.to(scores.dtype).log() if attn_mask.dtype == torch.bool else attn_mask)
    return torch.matmul(torch.softmax(scores, -1), value)


DECOMPOSITIONS: dict[str, Callable[..., Any]] = {"scaled_dot_product_attention": _attention}
WITHOUT_TENSOR = frozenset(
    [
        "getattr",
        "dim",
        "size",
        "numel",
        "assert",
        "len",
        "eq",
        "ne",
        "is_floating_point",
        "is_cuda",
        "device",
        "ndimension",
    ]
)
"""Functions that ask a tensor for its form; they are computed, and no part of the network."""


def _function_name(target: Any) -> str:
    if isinstance(target, torch._ops.OpOverload):
        return str(target._schema.name).rpartition("::")[2].strip("_")
    name = str(getattr(target, "__name__", target)).strip("_")
    return OPERATOR_NAMES.get(name, name)


def _is_torch(function: Any) -> bool:
    """Whether a function is PyTorch's own; stochastic depth is torchvision's and the identity in evaluation."""
    if isinstance(function, torch._ops.OpOverload):
        return function.namespace == "aten"
    module = getattr(function, "__module__", None) or ""
    owner = getattr(function, "__objclass__", None)
    return (
        module.split(".")[0] in ("torch", "_operator", "math")
        or module == "torchvision.ops.stochastic_depth"
        or (owner is not None and issubclass(Tensor, owner))
    )


def in_place(node: fx.Node, model: nn.Module) -> bool:
    """Whether a node of a traced graph overwrites its first operand."""
    if node.op == "call_module":
        return bool(getattr(model.get_submodule(str(node.target)), "inplace", False))
    if node.kwargs.get("inplace", False):
        return True
    if isinstance(node.target, torch._ops.OpOverload):
        return node.target._schema.is_mutable
    name = str(node.target) if node.op == "call_method" else str(getattr(node.target, "__name__", ""))
    in_place_operators = (operator.iadd, operator.isub, operator.imul, operator.itruediv)
    return (name.endswith("_") and not name.endswith("__")) or node.target in in_place_operators


def _module_path(node: fx.Node) -> str:
    """The module in whose ``forward`` the operation stands."""
    stack = node.meta.get("nn_module_stack")
    if not stack:
        return ""
    path = list(stack.values())[-1][0]
    return str(path).removeprefix("L['self']").lstrip(".")


def _owner(parameter: str) -> str:
    """``layer1.conv.weight`` -> ``layer1.conv``; ``attention.in_proj_weight`` -> ``attention.in_proj``."""
    return parameter.removesuffix("weight").rstrip("._") or parameter
