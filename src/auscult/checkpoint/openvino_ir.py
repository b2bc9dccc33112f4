"""The layers and edges of an OpenVINO IR, from its .xml.

Parsed by expat as a stream: nothing but the element's attributes is kept, and a document that defines
entities is refused, since an entity can unfold into more text than memory holds.
Format: https://docs.openvino.ai/2026/documentation/openvino-ir-format.html.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from auscult.checkpoint.source import Source
from auscult.errors import CheckpointError

CHUNK_BYTES = 1 << 20
MAX_DEPTH = 200
MAX_LAYERS = 1_000_000
MAX_ATTRIBUTE = 4096
"""Longest value of an attribute that is kept: a shape has at most 32 sides, a name is shorter."""
DECOMPRESSION = "decompression"
"""Marks in `rt_info` the Convert that stands behind a weight that was saved in float16."""
Port = tuple[str, str]
"""A layer's id and a port's id."""


@dataclass
class IrLayer:
    """One `<layer>`.

    Attributes:
        data: Attributes of its `<data>`.
        inputs: Ids of its input ports, in order.
        outputs: Ids of its output ports with the tensor names that stand at them.
        is_decompression: Whether it only undoes a compression of the weight before it.
        body: Name of the layer whose body it belongs to, with a dot; "" in the main graph.
    """

    id: str
    name: str
    type: str
    body: str = ""
    data: dict[str, str] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    is_decompression: bool = False


@dataclass
class IrGraph:
    """A `<net>`, or the body of a loop in one.

    Attributes:
        sources: For each input port the output port that feeds it.
        uses: For each output port the input ports that it feeds.
    """

    layers: dict[str, IrLayer] = field(default_factory=dict)
    sources: dict[Port, Port] = field(default_factory=dict)
    uses: dict[Port, list[Port]] = field(default_factory=dict)

    def find_input(self, layer: IrLayer, position: int) -> IrLayer | None:
        """The layer that feeds an input of a layer."""
        if not 0 <= position < len(layer.inputs):
            return None
        source = self.sources.get((layer.id, layer.inputs[position]))
        return self.layers.get(source[0]) if source else None

    def iter_uses(self, layer: IrLayer) -> Iterator[tuple[IrLayer, int]]:
        """The layers that take an output of a layer, and at which input."""
        for output in layer.outputs:
            for user_id, port in self.uses.get((layer.id, output), ()):
                user = self.layers.get(user_id)
                if user is not None and port in user.inputs:
                    yield user, user.inputs.index(port)


@dataclass
class IrModel:
    """What an .xml says.

    Attributes:
        attributes: Of `<net>`: name and version.
        graphs: The main graph first, then the bodies of loops and branches.
    """

    attributes: dict[str, str]
    graphs: list[IrGraph]


def parse_ir(source: Source) -> IrModel:
    """Parse the .xml of an IR.

    Raises:
        CheckpointError: If it is no well-formed XML, defines entities, or is nested or grown beyond what an IR is.
    """
    return _IrParser(source).parse()


@dataclass
class _IrParser:
    source: Source
    model: IrModel = field(default_factory=lambda: IrModel({}, [IrGraph()]))
    open_graphs: list[IrGraph] = field(default_factory=list)
    open_layers: list[IrLayer] = field(default_factory=list)
    path: list[str] = field(default_factory=list)
    layer_count: int = 0

    def parse(self) -> IrModel:
        from xml.parsers import expat  # only a file of this format needs it

        parser = expat.ParserCreate()
        parser.StartElementHandler = self._enter
        parser.EndElementHandler = self._leave
        parser.StartDoctypeDeclHandler = self._refuse_doctype
        self.open_graphs = [self.model.graphs[0]]
        try:
            for start in range(0, self.source.size, CHUNK_BYTES):
                length = min(CHUNK_BYTES, self.source.size - start)
                parser.Parse(self.source.bytes(start, length), False)
            parser.Parse(b"", True)
        except (expat.ExpatError, ValueError, LookupError) as error:  # an encoding nobody knows
            raise self._make_error(f"is no well-formed XML: {error}") from error
        return self.model

    def _make_error(self, problem: str) -> CheckpointError:
        hint = "the file is truncated or damaged: fetch it again"
        return CheckpointError(problem, where=self.source.where, hint=hint)

    def _refuse_doctype(self, *_: object) -> None:
        raise self._make_error("has a document type, which no OpenVINO IR has")

    def _enter(self, tag: str, attributes: dict[str, str]) -> None:
        if len(self.path) >= MAX_DEPTH:
            raise self._make_error(f"is nested deeper than {MAX_DEPTH} levels")
        kept = {key: value for key, value in attributes.items() if len(value) <= MAX_ATTRIBUTE}
        parent = self.path[-1] if self.path else ""
        self.path.append(tag)
        layer = self.open_layers[-1] if self.open_layers else None
        if len(self.path) == 1:
            self.model.attributes = kept
        elif tag == "layer" and parent == "layers":
            self._enter_layer(kept, layer)
        elif tag in ("body", "then_body", "else_body") and parent == "layer":
            self.model.graphs.append(IrGraph())
            self.open_graphs.append(self.model.graphs[-1])
        elif tag == "edge" and parent == "edges":
            self._add_edge(kept)
        elif layer is not None:
            self._add_detail(layer, tag, parent, kept)

    def _enter_layer(self, kept: dict[str, str], owner: IrLayer | None) -> None:
        self.layer_count += 1
        if self.layer_count > MAX_LAYERS:
            raise self._make_error(f"has more than {MAX_LAYERS} layers")
        body = f"{owner.body}{owner.name}." if owner is not None else ""
        layer = IrLayer(kept.get("id", ""), kept.get("name", ""), kept.get("type", ""), body)
        self.open_layers.append(layer)
        self.open_graphs[-1].layers[layer.id] = layer

    def _add_edge(self, kept: dict[str, str]) -> None:
        graph = self.open_graphs[-1]
        start = (kept.get("from-layer", ""), kept.get("from-port", ""))
        end = (kept.get("to-layer", ""), kept.get("to-port", ""))
        graph.sources[end] = start
        graph.uses.setdefault(start, []).append(end)

    @staticmethod
    def _add_detail(layer: IrLayer, tag: str, parent: str, kept: dict[str, str]) -> None:
        if tag == "data" and parent == "layer":
            layer.data = kept
        elif tag == "port" and parent == "input":
            layer.inputs.append(kept.get("id", ""))
        elif tag == "port" and parent == "output":
            layer.outputs[kept.get("id", "")] = kept.get("names", "")
        elif tag == "attribute" and kept.get("name") == DECOMPRESSION:
            layer.is_decompression = True

    def _leave(self, tag: str) -> None:
        self.path.pop()
        parent = self.path[-1] if self.path else ""
        if tag == "layer" and parent == "layers" and self.open_layers:
            self.open_layers.pop()
        elif tag in ("body", "then_body", "else_body") and parent == "layer":
            self.open_graphs.pop()
