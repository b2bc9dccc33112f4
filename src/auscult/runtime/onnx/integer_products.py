"""Whether a runtime's kernels compute the products of integers that a graph asks for.

On x86 processors without VNNI, ONNX Runtime's product of uint8 activations and int8 weights adds pairs in 16 bits and saturates:
the output of a right export is then off by percents, on that machine alone.

Source: https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html (`reduce_range`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from auscult.runtime.onnx.graph import GraphNode
from auscult.traces.records import Trace
from auscult.weights import Array, Tensor

WEIGHT_ZERO_INPUT = 3


def measure_product_errors(
    nodes: Iterable[GraphNode], trace: Trace, weights: Mapping[str, Tensor]
) -> dict[str, float]:
    """Relative error of each product of a matrix with a constant weight, by its node's path.

    Args:
        trace: A run of the quantised graph, node by node.
    """
    errors = {}
    for node in nodes:
        if node.op != "MatMulInteger" or node.inputs[1] not in weights:
            continue
        codes, zero = (_read_tensor(trace, node.path, role) for role in ("input", "input.2"))
        product = _read_tensor(trace, node.path, "output")
        if codes is None or zero is None or product is None:
            continue
        weight_codes = weights[node.inputs[1]].numpy().astype(np.float64)
        if len(node.inputs) > WEIGHT_ZERO_INPUT and node.inputs[WEIGHT_ZERO_INPUT] in weights:
            weight_codes -= weights[node.inputs[WEIGHT_ZERO_INPUT]].numpy().astype(np.float64)
        expected = (codes.astype(np.float64) - zero.astype(np.float64)) @ weight_codes
        size = max(float(np.linalg.norm(expected)), 1.0)  # of integers: one at least, or all zero
        errors[node.path] = float(np.linalg.norm(product - expected)) / size
    return errors


def _read_tensor(trace: Trace, path: str, role: str) -> Array | None:
    record = trace.find(path, role, 0)
    if record is None or record.stored != "full":
        return None
    return trace.tensor(record)
