"""An ONNX model in ONNX Runtime: run with all its intermediates, node by node, or with results
substituted.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
import onnxruntime

from auscult.checkpoint import open_checkpoint
from auscult.checkpoint.source import dtype_of
from auscult.errors import TraceError, UsageError
from auscult.runtime.noise import NoiseReplay
from auscult.runtime.onnx.graph import OWN_SUFFIX, RANDOM_OPERATORS, GraphNode, read_graph
from auscult.runtime.onnx.session import (
    infer_result_bytes,
    open_session,
    read_profiled_bytes,
    run_session,
)
from auscult.runtime.options import CaptureOptions
from auscult.runtime.recorder import Recorder, TensorStore
from auscult.runtime.roles import iter_role_inputs
from auscult.traces.fingerprint import fingerprint_content
from auscult.traces.records import Manifest, Record, Trace
from auscult.weights import Array, ModuleInfo

UNKNOWN_BYTES = 1 << 26
"""Taken for a tensor whose size the profile does not tell."""


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
        self._checkpoint = open_checkpoint(path)
        self._weights = {
            name: tensor
            for name, tensor in self._checkpoint.items()
            if name in self.graph.initializers
        }
        sizes: dict[str, int] = {}
        for tensor in self._weights.values():
            sizes[tensor.dtype] = sizes.get(
                tensor.dtype, 0
            ) + tensor.size * tensor.dtype.startswith(("float", "bfloat"))
        self.dtype = max(sizes, key=lambda dtype: sizes[dtype], default="float32")

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

    def run(
        self, inputs: Mapping[str, Array], *, store: TensorStore | None = None, **options: Any
    ) -> Trace:
        recorder = Recorder(CaptureOptions(**options), store)
        feeds = self._build_feeds(inputs)
        fixed = {
            name: array
            for path, outputs in self._substitutes.items()
            for name, array in self._substitutes_by_tensor(path, outputs).items()
        }
        fixed |= self._draw_noise(feeds, fixed, recorder)
        fixed_nodes = [
            node for node in self.graph.nodes if any(name in fixed for name in node.outputs)
        ]
        recorded_nodes = [
            node
            for node in self.graph.nodes
            if node.op != "Constant" and (_is_recorded(recorder, node) or node in fixed_nodes)
        ]
        known_records: dict[str, Record] = {}
        if recorder.options.is_included(""):
            for name, array in feeds.items():
                known_records[name] = recorder.add(
                    "",
                    0,
                    _format_role("input", list(self.graph.inputs).index(name)),
                    "Graph",
                    array,
                )
        last: dict[str, Array] = {}
        for batch, session in self._iter_batches(
            recorded_nodes, feeds, fixed, fixed_nodes, recorder.options.batch_bytes
        ):
            names = _list_result_names(batch, fixed)
            end_names = [
                name for name in self.graph.outputs if name not in names and name not in fixed
            ]
            results = dict(
                zip(
                    [*names, *end_names],
                    self._run(session, [*names, *end_names], {**feeds, **fixed}),
                    strict=True,
                )
            )
            for node in batch:
                self._record(recorder, node, {**results, **fixed}, known_records, results)
            last = {
                name: array
                for name, array in {**results, **fixed}.items()
                if name in self.graph.outputs
            }
        for index, name in enumerate(self.graph.outputs):
            if not recorder.options.is_included(""):
                break
            if name in known_records:
                recorder.again("", 0, _format_role("output", index), "Graph", known_records[name])
            elif _is_array(last.get(name)):
                recorder.add("", 0, _format_role("output", index), "Graph", last[name])
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
        feeds = {}
        for role, array in iter_role_inputs(inputs):
            if role == "input":
                position = 0
            elif role.rpartition(".")[2].isdigit():
                position = int(role.rpartition(".")[2])
            else:
                position = -1
            if not 0 <= position < len(node.inputs):
                raise UsageError(
                    "has no such input",
                    where=path,
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
                "needs a tensor that was not given", where=path, found=", ".join(missing)
            )
        names = [name for name in node.outputs if name]
        results = self._run(self._open(self.graph.isolate_node(node, feeds)), names, feeds)
        return {
            _format_role("output", node.outputs.index(name)): array
            for name, array in zip(names, results, strict=True)
        }

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
            name: self._weights[name].numpy()
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
            _format_role("output", index): name for index, name in enumerate(node.outputs) if name
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
        names = list(types)
        feeds: dict[str, Array] = {}
        # An exporter may call the first input `input.1`, which is how the second is called by
        # position.
        by_position = set(inputs) == {
            _format_role("input", index) for index in range(len(names))
        } and not set(inputs) <= set(types)
        for name, array in inputs.items():
            position = "0" if name == "input" else name.removeprefix("input.")
            is_position = (
                position.isdigit()
                and int(position) < len(types)
                and (by_position or name not in types)
            )
            target = names[int(position)] if is_position else name
            if target not in types and len(types) == len(inputs) == 1:
                target = next(iter(types))
            if target not in types:
                raise UsageError(
                    "has no such input",
                    where=self.name,
                    found=name,
                    hint=f"it takes {', '.join(types)}",
                )
            kind = types[target]
            feeds[target] = np.asarray(
                array if kind is None else array.astype(dtype_of(kind)), order="C"
            )
        if missing := [name for name in names if name not in feeds]:
            raise UsageError(
                "lacks an input",
                where=self.name,
                expected=", ".join(types),
                found=f"without {', '.join(missing)}",
            )
        return feeds

    def _draw_noise(
        self, feeds: Mapping[str, Array], fixed: Mapping[str, Array], recorder: Recorder
    ) -> dict[str, Array]:
        """What random nodes drew in one run, for all runs to use; or what a trace says that they
        draw.
        """
        nodes = [
            node
            for node in self.graph.nodes
            if node.op in RANDOM_OPERATORS and not any(name in fixed for name in node.outputs)
        ]
        if not nodes:
            return {}
        names = [node.outputs[0] for node in nodes]
        drawn = self._run(self._open(self.graph.with_outputs(names)), names, feeds)
        if recorder.options.replay is not None:
            replay = NoiseReplay(recorder.options.replay)
        else:
            replay = None
        noise: dict[str, Array] = {}
        for index, (node, array) in enumerate(zip(nodes, drawn, strict=True)):
            if replay is None:
                value = array
            else:
                value = self._replay_draw(replay, nodes[: index + 1], array, feeds, noise)
            noise[node.outputs[0]] = value
            if recorder.options.noise:
                recorder.add(node.path, 0, "noise", node.op, value)
        return noise

    def _replay_draw(
        self,
        replay: NoiseReplay,
        nodes: Sequence[GraphNode],
        array: Array,
        feeds: Mapping[str, Array],
        noise: Mapping[str, Array],
    ) -> Array:
        """What a trace says that the last of these nodes draws; its shape may hang on what those
        before it drew.

        Raises:
            TraceError: If the trace holds another draw.
        """
        *before, node = nodes
        try:
            return replay.draw(node.op, array.shape).astype(array.dtype)
        except TraceError:
            if not noise:
                raise
        name = node.outputs[0]
        again = self._run(
            self._open(self.graph.without_nodes(before, noise, [name])), [name], {**feeds, **noise}
        )[0]
        return replay.draw(node.op, again.shape).astype(array.dtype)

    def _iter_batches(
        self,
        nodes: list[GraphNode],
        feeds: Mapping[str, Array],
        fixed: Mapping[str, Array],
        fixed_nodes: Sequence[GraphNode],
        limit: int,
    ) -> Iterator[tuple[list[GraphNode], Any]]:
        """Nodes in order, together as long as their results fit in `limit` bytes, with the session
        that gives these results.

        Sizes are those that the model declares for inputs of these shapes, or else those of a
        profiled run.
        """

        def open_batch(batch: list[GraphNode]) -> Any:
            names = _list_result_names(batch, fixed)
            return self._open(
                self.graph.without_nodes(fixed_nodes, fixed, names)
                if fixed
                else self.graph.with_outputs(names)
            )

        session = open_batch(nodes)
        declared = infer_result_bytes(session, {**feeds, **fixed})
        if declared is not None and declared <= limit:
            yield nodes, session
            return
        del session
        sizes = self._sizes(feeds, fixed, fixed_nodes)
        batch: list[GraphNode] = []
        total = 0
        for node in nodes:
            size = sizes.get(node.name, UNKNOWN_BYTES)
            if batch and total + size > limit:
                yield batch, open_batch(batch)
                batch, total = [], 0
            batch.append(node)
            total += size
        yield batch, open_batch(batch)  # also where nothing is wanted but the graph's own outputs

    def _sizes(
        self,
        feeds: Mapping[str, Array],
        fixed: Mapping[str, Array],
        fixed_nodes: Sequence[GraphNode],
    ) -> dict[str, int]:
        """Bytes that each node's results take, by its name, from a run that keeps none of them."""
        end_names = [name for name in self.graph.outputs if name not in fixed]
        with tempfile.TemporaryDirectory(prefix="auscult-") as folder:
            session = self._open(
                self.graph.without_nodes(fixed_nodes, fixed) if fixed else self.graph.data,
                str(Path(folder) / "profile"),
            )
            self._run(session, end_names, {**feeds, **fixed})
            return read_profiled_bytes(session)

    def _open(self, model: bytes, profile: str | None = None) -> Any:
        return open_session(model, self.graph.path.parent, self.name, profile)

    def _run(self, session: Any, names: Sequence[str], feeds: Mapping[str, Array]) -> list[Any]:
        return run_session(session, names, feeds, self.name)

    def _record(
        self,
        recorder: Recorder,
        node: GraphNode,
        results: Mapping[str, Any],
        known_records: dict[str, Record],
        own_results: Mapping[str, Any],
    ) -> None:
        if recorder.options.with_inputs:
            for index, name in enumerate(node.inputs):
                if name in known_records:
                    recorder.again(
                        node.path, 0, _format_role("input", index), node.op, known_records[name]
                    )
        for index, name in enumerate(node.outputs):
            if _is_array(own_results.get(name + OWN_SUFFIX)):
                recorder.add(
                    node.path,
                    0,
                    _format_role("own", index),
                    node.op,
                    own_results[name + OWN_SUFFIX],
                )
        for index, name in enumerate(node.outputs):
            array = results.get(name)
            if _is_array(array):
                self._types[name] = array.dtype
                known_records[name] = recorder.add(
                    node.path, 0, _format_role("output", index), node.op, array
                )

    def _build_manifest(self, recorder: Recorder) -> Manifest:
        if recorder.options.fingerprints:
            fingerprints = {
                name: fingerprint_content(tensor.numpy()) for name, tensor in self._weights.items()
            }
        else:
            fingerprints = {}
        owned = {
            path: {n: fingerprints[n] for n in names if n in fingerprints}
            for path, names in self.graph.list_owned_initializers().items()
        }
        return Manifest(
            "onnxruntime",
            onnxruntime.__version__,
            self.dtype,
            weights={path: path_weights for path, path_weights in owned.items() if path_weights},
            modules={path: self.module(path) for path in self.paths()},
            noise=tuple(recorder.noise),
            notes={
                "graph_optimization": "off",
                "producer": self._checkpoint.metadata.get("producer", ""),
                **recorder.notes,
            },
        )


def _list_result_names(nodes: Iterable[GraphNode], fixed: Mapping[str, Array]) -> list[str]:
    """Names of what nodes give; where something else is fed in its place, of what they gave
    themselves.
    """
    return [
        name + OWN_SUFFIX if name in fixed else name
        for node in nodes
        for name in node.outputs
        if name and _is_computed(node, name, fixed)
    ]


def _is_computed(node: GraphNode, name: str, fixed: Mapping[str, Array]) -> bool:
    return name not in fixed or node.op not in RANDOM_OPERATORS


def _is_recorded(recorder: Recorder, node: GraphNode) -> bool:
    return recorder.options.is_included(node.path)


def _format_role(base: str, index: int) -> str:
    if index:
        return f"{base}.{index}"
    return base


def _is_array(value: Any) -> TypeGuard[Array]:
    """Whether a result is a tensor of numbers, and not text or a sequence."""
    return isinstance(value, np.ndarray) and value.dtype.kind not in "OUS"
