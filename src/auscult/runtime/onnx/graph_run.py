"""One run of an ONNX graph in which everything that it computes is recorded.

In: a graph, what is fed, and what is fed in place of what nodes give. Out: records, in several runs
where the results do not fit into memory together.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from auscult.errors import TraceError
from auscult.runtime.noise import NoiseReplay
from auscult.runtime.onnx.graph import OWN_SUFFIX, RANDOM_OPERATORS, GraphNode, OnnxGraph
from auscult.runtime.onnx.session import (
    infer_result_bytes,
    open_session,
    read_profiled_bytes,
    run_session,
)
from auscult.runtime.recorder import Recorder
from auscult.runtime.roles import format_role
from auscult.traces.records import Record
from auscult.weights import Array

UNKNOWN_BYTES = 1 << 26
"""Taken for a tensor whose size the profile does not tell.

Chosen, not measured.
"""


@dataclass(eq=False)
class GraphRun:
    """Runs a graph and hands what it computes to a recorder.

    Attributes:
        name: What the user called the model, for messages.
        feeds: The graph's inputs.
        fixed: Arrays in place of what nodes give, by the names of tensors. What random nodes draw
            is added, so that all runs use the same.
        types: Filled with the type of every result, by its name.
    """

    graph: OnnxGraph
    name: str
    feeds: Mapping[str, Array]
    fixed: dict[str, Array]
    recorder: Recorder
    types: dict[str, Any]
    _known_records: dict[str, Record] = field(default_factory=dict)

    def record_all(self) -> None:
        """Run the graph, as often as it takes, and record it."""
        self.fixed |= self._draw_noise()
        is_whole_recorded = self.recorder.options.is_included("")
        if is_whole_recorded:
            self._record_graph_inputs()
        graph_outputs: dict[str, Any] = {}
        for batch, session in self._iter_batches(self._list_recorded_nodes()):
            graph_outputs = self._run_batch(batch, session)
        if is_whole_recorded:
            self._record_graph_outputs(graph_outputs)

    def _list_recorded_nodes(self) -> list[GraphNode]:
        return [
            node
            for node in self.graph.nodes
            if node.op != "Constant"
            and (self.recorder.options.is_included(node.path) or self._is_fixed(node))
        ]

    def _is_fixed(self, node: GraphNode) -> bool:
        return any(name in self.fixed for name in node.outputs)

    def _record_graph_inputs(self) -> None:
        positions = {name: index for index, name in enumerate(self.graph.inputs)}
        for name, array in self.feeds.items():
            role = format_role("input", positions[name])
            self._known_records[name] = self.recorder.add("", 0, role, "Graph", array)

    def _record_graph_outputs(self, graph_outputs: Mapping[str, Any]) -> None:
        for index, name in enumerate(self.graph.outputs):
            role = format_role("output", index)
            if name in self._known_records:
                self.recorder.again("", 0, role, "Graph", self._known_records[name])
            elif _is_array(array := graph_outputs.get(name)):
                self.recorder.add("", 0, role, "Graph", array)

    def _run_batch(self, batch: Sequence[GraphNode], session: Any) -> dict[str, Any]:
        """Record the results of these nodes; what the run showed of the graph's own outputs."""
        result_names = self._list_result_names(batch)
        end_names = [
            name
            for name in self.graph.outputs
            if name not in result_names and name not in self.fixed
        ]
        names = [*result_names, *end_names]
        own_results = dict(zip(names, self._run_session(session, names), strict=True))
        results = {**own_results, **self.fixed}
        for node in batch:
            self._record_node(node, results, own_results)
        return {name: array for name, array in results.items() if name in self.graph.outputs}

    def _record_node(
        self, node: GraphNode, results: Mapping[str, Any], own_results: Mapping[str, Any]
    ) -> None:
        """Record one node.

        Args:
            own_results: What nodes themselves gave where something else was fed in its place.
        """
        recorder, known_records = self.recorder, self._known_records
        if recorder.options.with_inputs:
            for index, name in enumerate(node.inputs):
                if name in known_records:
                    role = format_role("input", index)
                    recorder.again(node.path, 0, role, node.op, known_records[name])
        for index, name in enumerate(node.outputs):
            array = own_results.get(name + OWN_SUFFIX)
            if _is_array(array):
                recorder.add(node.path, 0, format_role("own", index), node.op, array)
        for index, name in enumerate(node.outputs):
            array = results.get(name)
            if _is_array(array):
                self.types[name] = array.dtype
                role = format_role("output", index)
                known_records[name] = recorder.add(node.path, 0, role, node.op, array)

    def _draw_noise(self) -> dict[str, Array]:
        """What random nodes drew in one run, for all runs to use; or what a trace says that they
        draw.
        """
        nodes = [
            node
            for node in self.graph.nodes
            if node.op in RANDOM_OPERATORS and not self._is_fixed(node)
        ]
        if not nodes:
            return {}
        options = self.recorder.options
        names = [node.outputs[0] for node in nodes]
        session = self._open_session(self.graph.with_outputs(names))
        drawn_arrays = run_session(session, names, self.feeds, self.name)
        replay = None
        if options.replay is not None:
            replay = NoiseReplay(options.replay)
        noise: dict[str, Array] = {}
        for index, (node, drawn_array) in enumerate(zip(nodes, drawn_arrays, strict=True)):
            array = drawn_array
            if replay is not None:
                array = self._replay_draw(replay, nodes[: index + 1], drawn_array, noise)
            noise[node.outputs[0]] = array
            if options.noise:
                self.recorder.add(node.path, 0, "noise", node.op, array)
        return noise

    def _replay_draw(
        self,
        replay: NoiseReplay,
        nodes: Sequence[GraphNode],
        array: Array,
        noise: Mapping[str, Array],
    ) -> Array:
        """What a trace says that the last of these nodes draws; its shape may depend on what those
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
        session = self._open_session(self.graph.without_nodes(before, noise, [name]))
        redrawn_arrays = run_session(session, [name], {**self.feeds, **noise}, self.name)
        return replay.draw(node.op, redrawn_arrays[0].shape).astype(array.dtype)

    def _iter_batches(self, nodes: list[GraphNode]) -> Iterator[tuple[list[GraphNode], Any]]:
        """Nodes in order, together as long as their results fit into the bytes that a batch may
        take, with the session that gives these results.

        Sizes are those that the model declares for inputs of these shapes, or else those of a
        profiled run.
        """
        limit = self.recorder.options.batch_bytes
        session = self._open_batch(nodes)
        declared_bytes = infer_result_bytes(session, {**self.feeds, **self.fixed})
        if declared_bytes is not None and declared_bytes <= limit:
            yield nodes, session
            return
        del session
        bytes_by_node = self._profile_bytes()
        batch: list[GraphNode] = []
        total = 0
        for node in nodes:
            size = bytes_by_node.get(node.name, UNKNOWN_BYTES)
            if batch and total + size > limit:
                yield batch, self._open_batch(batch)
                batch, total = [], 0
            batch.append(node)
            total += size
        # Also where nothing is wanted but the graph's own outputs.
        yield batch, self._open_batch(batch)

    def _open_batch(self, batch: Iterable[GraphNode]) -> Any:
        names = self._list_result_names(batch)
        if not self.fixed:
            return self._open_session(self.graph.with_outputs(names))
        return self._open_session(
            self.graph.without_nodes(self._list_fixed_nodes(), self.fixed, names)
        )

    def _list_fixed_nodes(self) -> list[GraphNode]:
        return [node for node in self.graph.nodes if self._is_fixed(node)]

    def _profile_bytes(self) -> dict[str, int]:
        """Bytes that each node's results take, by its name, from a run that keeps none of them."""
        model = self.graph.data
        if self.fixed:
            model = self.graph.without_nodes(self._list_fixed_nodes(), self.fixed)
        end_names = [name for name in self.graph.outputs if name not in self.fixed]
        with tempfile.TemporaryDirectory(prefix="auscult-") as folder:
            session = self._open_session(model, str(Path(folder) / "profile"))
            self._run_session(session, end_names)
            return read_profiled_bytes(session)

    def _open_session(self, model: bytes, profile: str | None = None) -> Any:
        return open_session(model, self.graph.path.parent, self.name, profile)

    def _run_session(self, session: Any, names: Sequence[str]) -> list[Any]:
        return run_session(session, names, {**self.feeds, **self.fixed}, self.name)

    def _list_result_names(self, nodes: Iterable[GraphNode]) -> list[str]:
        """Names of what nodes give; where something else is fed in its place, of what they gave
        themselves.
        """
        names = []
        for node in nodes:
            for name in filter(None, node.outputs):
                if name not in self.fixed:
                    names.append(name)
                elif node.op not in RANDOM_OPERATORS:
                    names.append(name + OWN_SUFFIX)
        return names


def _is_array(value: Any) -> TypeGuard[Array]:
    """Whether a result is a tensor of numbers, and not text or a sequence."""
    return isinstance(value, np.ndarray) and value.dtype.kind not in "OUS"
