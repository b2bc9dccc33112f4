"""Where the graph of an OpenVINO IR turns stored codes into a weight.

    codes -> Convert -> [Gather from a codebook] -> [Subtract a zero point] -> Multiply by a scale -> [Reshape]

NNCF writes so, and OpenVINO's own converter of quantised models. The scale is a Const, perhaps behind a Convert, or the
product of two (NVFP4).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from auscult.checkpoint.openvino_ir import IrGraph, IrLayer

CODE_TYPES = frozenset(
    ("i4", "u4", "u2", "nf4", "i8", "u8", "f8e4m3", "f8e5m2", "f4e2m1", "i16", "u16")
)
"""Element types in which quantisers store codes."""


@dataclass(frozen=True)
class WeightScaling:
    """What turns codes into a weight.

    Attributes:
        scales: To be multiplied.
        codebook: The values that the codes are numbers of.
        shape: The constant to whose values the result is reshaped.
    """

    scales: tuple[IrLayer, ...]
    zero: IrLayer | None = None
    codebook: IrLayer | None = None
    shape: IrLayer | None = None

    def iter_parts(self) -> Iterator[IrLayer]:
        """The constants that are part of the weight."""
        yield from self.scales
        yield from filter(None, (self.zero, self.codebook))


def find_scaling(graph: IrGraph, layer: IrLayer) -> WeightScaling | None:
    """What the graph does with the codes of a Const, if it holds codes."""
    if layer.data.get("element_type") not in CODE_TYPES:
        return None
    step = find_only_use(graph, layer, "Convert")
    if step is None:
        return None
    codebook = zero = None
    looked_up = find_only_use(graph, step, "Gather", position=1)
    if looked_up is not None:
        codebook, step = find_constant_input(graph, looked_up, 0), looked_up
    shifted = find_only_use(graph, step, "Subtract")
    if shifted is not None:
        zero, step = find_constant_input(graph, shifted, 1), shifted
    scaled = find_only_use(graph, step, "Multiply")
    scales = _find_scales(graph, scaled) if scaled is not None else ()
    lacks_part = (shifted and zero is None) or (looked_up and codebook is None)
    if scaled is None or not scales or lacks_part:
        return None
    reshape = find_only_use(graph, scaled, "Reshape")
    shape = find_constant_input(graph, reshape, 1) if reshape is not None else None
    return WeightScaling(scales, zero, codebook, shape)


def _find_scales(graph: IrGraph, scaled: IrLayer) -> tuple[IrLayer, ...]:
    """The Consts that codes are multiplied by: one, or the scales of the groups and one scale of them all."""
    constant = find_constant_input(graph, scaled, 1)
    if constant is not None:
        return (constant,)
    product = _find_input_behind_convert(graph, scaled, 1)
    if product is None or product.type != "Multiply":
        return ()
    first, second = (find_constant_input(graph, product, position) for position in (0, 1))
    if first is None or second is None:
        return ()
    return (first, second)


def find_only_use(graph: IrGraph, layer: IrLayer, kind: str, position: int = 0) -> IrLayer | None:
    """The operator of that type that takes a layer at an input, where nothing else takes it."""
    uses = list(graph.iter_uses(layer))
    if len(uses) != 1 or uses[0][0].type != kind or uses[0][1] != position:
        return None
    return uses[0][0]


def find_constant_input(graph: IrGraph, layer: IrLayer, position: int) -> IrLayer | None:
    """The Const at an input, perhaps behind a Convert."""
    operand = _find_input_behind_convert(graph, layer, position)
    return operand if operand is not None and operand.type == "Const" else None


def _find_input_behind_convert(graph: IrGraph, layer: IrLayer, position: int) -> IrLayer | None:
    operand = graph.find_input(layer, position)
    if operand is not None and operand.type == "Convert":
        return graph.find_input(operand, 0)
    return operand


def is_scaling_step(graph: IrGraph, layer: IrLayer) -> bool:
    """Whether an operator shifts or scales a weight by constants, and is no layer of its own."""
    source = graph.find_input(layer, 0)
    if layer.type not in ("Subtract", "Multiply") or source is None:
        return False
    has_scales = bool(_find_scales(graph, layer))
    return has_scales and source.type in ("Convert", "Subtract", "Gather")
