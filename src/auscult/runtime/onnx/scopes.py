"""The modules that a graph was exported from: exporters keep their paths in the names of nodes.

torch's exporter calls the nodes of a module `/decoder/up/Conv`, and those of its second call
`/decoder/up_1/Conv`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, takewhile

from auscult.runtime.onnx.graph import LAYER_OPERATORS, GraphNode, OnnxGraph

REPEATED_SCOPE = re.compile(r"(?P<path>.+)_(?P<call>[1-9]\d*)")
SHAPE_OPERATORS = frozenset(("Shape", "Size"))


@dataclass(frozen=True, eq=False)
class ScopeCall:
    """One call of one module.

    Attributes:
        nodes: All that ran in it, in order, those of its parts too.
        own: Those that are in none of its parts.
        inputs, outputs: Names of the tensors that come from without, and of those that are used
            there. Exporters compute a thing once that several modules compute alike: what one made
            for itself, and another took from it, is neither.
        first, last: Positions in the graph.
    """

    path: str
    call: int
    nodes: tuple[GraphNode, ...]
    own: tuple[GraphNode, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    first: int
    last: int

    @property
    def type(self) -> str:
        """The operator of its layer, where it has one alone."""
        layers = [node.op for node in self.nodes if node.op in LAYER_OPERATORS]
        if len(layers) == 1:
            return layers[0]
        if len(self.nodes) == 1:
            return self.own[0].op
        return "Scope"


def find_scope_calls(graph: OnnxGraph) -> tuple[ScopeCall, ...]:
    """Every call of every module that the names of nodes show; empty where they show none, or calls
    cannot be told apart.
    """
    scopes: dict[str, list[GraphNode]] = {}
    scope_by_node = _find_scopes(graph)
    for node in graph.nodes:
        scope = scope_by_node[node.path]
        if scope and node.op != "Constant":
            scopes.setdefault(scope, []).append(node)
    if any(_has_reused_weight(nodes, graph) for nodes in scopes.values()):
        return ()
    calls_by_path = _group_calls(scopes, graph)
    tensor_use = _TensorUse(graph)
    calls = []
    for path in calls_by_path:
        for number, parts in enumerate(_iter_call_parts(path, calls_by_path)):
            calls.append(tensor_use.build_call(path, number, *parts))
    owners: dict[str, ScopeCall] = {}
    for call in calls:
        for node in call.own:
            owners |= dict.fromkeys(node.outputs, call)
    return tuple(_keep_handed_inputs(call, owners) for call in calls)


def _find_scopes(graph: OnnxGraph) -> dict[str, str]:
    """The module that each node ran in, by the node's path.

    torch's newer exporter loses it for some operations of several results (`chunk`, `split`). Such a node belongs to the
    innermost module around those that make what it takes and those that take what it makes.
    """
    scope_by_node = {node.path: node.path.rpartition(".")[0] for node in graph.nodes}
    named_scopes = set(scope_by_node.values())
    makers = {name: node.path for node in graph.nodes for name in node.outputs if name}
    takers: dict[str, list[str]] = {}
    for node in graph.nodes:
        for name in node.inputs:
            takers.setdefault(name, []).append(node.path)
    for node in graph.nodes:
        if len(node.outputs) < 2 or scope_by_node[node.path]:
            continue
        neighbours = [makers[name] for name in node.inputs if name in makers]
        neighbours += chain.from_iterable(takers.get(name, ()) for name in node.outputs)
        scopes = [scope_by_node[path] for path in neighbours]
        scope_by_node[node.path] = _find_common_scope(scopes, named_scopes)
    return scope_by_node


def _find_common_scope(scopes: list[str], named_scopes: Collection[str]) -> str:
    """The innermost module that all of these are in or are; "" where there is none."""
    parts = [scope.split(".") for scope in scopes]
    levels = takewhile(lambda names: len(set(names)) == 1, zip(*parts, strict=False))
    common_parts = [names[0] for names in levels]
    while common_parts and ".".join(common_parts) not in named_scopes:
        common_parts.pop()
    return ".".join(common_parts)


def _keep_handed_inputs(call: ScopeCall, owners: Mapping[str, ScopeCall]) -> ScopeCall:
    handed = [name for name in call.inputs if _is_handed(owners.get(name), name, call)]
    return replace(call, inputs=tuple(handed))


def _is_handed(owner: ScopeCall | None, name: str, taker: ScopeCall) -> bool:
    """Whether a module was handed a tensor: by the code around it, or since it is what another
    gives.
    """
    return owner is None or taker.path.startswith(f"{owner.path}.") or name in owner.outputs


def _has_reused_weight(nodes: Iterable[GraphNode], graph: OnnxGraph) -> bool:
    """Whether one weight is used twice under one name, and calls are not numbered, as torch's newer
    exporter does not.
    """
    layers = [
        node for node in nodes if node.op in LAYER_OPERATORS and not node.name.startswith("/")
    ]
    taken = chain.from_iterable(node.inputs for node in layers)
    used = [name for name in taken if name in graph.initializers]
    return len(used) != len(set(used))


def _group_calls(
    scopes: Mapping[str, list[GraphNode]], graph: OnnxGraph
) -> dict[str, list[list[GraphNode]]]:
    """The nodes of each call of a module by its path: `up_1` is `up` again if it uses the same
    weights by the same operators.
    """
    calls_by_path: dict[str, list[list[GraphNode]]] = {}
    for scope, nodes in scopes.items():
        repeat_match = REPEATED_SCOPE.fullmatch(scope)
        if repeat_match:
            earlier_calls = calls_by_path.get(repeat_match["path"], [])
        else:
            earlier_calls = []
        if (
            repeat_match
            and len(earlier_calls) == int(repeat_match["call"])
            and _is_same_module(earlier_calls[0], nodes, graph)
        ):
            earlier_calls.append(nodes)
        else:
            calls_by_path[scope] = [nodes]
    return calls_by_path


def _is_same_module(
    first_nodes: Iterable[GraphNode], second_nodes: Iterable[GraphNode], graph: OnnxGraph
) -> bool:
    return _describe_module(first_nodes, graph) == _describe_module(second_nodes, graph)


def _describe_module(nodes: Iterable[GraphNode], graph: OnnxGraph) -> tuple[set[str], list[str]]:
    """The weights that nodes take, and their layers."""
    weight_names: set[str] = set()
    layers = []
    for node in nodes:
        weight_names |= {
            name for name in node.inputs if name in graph.initializers and "::" not in name
        }
        if node.op in LAYER_OPERATORS:
            layers.append(node.op)
    return weight_names, sorted(layers)


def _iter_call_parts(
    path: str, calls_by_path: Mapping[str, list[list[GraphNode]]]
) -> Iterator[tuple[list[GraphNode], list[GraphNode]]]:
    """Per call of a module, its own nodes and those of its parts: parts are called equally often in
    each.
    """
    own_calls = calls_by_path[path]
    below = [
        calls
        for other, calls in calls_by_path.items()
        if other.startswith(f"{path}.") and len(calls) % len(own_calls) == 0
    ]
    for number, own_nodes in enumerate(own_calls):
        inner_nodes: list[GraphNode] = []
        for calls in below:
            calls_each = len(calls) // len(own_calls)
            for nodes in calls[number * calls_each : (number + 1) * calls_each]:
                inner_nodes += nodes
        yield own_nodes, inner_nodes


class _TensorUse:
    """Who makes and who takes each tensor of a graph."""

    def __init__(self, graph: OnnxGraph) -> None:
        self.place = {node.path: index for index, node in enumerate(graph.nodes)}
        self.takers: dict[str, set[str]] = {name: {""} for name in graph.outputs}
        self.constant_tensors: set[str] = set(graph.initializers)
        """Tensors that no input changes, or only by its shape."""
        for node in graph.nodes:
            input_names = [name for name in node.inputs if name]
            for name in input_names:
                self.takers.setdefault(name, set()).add(node.path)
            is_layer = node.op in LAYER_OPERATORS and not set(input_names).isdisjoint(
                graph.initializers
            )
            if node.op in SHAPE_OPERATORS or (
                not is_layer and all(name in self.constant_tensors for name in input_names)
            ):
                self.constant_tensors |= set(node.outputs)

    def build_call(
        self, path: str, number: int, own_nodes: list[GraphNode], inner_nodes: list[GraphNode]
    ) -> ScopeCall:
        nodes = sorted((*own_nodes, *inner_nodes), key=lambda node: self.place[node.path])
        inside_paths = {node.path for node in nodes}
        output_names: list[str] = []
        input_names: dict[str, None] = {}
        for node in nodes:
            output_names += filter(None, node.outputs)
            input_names |= dict.fromkeys(filter(None, node.inputs))
        return ScopeCall(
            path,
            number,
            tuple(nodes),
            tuple(own_nodes),
            tuple(
                name
                for name in input_names
                if name not in self.constant_tensors and name not in set(output_names)
            ),
            self._find_given_outside(
                [name for name in output_names if name not in self.constant_tensors], inside_paths
            ),
            self.place[nodes[0].path],
            self.place[nodes[-1].path],
        )

    def _find_given_outside(
        self, output_names: list[str], inside_paths: Collection[str]
    ) -> tuple[str, ...]:
        """What is used without and not within; what was made last, where all is."""
        used_outside = [
            name for name in output_names if self.takers.get(name, set()) - set(inside_paths)
        ]
        only_outside = [name for name in used_outside if not self.takers[name] & set(inside_paths)]
        return tuple(only_outside or used_outside[-1:])
