"""The layer graph of an ONNX file: the same nodes, kinds and GEMM views as from PyTorch.

Shapes come from ONNX's own inference, node by node. What depends on constants alone (initializers, ``Constant``, shape
arithmetic) is computed by ONNX's reference evaluator and folded, as it is for PyTorch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper, shape_inference
from onnx.reference import ReferenceEvaluator

from accel_sim.errors import WorkloadError
from compress.graph.node import GraphBuilder, Shape, TensorRef
from compress.graph.onnx_fusions import fuse_activations
from compress.graph.onnx_operations import ONNX_HANDLERS, OnnxCall
from compress.graph.onnx_quantisation import Quantisations, QuantisedOperands
from compress.graph.operations import Facts

__all__ = ["OnnxModel", "read_onnx"]

SAME_SHAPE = ("Gelu", "Swish")  # may be fused from a file whose operator set does not have them yet
SHAPE_DATA = 64
"""Constants up to this size may be shapes, axes or bounds; inference needs their values."""


@dataclass(frozen=True)
class OnnxModel:
    """A layer graph, the values of its constants by name, and what explicit quantisation says of layers by name."""

    graph: nx.DiGraph
    weights: Mapping[str, NDArray[np.floating]]
    quantised: Mapping[str, QuantisedOperands]


def read_onnx(path: Path, batch: int = 1, input_shape: Sequence[int] | None = None) -> OnnxModel:
    """Read an ONNX file.

    Args:
        batch: replaces a first axis of the input that is not fixed.
        input_shape: ``(channels, height, width)`` where the file leaves them open.

    Raises:
        WorkloadError: no such file, not ONNX, an open shape, a node of an unknown type (names node and type).
    """
    proto = _load(path)
    _fix_inputs(path, proto, batch, input_shape)
    return _Importer(path, proto).run()


def _load(path: Path) -> onnx.ModelProto:
    if not path.is_file():
        raise WorkloadError(f"{path}: no such ONNX file")
    try:
        proto = onnx.load(path)
        onnx.checker.check_model(proto)
    except Exception as error:  # a damaged file fails in protobuf, in the checker or at its external data
        raise WorkloadError(f"{path}: is not a valid ONNX model: {_first_line(error)}") from error
    return proto


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def _fix_inputs(path: Path, proto: onnx.ModelProto, batch: int, input_shape: Sequence[int] | None) -> None:
    """Write batch and shape into the file's inputs where it leaves them open."""
    constants = {tensor.name for tensor in proto.graph.initializer}
    for value in proto.graph.input:
        if value.name in constants:
            continue
        axes = value.type.tensor_type.shape.dim
        wanted = [batch, *(input_shape or ())]
        for position, axis in enumerate(axes):
            given = wanted[position] if position < len(wanted) else None
            fixed = axis.dim_value if axis.HasField("dim_value") and axis.dim_value > 0 else None
            if fixed is None and given is None:
                what = axis.dim_param or "open"
                raise WorkloadError(
                    f"{path}: axis {position} of input {value.name!r} is {what}; give --input-shape C,H,W"
                )
            if fixed is not None and given is not None and fixed != given and (position > 0 or batch != 1):
                what = "a batch" if position == 0 else "a size"
                raise WorkloadError(
                    f"{path}: axis {position} of input {value.name!r} is fixed at {fixed}; {what} of {given} "
                    "does not fit it"
                )
            axis.dim_value = fixed or given or 1


