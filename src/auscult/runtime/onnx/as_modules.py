"""An exported graph seen as the modules that it was exported from: what hooks on these would have
recorded.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from auscult.errors import UsageError
from auscult.runtime.onnx.graph import GraphNode
from auscult.runtime.onnx.runner import OnnxRunner
from auscult.runtime.onnx.scopes import ScopeCall
from auscult.runtime.quantised_weights import RestoreWeight, keep_rounded
from auscult.runtime.roles import format_role
from auscult.traces.records import INPUTS_IN_USE_ORDER, Manifest, Record, Trace
from auscult.weights import Array, ModuleInfo


class ModulesRunner:
    """See `auscult.runtime.runner.Runner`. A path is a module's; nodes are not shown."""

    framework = "onnxruntime"

    def __init__(self, graph: OnnxRunner, calls: tuple[ScopeCall, ...]) -> None:
        self._graph_runner, self.name, self.dtype = graph, graph.name, graph.dtype
        self._calls = {(call.path, call.call): call for call in calls}
        self._makers_by_tensor: dict[str, tuple[GraphNode, int]] = {}
        for node in graph.graph.nodes:
            for index, name in enumerate(node.outputs):
                if name:
                    self._makers_by_tensor[name] = (node, index)
        self._substitutes: dict[tuple[str, int], Mapping[str, Array]] = {}

    def paths(self) -> tuple[str, ...]:
        return ("", *dict.fromkeys(path for path, _ in self._calls))

    def without_quantisation(self, restore: RestoreWeight = keep_rounded) -> Any:
        """See `OnnxRunner.without_quantisation`."""
        runner = self._graph_runner.without_quantisation(restore)
        if runner is None:
            return None
        return runner.as_modules()

    def measure_product_errors(self, inputs: Mapping[str, Array]) -> dict[str, float]:
        """See `OnnxRunner.measure_product_errors`."""
        return self._graph_runner.measure_product_errors(inputs)

    def run(self, inputs: Mapping[str, Array], **options: Any) -> Trace:
        with contextlib.ExitStack() as stack:
            for node, outputs, _ in self._substitutes_by_node().values():
                stack.enter_context(self._graph_runner.replace(node.path, outputs))
            return self._view_as_modules(self._graph_runner.run(inputs, **options))

    def call(self, path: str, _inputs: Mapping[str, Array], **_options: Any) -> dict[str, Array]:
        raise UsageError(
            "runs no module of a graph alone",
            where=f"{self.name} {path}",
            hint="replace those around it",
        )

    @contextlib.contextmanager
    def replace(
        self, path: str, outputs: Mapping[str, Array], *, call: int | None = None
    ) -> Iterator[None]:
        place = path, call or 0
        if place not in self._calls:
            raise UsageError("has no such module", where=self.name, found=f"{path}#{call}")
        if any(
            len(self._makers_by_tensor[name][0].outputs) > 1 for name in self._calls[place].outputs
        ):
            raise UsageError("ends in an operator of several results", where=f"{self.name} {path}")
        self._substitutes[place] = outputs
        try:
            yield
        finally:
            del self._substitutes[place]

    def module(self, path: str) -> ModuleInfo:
        if path == "":
            return ModuleInfo("", "Graph")
        call = self._calls[path, 0]
        for node in call.nodes:
            if node.op == call.type:
                return ModuleInfo(path, call.type, node.attributes)
        return ModuleInfo(path, call.type)

    def weights(self, path: str) -> dict[str, Array]:
        if path == "":
            return {}
        weights: dict[str, Array] = {}
        for node in self._calls[path, 0].own:
            weights |= self._graph_runner.weights(node.path)
        return weights

    def at(self, dtype: str) -> Any:
        return self._graph_runner.at(dtype)

    def _substitutes_by_node(self) -> dict[str, tuple[GraphNode, Mapping[str, Array], ScopeCall]]:
        """What is put in place of what nodes give, and whose it is: of modules that hand on one
        tensor, the innermost's.
        """
        substitutes: dict[str, tuple[GraphNode, Mapping[str, Array], ScopeCall]] = {}
        for place in sorted(
            self._substitutes, key=lambda place: len(self._calls[place].nodes), reverse=True
        ):
            for role, array in self._substitutes[place].items():
                name = dict(_pair_roles("output", self._calls[place].outputs)).get(role)
                if name is not None:
                    node = self._makers_by_tensor[name][0]
                    substitutes[node.path] = node, {"output": array}, self._calls[place]
        return substitutes

    def _view_as_modules(self, trace: Trace) -> Trace:
        """The trace of the nodes as a trace of the modules."""
        return _ModuleView(self, trace).build_trace()

    def build_manifest(self, trace: Trace) -> Manifest:
        """The manifest with the modules' weights and classes."""
        weights: dict[str, dict[str, str]] = {}
        for (path, number), call in self._calls.items():
            if number == 0:
                owned: dict[str, str] = {}
                for node in call.own:
                    owned |= trace.manifest.weights.get(node.path, {})
                weights[path] = owned
        modules = {path: self.module(path) for path in self.paths()}
        notes = {**trace.manifest.notes, INPUTS_IN_USE_ORDER: True}
        return replace(
            trace.manifest,
            weights={path: path_weights for path, path_weights in weights.items() if path_weights},
            modules=modules,
            notes=notes,
        )


