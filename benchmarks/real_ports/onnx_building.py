"""ONNX graphs written by hand: nodes in order, weights by the names that are given, names of nodes by module paths or none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

OPSET = 21
"""Version of the operators."""


class GraphBuilder:
    """Collects nodes.

    Args:
        inputs: Shape of each input by its name.
        named: Whether nodes are called by the module that they stand for, as exporters do it.
    """

    def __init__(self, inputs: Mapping[str, tuple[int, ...]], *, named: bool = True) -> None:
        self.inputs, self.named = inputs, named
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self.outputs: dict[str, int] = {}

    def add_weight(self, name: str, array: Any) -> str:
        """A weight under that name."""
        from onnx import numpy_helper

        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def add_constant(self, array: Any) -> str:
        """A constant under a name of its own."""
        return self.add_weight(f"constant_{len(self.weights)}", np.asarray(array))

    def apply(
        self, operator: str, *taken: str, scope: str = "", count: int = 1, **attributes: Any
    ) -> Any:
        """A node; the name of what it gives, or the names.

        Args:
            scope: Path of the module that it stands for.
            count: How many tensors it gives.
        """
        from onnx import helper

        number = len(self.nodes)
        outputs = [f"{operator.lower()}_{number}_{index}" for index in range(count)]
        name = (
            f"/{scope.replace('.', '/')}/{operator}" if self.named and scope else f"node_{number}"
        )
        self.nodes.append(helper.make_node(operator, list(taken), outputs, name=name, **attributes))
        return outputs[0] if count == 1 else outputs

    def give(self, tensor: str, rank: int) -> GraphBuilder:
        """The graph gives this tensor of so many axes."""
        self.outputs[tensor] = rank
        return self

    def write(self, file: Path) -> Path:
        """Check the graph and write it."""
        import onnx
        from onnx import TensorProto, helper

        inputs = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in self.inputs.items()
        ]
        outputs = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * rank)
            for name, rank in self.outputs.items()
        ]
        graph = helper.make_graph(self.nodes, "port", inputs, outputs, self.weights)
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10
        )
        onnx.checker.check_model(model)
        onnx.save(model, str(file))
        return file
