"""OpenVINO IR: the constants of an .xml, whose elements lie in the .bin beside it, and the operator that takes each.

A name is the one that the runtime shows (friendly name): of a weight saved in float16 that of the Convert behind it.
A name that comes again gets `#2`, `#3`; constants in the body of a loop get the loop's name in front. Integers that the graph
converts, shifts by a zero point and multiplies by a scale are one quantised weight. Weights of grouped convolutions,
[groups, out / groups, in / groups, kernel], are listed with the first two axes as one, which is the same order of elements.

`Contents.modules` speaks of operators and inputs as ONNX does where ONNX has the operator.
Sources: https://docs.openvino.ai/2026/documentation/openvino-ir-format/operation-sets.html.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

from auscult.checkpoint.contents import Contents
from auscult.checkpoint.elements import check_count
from auscult.checkpoint.openvino_constants import IrConstants
from auscult.checkpoint.openvino_ir import IrGraph, IrLayer, IrModel, parse_ir
from auscult.checkpoint.openvino_scaling import WeightScaling, find_scaling, is_scaling_step
from auscult.checkpoint.source import Source
from auscult.errors import CheckpointError
from auscult.finding import Skip
from auscult.weights import ModuleInfo, Tensor

FORMAT = "openvino"
CHECKED_WITH = ("OpenVINO 2026.4.1", "NNCF 3.4.0")
UNREAD_PARTS = (
    "IR before version 10 (OpenVINO 2020.1): convert the model again",
    "element types u1, u3 and u6",
)
OLDEST_VERSION = 10
"""IR of OpenVINO 2020; older ones keep weights in `<blobs>` of the layers, without shapes."""
ROOT = re.compile(rb"<net[\s>/]")
PROLOGUE = re.compile(rb"\s*(<\?xml[^>]*>\s*|<!--.*?-->\s*)*", re.DOTALL)
SNIFFED_BYTES = 1024
OPERATORS = {
    "Convolution": "Conv",
    "GroupConvolution": "Conv",
    "ConvolutionBackpropData": "ConvTranspose",
    "GroupConvolutionBackpropData": "ConvTranspose",
    "LSTMSequence": "LSTM",
    "LSTMCell": "LSTM",
    "GRUSequence": "GRU",
    "GRUCell": "GRU",
    "RNNSequence": "RNN",
    "RNNCell": "RNN",
    "PReLU": "PRelu",
    "Multiply": "Mul",
    "Subtract": "Sub",
    "Divide": "Div",
    "Power": "Pow",
    "Convert": "Cast",
    "FakeQuantize": "QuantizeLinear",
    "Broadcast": "Expand",
}
"""ONNX's name of an operator; those that are not here are shown as they are."""
# inputs in OpenVINO's order as numbers of ONNX's: X 0, W 1, R 2, B 3, sequence_lens 4, initial_h 5, initial_c 6
RECURRENT_INPUTS = {
    "LSTMSequence": (0, 5, 6, 4, 1, 2, 3),
    "LSTMCell": (0, 5, 6, 1, 2, 3),
    "GRUSequence": (0, 5, 4, 1, 2, 3),
    "GRUCell": (0, 5, 1, 2, 3),
    "RNNSequence": (0, 5, 4, 1, 2, 3),
    "RNNCell": (0, 5, 1, 2, 3),
}
GROUPED = frozenset(("GroupConvolution", "GroupConvolutionBackpropData"))
PRODUCTS = GROUPED | {"Convolution", "ConvolutionBackpropData", "MatMul"}
TRANSPARENT = frozenset(("Convert", "Transpose", "FakeQuantize", "Reshape", "Squeeze", "Unsqueeze"))
MAX_PASSED = 8
"""Operators between a constant and the one that takes it."""


