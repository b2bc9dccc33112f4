"""An exported graph seen as the modules that it was exported from: what hooks on these would have recorded."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from auscult.errors import UsageError
from auscult.runtime.onnx.graph import Node
from auscult.runtime.onnx.runner import OnnxRunner
from auscult.runtime.onnx.scopes import Call
from auscult.traces.records import IN_ORDER_OF_USE, Manifest, Record, Trace
from auscult.weights import Array, ModuleInfo


class ModulesRunner:
    """See `auscult.runtime.runner.Runner`. A path is a module's; nodes are not shown."""

    framework = "onnxruntime"

    def __init__(self, graph: OnnxRunner, calls: tuple[Call, ...]) -> None:
        self._graph, self.name, self.dtype = graph, graph.name, graph.dtype
        self._calls = {(call.path, call.call): call for call in calls}
        self._makers = {
            name: (node, index)
            for node in graph.graph.nodes
            for index, name in enumerate(node.outputs)
            if name
        }
        self._substitutes: dict[tuple[str, int], Mapping[str, Array]] = {}

    def paths(self) -> tuple[str, ...]:
        return ("", *dict.fromkeys(path for path, _ in self._calls))

    def run(self, inputs: Mapping[str, Array], **options: Any) -> Trace:
        with contextlib.ExitStack() as stack:
            for node, outputs, _ in self._by_node().values():
                stack.enter_context(self._graph.replace(node.path, outputs))
            return self._seen(self._graph.run(inputs, **options))

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
        if any(len(self._makers[name][0].outputs) > 1 for name in self._calls[place].outputs):
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
        layers = [node for node in call.nodes if node.op == call.type]
        return ModuleInfo(path, call.type, layers[0].attributes if layers else {})

    def weights(self, path: str) -> dict[str, Array]:
        if path == "":
            return {}
        return {
            name: array
            for node in self._calls[path, 0].own
            for name, array in self._graph.weights(node.path).items()
        }

    def at(self, dtype: str) -> Any:
        return self._graph.at(dtype)

    def _by_node(self) -> dict[str, tuple[Node, Mapping[str, Array], Call]]:
        """What is put in place of what nodes give, and whose it is: of modules that hand on one tensor, the innermost's."""
        found: dict[str, tuple[Node, Mapping[str, Array], Call]] = {}
        for place in sorted(
            self._substitutes, key=lambda place: len(self._calls[place].nodes), reverse=True
        ):
            for role, array in self._substitutes[place].items():
                name = dict(_roles("output", self._calls[place].outputs)).get(role)
                if name is not None:
                    node = self._makers[name][0]
                    found[node.path] = node, {"output": array}, self._calls[place]
        return found

    def _seen(self, trace: Trace) -> Trace:
        """The trace of the nodes as a trace of the modules."""
        return _View(self, trace).trace()

    def manifest(self, trace: Trace) -> Manifest:
        """The manifest with the modules' weights and classes."""
        weights = {
            path: {
                name: text
                for node in call.own
                for name, text in trace.manifest.weights.get(node.path, {}).items()
            }
            for (path, number), call in self._calls.items()
            if number == 0
        }
        modules = {path: self.module(path) for path in self.paths()}
        notes = {**trace.manifest.notes, IN_ORDER_OF_USE: True}
        return replace(
            trace.manifest,
            weights={path: own for path, own in weights.items() if own},
            modules=modules,
            notes=notes,
        )


class _View:
    """Makes the records of modules from those of nodes.

    Attributes:
        sources: Key of the node's record by key of the module's.
        known: Key of the first record of each tensor.
    """

    def __init__(self, runner: ModulesRunner, trace: Trace) -> None:
        self.runner, self.nodes, self.replaced = runner, trace, runner._by_node()
        self.by_place = {(record.path, record.role): record for record in trace.records}
        self.records: list[Record] = []
        self.sources: dict[str, str] = {}
        self.known: dict[str, str] = {}

    def trace(self) -> Trace:
        graph = self.runner._graph.graph
        for record in self.nodes.records:
            if record.path == "" and record.role.startswith("input"):
                self._add(record, ("", 0, record.role), self._input(record.role), "Graph")
        for _, _, call, is_end in sorted(self._events(), key=lambda event: event[:2]):
            self._call(call, is_end=is_end)
        for role, name in _roles("output", graph.outputs):
            if (found := self._of(name)) is not None:
                self._add(found, ("", 0, role), name, "Graph")
        noise = tuple(record for record in self.nodes.records if record.role == "noise")
        self.sources |= {record.key: record.same_as or record.key for record in noise}
        ordered = tuple(
            replace(record, order=order) for order, record in enumerate((*noise, *self.records))
        )
        nodes, sources = self.nodes, self.sources
        manifest = self.runner.manifest(nodes)

        def values(key: str, /) -> Array:
            return nodes.values(sources[key])

        return Trace(manifest, ordered, values, nodes.path, nodes.left_out)

    def _events(self) -> Iterator[tuple[int, int, Call, bool]]:
        """Outer modules begin first and end last."""
        for call in self.runner._calls.values():
            yield 2 * call.first, -len(call.nodes), call, False
            yield 2 * call.last + 1, len(call.nodes), call, True

    def _call(self, call: Call, *, is_end: bool) -> None:
        if not is_end:
            for role, name in _roles("input", call.inputs):
                if (found := self._of(name)) is not None:
                    self._add(found, (call.path, call.call, role), name, call.type)
            return
        for role, name in _roles("output", call.outputs):
            found = self._of(name)
            if found is None:
                continue
            node, index = self.runner._makers[name]
            own = self.by_place.get((node.path, f"own.{index}" if index else "own"))
            if own is not None and (call.path, call.call) in self.runner._substitutes:
                given = own if self.replaced[node.path][2] is call else found
                self._add(
                    given,
                    (call.path, call.call, role.replace("output", "own")),
                    f"{name}~{given.role}",
                    call.type,
                )
            self._add(found, (call.path, call.call, role), name, call.type)

    def _of(self, name: str) -> Record | None:
        """The record of a tensor: what its node gave, or what was fed."""
        if name in self.runner._makers:
            node, index = self.runner._makers[name]
            return self.by_place.get((node.path, f"output.{index}" if index else "output"))
        role = {fed: role for role, fed in _roles("input", self.runner._graph.graph.inputs)}.get(
            name, ""
        )
        return self.by_place.get(("", role))

    def _input(self, role: str) -> str:
        return dict(_roles("input", tuple(self.runner._graph.graph.inputs))).get(role, role)

    def _add(self, record: Record, place: tuple[str, int, str], name: str, kind: str) -> None:
        path, call, role = place
        made = replace(
            record, path=path, call=call, role=role, type=kind, same_as=self.known.get(name)
        )
        self.known.setdefault(name, made.key)
        self.sources[made.key] = record.same_as or record.key
        self.records.append(made)


def _roles(base: str, names: Any) -> list[tuple[str, str]]:
    return [(f"{base}.{index}" if index else base, name) for index, name in enumerate(names)]