class _Importer:
    """One pass over the nodes of a file."""

    def __init__(self, path: Path, proto: onnx.ModelProto) -> None:
        self._path = path
        self._proto = proto
        graph = proto.graph
        self._constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        self._shapes: dict[str, Shape] = {}
        self._types: dict[str, onnx.TypeProto] = {}
        self._opset = {opset.domain: opset.version for opset in proto.opset_import}
        self._refs: dict[str, TensorRef] = {name: self._constant(name) for name in self._constants}
        self._quantisations, self._quantised = Quantisations(), dict[str, QuantisedOperands]()
        self._builder = GraphBuilder(path.name, _parameter_sizes(graph, self._constants))

    def run(self) -> OnnxModel:
        """Build the graph."""
        for value in self._proto.graph.input:
            if value.name not in self._constants:
                self._types[value.name] = value.type
                self._shapes[value.name] = _sizes(value.type) or ()
                self._refs[value.name] = self._builder.add_input(value.name, self._shapes[value.name])
        for position, node in enumerate(fuse_activations(self._proto.graph)):
            self._node(node, node.name or f"{node.op_type}_{position}")
        outputs = [self._refs[value.name] for value in self._proto.graph.output]
        weights = {name: array for name, array in self._constants.items() if array.dtype.kind == "f"}
        return OnnxModel(self._builder.finish(outputs), weights, self._quantised)

    def _node(self, node: onnx.NodeProto, label: str) -> None:
        attributes = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
        if all(not name or name in self._constants for name in node.input):
            dequantised = self._quantisations.constant(node, self._constants)
            self._fold(node, self._evaluate(node, label) if dequantised is None else [dequantised])
            return
        source = self._quantisations.source(node, self._constants)
        if source is not None:
            output = node.output[0]
            self._refs[output], self._types[output] = self._refs[source], self._types[source]
            self._shapes[output] = self._shape(source, label)
            return
        if node.op_type == "Shape":
            shape = self._shape(node.input[0], label)
            self._fold(node, [np.asarray(shape[attributes.get("start", 0) : attributes.get("end")], dtype=np.int64)])
            return
        handler = ONNX_HANDLERS.get(node.op_type) if node.domain in ("", "ai.onnx") else None
        if handler is None:
            domain = f"{node.domain}." if node.domain else ""
            raise WorkloadError(f"{self._path}: node {label!r} of type {domain}{node.op_type!r} is not known")
        self._infer(node, label)
        names = [name for name in node.output if name]
        call = OnnxCall(
            name=label,
            op=node.op_type,
            inputs=tuple(self._refs[name] if name else None for name in node.input),
            attributes=attributes,
            outputs=tuple(self._shape(name, label) for name in names[: _outputs(node)]),
            constants={i: self._constants[name] for i, name in enumerate(node.input) if name in self._constants},
        )
        facts = handler(call)
        refs = self._builder.add(
            _node_name(label, facts),
            kind=facts.kind,
            op=node.op_type,
            module=_module(label),
            operands=facts.operands,
            output_shapes=call.outputs,
            roles=facts.roles,
            gemm=facts.gemm,
            attributes=facts.attributes,
        )
        self._refs.update(zip(names, refs, strict=False))
        operands = self._quantisations.operands(node)
        if operands is not None and refs[0].producer is not None:
            self._quantised[refs[0].producer] = operands

    def _infer(self, node: onnx.NodeProto, label: str) -> None:
        """Types and shapes of a node's outputs."""
        if node.op_type in SAME_SHAPE:
            inferred = dict.fromkeys(node.output, self._types[node.input[0]])
        else:
            small = {name: self._constants[name] for name in node.input if name in self._constants}
            types = {name: self._types[name] for name in node.input if name in self._types}
            types |= {name: _tensor_type(array) for name, array in small.items()}
            data = {name: numpy_helper.from_array(a, name) for name, a in small.items() if a.size <= SHAPE_DATA}
            try:
                schema = onnx.defs.get_schema(node.op_type, self._opset.get(node.domain, 1), node.domain)
                inferred = shape_inference.infer_node_outputs(
                    schema, node, types, data, opset_imports=list(self._proto.opset_import)
                )
            except Exception as error:  # inference errors have no common base
                raise WorkloadError(
                    f"{self._path}: the shape at node {label!r} of type {node.op_type!r} cannot be inferred: "
                    f"{_first_line(error)}"
                ) from error
        for name, kind in inferred.items():
            self._types[name] = kind
            sizes = _sizes(kind)
            if sizes is not None:
                self._shapes[name] = sizes

    def _evaluate(self, node: onnx.NodeProto, label: str) -> list[NDArray[Any]]:
        """Compute a node of constants."""
        inputs = {name: self._constants[name] for name in node.input if name}
        try:
            graph = onnx.helper.make_graph(
                [node],
                "constant",
                [onnx.helper.make_tensor_value_info(name, _type(array), array.shape) for name, array in inputs.items()],
                [onnx.ValueInfoProto(name=name) for name in node.output],
            )
            model = onnx.helper.make_model(graph, opset_imports=self._proto.opset_import)
            return [np.asarray(result) for result in ReferenceEvaluator(model).run(None, inputs)]
        except Exception as error:  # the evaluator runs any operator there is
            raise WorkloadError(
                f"{self._path}: node {label!r} of type {node.op_type!r} cannot be computed: {_first_line(error)}"
            ) from error

    def _fold(self, node: onnx.NodeProto, values: Sequence[NDArray[Any]]) -> None:
        sources = [p for name in node.input if name in self._refs for p in self._refs[name].parameters]
        for name, value in zip(node.output, values, strict=False):
            self._constants[name] = value
            # the name of a copied parameter stays; a computed constant goes by its own
            self._refs[name] = TensorRef(value.shape, parameters=tuple(dict.fromkeys(sources)) or (name,))

    def _constant(self, name: str) -> TensorRef:
        return TensorRef(self._constants[name].shape, parameters=(name,))

    def _shape(self, name: str, label: str) -> Shape:
        shape = self._shapes.get(name)
        if shape is None:
            raise WorkloadError(f"{self._path}: the shape of {name!r} at {label!r} cannot be inferred")
        return shape