def sniff(source: Source, head: bytes) -> bool:
    """XML whose root is `<net`, behind a declaration and comments."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not start.startswith((b"<?xml", b"<net", b"<!--")):
        return False
    text = source.bytes(0, min(source.size, SNIFFED_BYTES)).removeprefix(b"\xef\xbb\xbf")
    prologue = PROLOGUE.match(text)
    return bool(ROOT.match(text, prologue.end() if prologue else 0))


def read(source: Source) -> Contents:
    """List what the model holds.

    Raises:
        CheckpointError: If the .xml is damaged or too old, or the .bin is missing or does not fit it.
    """
    model = parse_ir(source)
    version = model.attributes.get("version", "")
    if not (version.isascii() and version.isdigit() and int(version[:9]) >= OLDEST_VERSION):
        raise CheckpointError(
            "is an OpenVINO IR of a version that is not read",
            where=source.where,
            expected=f"at least {OLDEST_VERSION}",
            found=version[:20] or "none",
            hint="convert the model again with OpenVINO 2020.1 or later",
        )
    reader = _IrReader(IrConstants(source))
    for graph in model.graphs:
        reader.collect_graph(graph)
    return Contents(
        reader.tensors, _describe(model), skips=tuple(reader.skips), modules=reader.modules
    )


def _describe(model: IrModel) -> dict[str, str]:
    facts = {"graph": model.attributes.get("name", ""), "ir_version": model.attributes["version"]}
    return {key: value for key, value in facts.items() if value}


@dataclass
class _IrReader:
    """What was found in all graphs of a model."""

    constants: IrConstants
    tensors: dict[str, Tensor] = field(default_factory=dict)
    skips: list[Skip] = field(default_factory=list)
    modules: dict[str, ModuleInfo] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)

    def collect_graph(self, graph: IrGraph) -> None:
        """Describe the constants of one graph."""
        layers = [layer for layer in graph.layers.values() if layer.type == "Const"]
        found = {layer.id: find_scaling(graph, layer) for layer in layers}
        scalings = {key: scaling for key, scaling in found.items() if scaling is not None}
        parts: set[str] = set()
        for scaling in scalings.values():
            parts.update(part.id for part in scaling.iter_parts())
        for layer in layers:
            if layer.id in parts or layer.data.get("element_type") == "string":
                continue
            check_count(self.constants.source, len(self.seen))
            own_scaling = scalings.get(layer.id)
            name = self._make_unique(_name_constant(graph, layer, own_scaling))
            if own_scaling is None:
                description = self.constants.place(layer, name)
            else:
                description = self.constants.merge(layer, own_scaling, name)
            if isinstance(description, Skip):
                self.skips.append(description)
            else:
                self._keep(graph, layer, description)

    def _keep(self, graph: IrGraph, layer: IrLayer, tensor: Tensor) -> None:
        use = _find_use(graph, layer)
        if use is not None:
            self.modules[tensor.name] = _describe_use(use, tensor, _find_product(graph, use))
            if use.layer.type in GROUPED and use.position == 1 and "Reshape" not in use.passed:
                tensor = _join_groups(tensor)
        self.tensors[tensor.name] = tensor

    def _make_unique(self, name: str) -> str:
        self.seen[name] = self.seen.get(name, 0) + 1
        return name if self.seen[name] == 1 else f"{name}#{self.seen[name]}"


def _name_constant(graph: IrGraph, layer: IrLayer, scaling: WeightScaling | None) -> str:
    """The Const's own name; its codebook's, or that of the Convert by which the runtime undoes a compression."""
    named = layer
    user = next((user for user, _ in graph.iter_uses(layer)), None)
    if scaling is not None and scaling.codebook is not None:
        named = scaling.codebook
    elif user is not None and user.is_decompression and user.type == "Convert":
        named = user
    return f"{layer.body}{named.name or 'unnamed'}"


@dataclass(frozen=True)
class _ConstantUse:
    """The operator that takes a constant, at which input, and the types of those between."""

    layer: IrLayer
    position: int
    passed: tuple[str, ...]


def _find_use(graph: IrGraph, constant: IrLayer) -> _ConstantUse | None:
    passed: list[str] = []
    current = constant
    for _ in range(MAX_PASSED):
        user, position = next(graph.iter_uses(current), (None, 0))
        if user is None:
            return None
        is_codebook_lookup = user.type == "Gather" and position == 1 and current is not constant
        is_passed = not position and (user.type in TRANSPARENT or is_scaling_step(graph, user))
        if not is_passed and not is_codebook_lookup:
            return _ConstantUse(user, position, tuple(passed))
        passed.append(user.type)
        current = user
    return None


def _find_product(graph: IrGraph, use: _ConstantUse) -> IrLayer | None:
    """The convolution or product to whose output a constant is added: the layer that it is the bias of."""
    if use.layer.type != "Add":
        return None
    source = graph.find_input(use.layer, 1 - use.position)
    if source is None or source.type not in PRODUCTS:
        return None
    return source


def _describe_use(use: _ConstantUse, tensor: Tensor, product: IrLayer | None) -> ModuleInfo:
    """The use of a constant in ONNX's words; `layer` is the operator that it is the bias of."""
    kind = OPERATORS.get(use.layer.type, use.layer.type)
    numbers = RECURRENT_INPUTS.get(use.layer.type, ())
    number = numbers[use.position] if use.position < len(numbers) else use.position
    attributes: dict[str, Any] = {**use.layer.data, "node": use.layer.name, "input": number}
    if product is not None:
        attributes["layer"] = product.name
    if use.passed:
        attributes["through"] = tuple(OPERATORS.get(step, step) for step in use.passed)
    return ModuleInfo(tensor.name, kind, attributes)


def _join_groups(tensor: Tensor) -> Tensor:
    """[groups, out / groups, in / groups, kernel] -> [out, in / groups, kernel], the elements in the same order."""
    if len(tensor.shape) < 3:
        return tensor
    shape = (tensor.shape[0] * tensor.shape[1], *tensor.shape[2:])
    return replace(tensor, shape=shape, data=replace(tensor.data, shape=shape))  # type: ignore[type-var]
