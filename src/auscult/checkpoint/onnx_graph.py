"""The graph of an ONNX model as a reader collects it: tensors by name, and which operator takes each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from auscult.checkpoint.onnx_quantised import OperatorNode, read_quantised
from auscult.finding import Skip
from auscult.weights import ModuleInfo, Tensor

PRODUCT_OPERATORS = frozenset(("MatMul", "MatMulInteger", "MatMulNBits", "Conv", "ConvTranspose"))
"""Operators whose result a bias is added to by an operator of its own."""
TRANSPARENT_OPERATORS = frozenset(
    ("Identity", "Cast", "Transpose", "DequantizeLinear", "QuantizeLinear")
)


@dataclass
class OnnxCollector:
    """Tensors and nodes over all graphs of a model.

    Attributes:
        consumers: The nodes that take a value, and at which input, by the value's name.
        producers: The node that gives a value, by the value's name.
        constants: Names of tensors that Constant nodes give.
    """

    tensors: dict[str, Tensor] = field(default_factory=dict)
    skips: list[Skip] = field(default_factory=list)
    consumers: dict[str, list[tuple[OperatorNode, int]]] = field(default_factory=dict)
    producers: dict[str, OperatorNode] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    constants: set[str] = field(default_factory=set)

    def add_node(self, node: OperatorNode) -> None:
        for index, name in enumerate(node.inputs):
            self.consumers.setdefault(name, []).append((node, index))
        self.producers.update(dict.fromkeys(node.outputs, node))

    def keep(self, tensor: Tensor) -> None:
        self.tensors[tensor.name] = tensor

    def unique(self, name: str) -> str:
        name = name or "unnamed"
        self.seen[name] = self.seen.get(name, 0) + 1
        if self.seen[name] == 1:
            return name
        return f"{name}#{self.seen[name]}"

    def named(self) -> dict[str, Tensor]:
        """The tensors, those of quantised weights with their scales."""
        return read_quantised(self.tensors, self.consumers)

    def modules(self) -> dict[str, ModuleInfo]:
        """For each tensor the operator that consumes it."""
        consumers = {name: self.find_consumer(name) for name in self.tensors}
        return {name: info for name, info in consumers.items() if info is not None}

    def find_consumer(self, name: str) -> ModuleInfo | None:
        passed_operators: list[str] = []
        current = name
        for _ in range(8):
            uses = self.consumers.get(current)
            if not uses:
                return None
            node, index = uses[0]
            if (
                node.op not in TRANSPARENT_OPERATORS
                or index
                or not node.outputs
                or node.outputs[0] not in self.consumers
            ):
                extra: dict[str, Any] = (
                    {"through": tuple(passed_operators)} if passed_operators else {}
                )
                if name in self.constants:
                    extra["constant"] = True
                if node.op == "Add" and (product := self._find_product(node, index)):
                    extra["layer"] = product.name
                return ModuleInfo(
                    name, node.op, {**node.attributes, **extra, "node": node.name, "input": index}
                )
            passed_operators.append(node.op)
            current = node.outputs[0]
        return None

    def _find_product(self, addition: OperatorNode, index: int) -> OperatorNode | None:
        """The product to whose result an operator adds its input `index`."""
        for place, name in enumerate(addition.inputs):
            producer = self.producers.get(name)
            if place != index and producer is not None and producer.op in PRODUCT_OPERATORS:
                return producer
        return None