def _sizes(kind: onnx.TypeProto) -> Shape | None:
    """A tensor type's shape, ``None`` where an axis is open."""
    axes = kind.tensor_type.shape.dim
    known = kind.tensor_type.HasField("shape") and all(axis.HasField("dim_value") for axis in axes)
    return tuple(axis.dim_value for axis in axes) if known else None


def _parameter_sizes(graph: onnx.GraphProto, constants: Mapping[str, NDArray[Any]]) -> dict[str, int]:
    """Trainable parameters: initializers of a floating type that are no running statistics."""
    state = {name for node in graph.node if node.op_type == "BatchNormalization" for name in node.input[3:5]}
    scalars = {name for name, array in constants.items() if array.ndim == 0}
    floating = {name for name, array in constants.items() if array.dtype.kind == "f"}
    return {name: constants[name].size for name in floating - state - scalars}


def _outputs(node: onnx.NodeProto) -> int:
    """How many outputs are tensors of the network: pooling's indices and dropout's mask are not."""
    return len(node.output) if node.op_type == "Split" else 1


def _tensor_type(array: NDArray[Any]) -> onnx.TypeProto:
    return onnx.helper.make_tensor_type_proto(_type(array), array.shape)


def _type(array: NDArray[Any]) -> int:
    return int(onnx.helper.np_dtype_to_tensor_dtype(array.dtype))


def _module(label: str) -> str:
    """The module's path in a label that PyTorch's exporter made.

    >>> _module("/features/features.1/conv/conv.0/conv.0.0/Conv")
    'features.1.conv.0.0'
    """
    path: list[str] = []
    for part in [part for part in label.split("/") if part][:-1]:
        if path and part.startswith(f"{path[-1]}."):
            path.pop()
        path.append(part)
    return ".".join(path)


def _node_name(label: str, facts: Facts) -> str:
    """The module's path for what has weights, the weight's where the label has none, else path and operator."""
    weight = facts.roles.get("weight")
    module, operator = _module(label), label.rpartition("/")[2]
    if weight is None:
        return f"{module}.{operator}" if module else operator
    parameter = weight.parameters[0]
    return module or (parameter.removesuffix(".weight") if parameter.endswith(".weight") else operator)