class _ModuleView:
    """Makes the records of modules from those of nodes.

    Attributes:
        sources: Key of the node's record by key of the module's.
        known: Key of the first record of each tensor.
    """

    def __init__(self, runner: ModulesRunner, trace: Trace) -> None:
        self.runner, self.nodes, self.replaced = runner, trace, runner._substitutes_by_node()
        self.by_place = {(record.path, record.role): record for record in trace.records}
        self.records: list[Record] = []
        self.sources: dict[str, str] = {}
        self.first_keys: dict[str, str] = {}

    def build_trace(self) -> Trace:
        graph = self.runner._graph_runner.graph
        for record in self.nodes.records:
            if record.path == "" and record.role.startswith("input"):
                self._add_record(
                    record, ("", 0, record.role), self._find_input_name(record.role), "Graph"
                )
        for _, _, call, is_end in sorted(self._iter_events(), key=lambda event: event[:2]):
            self._add_call(call, is_end=is_end)
        for role, name in _pair_roles("output", graph.outputs):
            if (tensor_record := self._find_record(name)) is not None:
                self._add_record(tensor_record, ("", 0, role), name, "Graph")
        noise = tuple(record for record in self.nodes.records if record.role == "noise")
        self.sources |= {record.key: record.same_as or record.key for record in noise}
        ordered = tuple(
            replace(record, order=order) for order, record in enumerate((*noise, *self.records))
        )
        nodes, sources = self.nodes, self.sources
        manifest = self.runner.build_manifest(nodes)

        def load_tensor(key: str, /) -> Array:
            return nodes.values(sources[key])

        return Trace(manifest, ordered, load_tensor, nodes.path, nodes.left_out)

    def _iter_events(self) -> Iterator[tuple[int, int, ScopeCall, bool]]:
        """Outer modules begin first and end last."""
        for call in self.runner._calls.values():
            yield 2 * call.first, -len(call.nodes), call, False
            yield 2 * call.last + 1, len(call.nodes), call, True

    def _add_call(self, call: ScopeCall, *, is_end: bool) -> None:
        if not is_end:
            for role, name in _pair_roles("input", call.inputs):
                if (tensor_record := self._find_record(name)) is not None:
                    self._add_record(tensor_record, (call.path, call.call, role), name, call.type)
            return
        for role, name in _pair_roles("output", call.outputs):
            tensor_record = self._find_record(name)
            if tensor_record is None:
                continue
            node, index = self.runner._makers_by_tensor[name]
            own_record = self.by_place.get((node.path, format_role("own", index)))
            if own_record is not None and (call.path, call.call) in self.runner._substitutes:
                if self.replaced[node.path][2] is call:
                    shown_record = own_record
                else:
                    shown_record = tensor_record
                self._add_record(
                    shown_record,
                    (call.path, call.call, role.replace("output", "own")),
                    f"{name}~{shown_record.role}",
                    call.type,
                )
            self._add_record(tensor_record, (call.path, call.call, role), name, call.type)

    def _find_record(self, name: str) -> Record | None:
        """The record of a tensor: what its node gave, or what was fed."""
        if name in self.runner._makers_by_tensor:
            node, index = self.runner._makers_by_tensor[name]
            return self.by_place.get((node.path, format_role("output", index)))
        role = {
            input_name: role
            for role, input_name in _pair_roles("input", self.runner._graph_runner.graph.inputs)
        }.get(name, "")
        return self.by_place.get(("", role))

    def _find_input_name(self, role: str) -> str:
        return dict(_pair_roles("input", tuple(self.runner._graph_runner.graph.inputs))).get(
            role, role
        )

    def _add_record(
        self, record: Record, place: tuple[str, int, str], name: str, kind: str
    ) -> None:
        path, call, role = place
        module_record = replace(
            record, path=path, call=call, role=role, type=kind, same_as=self.first_keys.get(name)
        )
        self.first_keys.setdefault(name, module_record.key)
        self.sources[module_record.key] = record.same_as or record.key
        self.records.append(module_record)


def _pair_roles(base: str, names: Any) -> list[tuple[str, str]]:
    return [(format_role(base, index), name) for index, name in enumerate(names)]
