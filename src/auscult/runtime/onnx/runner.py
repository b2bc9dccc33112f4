"""An ONNX model in ONNX Runtime: run with all its intermediates, node by node, or with results
substituted.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from auscult.checkpoint import open_checkpoint
from auscult.checkpoint.source import dtype_of
from auscult.errors import UsageError
from auscult.runtime.onnx.graph import GraphNode, read_graph
from auscult.runtime.onnx.graph_run import GraphRun
from auscult.runtime.onnx.integer_products import measure_product_errors
from auscult.runtime.onnx.session import open_session, run_session
from auscult.runtime.onnx.undo_quantisation import is_quantised_dynamically, undo_quantisation
from auscult.runtime.onnx.undo_static_quantisation import (
    is_quantised_statically,
    undo_static_quantisation,
)
from auscult.runtime.options import CaptureOptions
from auscult.runtime.quantised_weights import RestoreWeight, keep_rounded
from auscult.runtime.recorder import Recorder, TensorStore
from auscult.runtime.roles import format_role, iter_role_inputs, parse_position
from auscult.traces.fingerprint import fingerprint_content
from auscult.traces.records import Manifest, Trace
from auscult.weights import Array, ModuleInfo


class OnnxRunner:
    """See `auscult.runtime.runner.Runner`. A path is a node's.

    Optimisations are off, so that every node runs as it is written.
    """

    framework = "onnxruntime"

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        self.graph = read_graph(path)
        self._nodes = {node.path: node for node in self.graph.nodes}
        self._substitutes: dict[str, Mapping[str, Array]] = {}
        self._types: dict[str, Any] = {}
        self._folder: tempfile.TemporaryDirectory[str] | None = None  # goes with this runner
        self._checkpoint = open_checkpoint(path)
        self._weights = {
            name: tensor
            for name, tensor in self._checkpoint.items()
            if name in self.graph.initializers
        }
        elements_by_dtype: Counter[str] = Counter()
        for tensor in self._weights.values():
            if tensor.dtype.startswith(("float", "bfloat")):
                elements_by_dtype[tensor.dtype] += tensor.size
        self.dtype = max(
            elements_by_dtype, key=lambda dtype: elements_by_dtype[dtype], default="float32"
        )

    def paths(self) -> tuple[str, ...]:
        return ("", *self._nodes)

    def as_modules(self) -> Any:
        """A runner of the modules that the graph was exported from; this one where the names of
        nodes show none.
        """
        from auscult.runtime.onnx.as_modules import ModulesRunner
        from auscult.runtime.onnx.scopes import find_scope_calls

        calls = find_scope_calls(self.graph)
        if calls:
            return ModulesRunner(self, calls)
        return self

    def without_quantisation(self, restore: RestoreWeight = keep_rounded) -> OnnxRunner | None:
        """A runner of the float model that an int8 one stands for; None of one that rounds no
        activation, or whose integers have no known scale.
        """
        data = None
        if is_quantised_statically(self.graph):
            data = undo_static_quantisation(self.graph, self._weights, restore)
        elif is_quantised_dynamically(self.graph):
            data = undo_quantisation(self.graph, self._weights, restore)
        if data is None:
            return None
        folder = tempfile.TemporaryDirectory(prefix="auscult-")
        path = Path(folder.name) / self.graph.path.name
        path.write_bytes(data)
        runner = OnnxRunner(path, self.name)
        runner._folder = folder
        return runner

    def measure_product_errors(self, inputs: Mapping[str, Array]) -> dict[str, float]:
        """See `auscult.runtime.onnx.integer_products`."""
        return measure_product_errors(self.graph.nodes, self.run(inputs), self._weights)

    def run(
        self, inputs: Mapping[str, Array], *, store: TensorStore | None = None, **options: Any
    ) -> Trace:
        recorder = Recorder(CaptureOptions(**options), store)
        substitutes: dict[str, Array] = {}
        for path, outputs in self._substitutes.items():
            substitutes |= self._substitutes_by_tensor(path, outputs)
        feeds = self._build_feeds(inputs)
        GraphRun(self.graph, self.name, feeds, substitutes, recorder, self._types).record_all()
        return recorder.finish(self._build_manifest(recorder))

    def call(
        self,
        path: str,
        inputs: Mapping[str, Array],
        *,
        call: int = 0,
        changes: Mapping[str, Any] | None = None,
    ) -> dict[str, Array]:
        if changes:
            raise UsageError(
                "attributes of an ONNX node cannot be changed", where=path, found=", ".join(changes)
            )
        if call or path == "":
            raise UsageError(
                "runs one node, once",
                where=self.name,
                found=f"{path}#{call}",
                hint="run the whole model with run()",
            )
        node = self._find_node(path)
        feeds = self._build_node_feeds(node, inputs)
        names = [name for name in node.outputs if name]
        model = self.graph.isolate_node(node, feeds)
        session = open_session(model, self.graph.path.parent, self.name)
        results = run_session(session, names, feeds, self.name)
        return {
            format_role("output", node.outputs.index(name)): array
            for name, array in zip(names, results, strict=True)
        }

    def _build_node_feeds(self, node: GraphNode, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Arrays for a node's inputs, by position.

        Raises:
            UsageError: If one has no place there, or one is lacking that is no weight.
        """
        feeds = {}
        for role, array in iter_role_inputs(inputs):
            position = parse_position(role.rpartition(".")[2])
            if position is None or position >= len(node.inputs):
                raise UsageError(
                    "has no such input",
                    where=node.path,
                    found=role,
                    expected=f"{len(node.inputs)} inputs",
                )
            feeds[node.inputs[position]] = np.ascontiguousarray(array)
        missing = [
            name
            for name in node.inputs
            if name and name not in feeds and name not in self.graph.initializers
        ]
        if missing:
            raise UsageError(
                "needs a tensor that was not given", where=node.path, found=", ".join(missing)
            )
        return feeds

    @contextlib.contextmanager
    def replace(
        self, path: str, outputs: Mapping[str, Array], *, call: int | None = None
    ) -> Iterator[None]:
        if call:
            raise UsageError("is called once in a run", where=path, found=f"call {call}")
        self._substitutes_by_tensor(path, outputs)
        self._substitutes[path] = outputs
        try:
            yield
        finally:
            del self._substitutes[path]

    def module(self, path: str) -> ModuleInfo:
        if path == "":
            return ModuleInfo("", "Graph")
        node = self._find_node(path)
        return ModuleInfo(path, node.op, node.attributes)

    def weights(self, path: str) -> dict[str, Array]:
        if path == "":
            return {}
        return {
            name: self._weights[name].values()
            for name in self._find_node(path).inputs
            if name in self._weights
        }

    def at(self, dtype: str) -> OnnxRunner:
        raise UsageError(
            "an ONNX model computes in the types it was exported with", where=self.name, found=dtype
        )

    def _find_node(self, path: str) -> GraphNode:
        if path not in self._nodes:
            raise UsageError(
                "has no such node",
                where=self.name,
                found=path,
                hint=f"it has {', '.join(list(self._nodes)[:6])}",
            )
        return self._nodes[path]

    def _substitutes_by_tensor(self, path: str, outputs: Mapping[str, Array]) -> dict[str, Array]:
        """Substitutes by the names of tensors."""
        node = self._find_node(path)
        roles = {
            format_role("output", index): name for index, name in enumerate(node.outputs) if name
        }
        if set(roles) != set(outputs):
            raise UsageError(
                "all outputs of a node are replaced",
                where=path,
                expected=sorted(roles),
                found=sorted(outputs),
            )
        arrays_by_tensor = {
            roles[role]: np.ascontiguousarray(array) for role, array in outputs.items()
        }
        return {
            name: array.astype(self._types.get(name, array.dtype), copy=False)
            for name, array in arrays_by_tensor.items()
        }

    def _build_feeds(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Arrays for the graph's inputs, by name or position, in the types that it declares."""
        types = self.graph.inputs
        feeds: dict[str, Array] = {}
        for name, array in inputs.items():
            target = self._find_graph_input(name, inputs)
            dtype = types[target]
            if dtype is None:
                feeds[target] = np.asarray(array, order="C")
            else:
                feeds[target] = np.asarray(array.astype(dtype_of(dtype)), order="C")
        if missing := [name for name in types if name not in feeds]:
            raise UsageError(
                "lacks an input",
                where=self.name,
                expected=", ".join(types),
                found=f"without {', '.join(missing)}",
            )
        return feeds

    def _find_graph_input(self, name: str, inputs: Mapping[str, Array]) -> str:
        """The graph's input that a given name or position means.

        An exporter may call the first input `input.1`, which is how the second is called by
        position: the names are positions where all positions are given, and not all are names.
        """
        names = list(self.graph.inputs)
        positions = {format_role("input", index) for index in range(len(names))}
        are_positions = set(inputs) == positions and not set(inputs) <= set(names)
        position = parse_position(name)
        if position is not None and position < len(names) and (are_positions or name not in names):
            return names[position]
        if name in names:
            return name
        if len(names) == len(inputs) == 1:
            return names[0]
        raise UsageError(
            "has no such input",
            where=self.name,
            found=name,
            hint=f"it takes {', '.join(names)}",
        )

    def _build_manifest(self, recorder: Recorder) -> Manifest:
        fingerprints: dict[str, str] = {}
        if recorder.options.fingerprints:
            fingerprints = {
                name: fingerprint_content(tensor.values()) for name, tensor in self._weights.items()
            }
        weights: dict[str, dict[str, str]] = {}
        for path, names in self.graph.list_owned_initializers().items():
            owned = {name: fingerprints[name] for name in names if name in fingerprints}
            if owned:
                weights[path] = owned
        return Manifest(
            "onnxruntime",
            onnxruntime.__version__,
            self.dtype,
            weights=weights,
            modules={path: self.module(path) for path in self.paths()},
            noise=tuple(recorder.noise),
            notes={
                "graph_optimization": "off",
                "producer": self._checkpoint.metadata.get("producer", ""),
                **recorder.notes,
            },
        )
