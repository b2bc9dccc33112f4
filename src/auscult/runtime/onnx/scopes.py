"""The modules that a graph was exported from: exporters keep their paths in the names of nodes.

torch's exporter calls the nodes of a module `/decoder/up/Conv`, and those of its second call `/decoder/up_1/Conv`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from auscult.runtime.onnx.graph import LAYERS, Graph, Node

AGAIN = re.compile(r"(?P<path>.+)_(?P<call>[1-9]\d*)")
SHAPES = frozenset(("Shape", "Size"))


@dataclass(frozen=True, eq=False)
class Call:
    """One call of one module.

    Attributes:
        nodes: All that ran in it, in order, those of its parts too.
        own: Those that are in none of its parts.
        inputs, outputs: Names of the tensors that come from without, and of those that are used there. Exporters compute a thing
            once that several modules compute alike: what one made for itself, and another took from it, is neither.
        first, last: Positions in the graph.
    """

    path: str
    call: int
    nodes: tuple[Node, ...]
    own: tuple[Node, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    first: int
    last: int

    @property
    def type(self) -> str:
        """The operator of its layer, where it has one alone."""
        layers = [node.op for node in self.nodes if node.op in LAYERS]
        return (
            layers[0] if len(layers) == 1 else self.own[0].op if len(self.nodes) == 1 else "Scope"
        )


def calls_of(graph: Graph) -> tuple[Call, ...]:
    """Every call of every module that the names of nodes show; empty where they show none, or calls cannot be told apart."""
    scopes: dict[str, list[Node]] = {}
    for node in graph.nodes:
        scope = node.path.rpartition(".")[0]
        if scope and node.op != "Constant":
            scopes.setdefault(scope, []).append(node)
    if any(_is_again(nodes, graph) for nodes in scopes.values()):
        return ()
    called = _called(scopes, graph)
    use = _Use(graph)
    calls = [
        use.call(path, number, *parts)
        for path in called
        for number, parts in enumerate(_parts(path, called))
    ]
    owners = {name: call for call in calls for node in call.own for name in node.outputs}
    return tuple(
        replace(
            call,
            inputs=tuple(name for name in call.inputs if _is_handed(owners.get(name), name, call)),
        )
        for call in calls
    )


def _is_handed(owner: Call | None, name: str, taker: Call) -> bool:
    """Whether a module was handed a tensor: by the code around it, or since it is what another gives."""
    return owner is None or taker.path.startswith(f"{owner.path}.") or name in owner.outputs


def _is_again(nodes: Iterable[Node], graph: Graph) -> bool:
    """Whether one weight is used twice under one name, and calls are not numbered, as torch's newer exporter does not."""
    layers = [node for node in nodes if node.op in LAYERS and not node.name.startswith("/")]
    used = [name for node in layers for name in node.inputs if name in graph.initializers]
    return len(used) != len(set(used))


def _called(scopes: Mapping[str, list[Node]], graph: Graph) -> dict[str, list[list[Node]]]:
    """The nodes of each call of a module by its path: `up_1` is `up` again if it uses the same weights by the same operators."""
    found: dict[str, list[list[Node]]] = {}
    for scope, nodes in scopes.items():
        again = AGAIN.fullmatch(scope)
        before = found.get(again["path"], []) if again else []
        if again and len(before) == int(again["call"]) and _same(before[0], nodes, graph):
            before.append(nodes)
        else:
            found[scope] = [nodes]
    return found


def _same(one: Iterable[Node], two: Iterable[Node], graph: Graph) -> bool:
    forms = [
        (
            {
                name
                for node in nodes
                for name in node.inputs
                if name in graph.initializers and "::" not in name
            },
            sorted(node.op for node in nodes if node.op in LAYERS),
        )
        for nodes in (one, two)
    ]
    return forms[0] == forms[1]


def _parts(
    path: str, called: Mapping[str, list[list[Node]]]
) -> Iterator[tuple[list[Node], list[Node]]]:
    """Per call of a module, its own nodes and those of its parts: parts are called equally often in each."""
    mine = called[path]
    below = [
        calls
        for other, calls in called.items()
        if other.startswith(f"{path}.") and len(calls) % len(mine) == 0
    ]
    for number, own in enumerate(mine):
        inner = []
        for calls in below:
            each = len(calls) // len(mine)
            inner += [
                node for nodes in calls[number * each : (number + 1) * each] for node in nodes
            ]
        yield own, inner


class _Use:
    """Who makes and who takes each tensor of a graph."""

    def __init__(self, graph: Graph) -> None:
        self.place = {node.path: index for index, node in enumerate(graph.nodes)}
        self.takers: dict[str, set[str]] = {name: {""} for name in graph.outputs}
        self.told: set[str] = set(graph.initializers)
        """Tensors that no input changes, or only by its shape."""
        for node in graph.nodes:
            taken = [name for name in node.inputs if name]
            for name in taken:
                self.takers.setdefault(name, set()).add(node.path)
            layer = node.op in LAYERS and not set(taken).isdisjoint(graph.initializers)
            if node.op in SHAPES or (not layer and all(name in self.told for name in taken)):
                self.told |= set(node.outputs)

    def call(self, path: str, number: int, own: list[Node], inner: list[Node]) -> Call:
        nodes = sorted((*own, *inner), key=lambda node: self.place[node.path])
        inside = {node.path for node in nodes}
        made = [name for node in nodes for name in node.outputs if name]
        taken = dict.fromkeys(name for node in nodes for name in node.inputs if name)
        return Call(
            path,
            number,
            tuple(nodes),
            tuple(own),
            tuple(name for name in taken if name not in self.told and name not in set(made)),
            self._given([name for name in made if name not in self.told], inside),
            self.place[nodes[0].path],
            self.place[nodes[-1].path],
        )

    def _given(self, made: list[str], inside: Collection[str]) -> tuple[str, ...]:
        """What is used without and not within; what was made last, where all is."""
        left = [name for name in made if self.takers.get(name, set()) - set(inside)]
        given = [name for name in left if not self.takers[name] & set(inside)]
        return tuple(given or left[-1:])
