"""What the program beside Paddle's parameters says: their names and shapes, and the operators that take them.

A program is a `.pdmodel`, a protocol-buffers message (ProgramDesc), or since Paddle 3 a `.json` (PIR). Sources:
paddle/fluid/framework/framework.proto, paddle/fluid/pir/serialize_deserialize.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from auscult.checkpoint.bounded_json import parse_json
from auscult.checkpoint.protobuf import Message
from auscult.checkpoint.source import Source
from auscult.errors import CheckpointError
from auscult.weights import ModuleInfo

TENSOR_TYPE = 7
"""VarType.LOD_TENSOR: other variables (feeds, fetches, readers) are never saved."""
MAX_PASSED = 8
MAX_NESTED_REGIONS = 32


class OperatorInput(NamedTuple):
    """An operator of ONNX and the number of its input."""

    operator: str
    number: int


CONVOLUTION, TRANSPOSED = OperatorInput("Conv", 1), OperatorInput("ConvTranspose", 1)
LEFT, RIGHT, TABLE = (
    OperatorInput("MatMul", 0),
    OperatorInput("MatMul", 1),
    OperatorInput("Gather", 0),
)
RECURRENT, RECURRENT_BIAS = OperatorInput("LSTM", 1), OperatorInput("LSTM", 3)
# operators of Paddle; the input by its name in a ProgramDesc and by its number in PIR; in ONNX's words
SLOTS: tuple[tuple[tuple[str, ...], str, int, OperatorInput], ...] = (
    (("conv2d", "conv3d", "depthwise_conv2d"), "Filter", 1, CONVOLUTION),
    (
        ("conv2d_transpose", "conv3d_transpose", "depthwise_conv2d_transpose"),
        *("Filter", 1, TRANSPOSED),
    ),
    (("mul", "matmul", "matmul_v2"), "X", 0, LEFT),
    (("mul", "matmul", "matmul_v2"), "Y", 1, RIGHT),
    (("fc",), "W", 1, RIGHT),
    (("lookup_table", "lookup_table_v2", "embedding"), "W", 1, TABLE),
    (("rnn",), "WeightList", 2, RECURRENT),
    (("layer_norm",), "Scale", 1, OperatorInput("LayerNormalization", 1)),
    (("layer_norm",), "Bias", 2, OperatorInput("LayerNormalization", 2)),
    (("batch_norm", "batch_norm_"), "Scale", 3, OperatorInput("BatchNormalization", 1)),
    (("batch_norm", "batch_norm_"), "Bias", 4, OperatorInput("BatchNormalization", 2)),
    (("batch_norm", "batch_norm_"), "Mean", 1, OperatorInput("BatchNormalization", 3)),
    (("batch_norm", "batch_norm_"), "Variance", 2, OperatorInput("BatchNormalization", 4)),
)


def _index_slots() -> dict[tuple[str, str | int], OperatorInput]:
    """The inputs by operator and either of their keys."""
    result: dict[tuple[str, str | int], OperatorInput] = {}
    for operators, name, number, place in SLOTS:
        for operator in operators:
            result[operator, name] = result[operator, number] = place
    return result


INPUT_BY_SLOT = _index_slots()
OPERATOR_NAMES = {
    "elementwise_add": "Add",
    "add": "Add",
    "elementwise_mul": "Mul",
    "multiply": "Mul",
}
TRANSPARENT = frozenset(
    (
        *("assign", "scale", "cast", "unsqueeze", "unsqueeze2", "squeeze", "squeeze2"),
        *("reshape", "reshape2", "transpose", "transpose2", "combine"),
    )
)


class PaddleUse(NamedTuple):
    """An operator that takes a value, at which input, and the first value that it gives."""

    operator: str
    slot: str | int
    output: str


@dataclass
class PaddleProgram:
    """The parameters of a program and its operators.

    Attributes:
        shapes: Of each saved parameter by name; -1 for a side that is open.
        uses: The operators that take a value, by the value's name.
    """

    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    uses: dict[str, list[PaddleUse]] = field(default_factory=dict)
    value_names: dict[str, str] = field(default_factory=dict)

    def add_use(self, value: str, use: PaddleUse) -> None:
        self.uses.setdefault(value, []).append(use)

    def find_module(self, name: str) -> ModuleInfo | None:
        """The operator that takes a parameter, in ONNX's words where ONNX has it."""
        current = self.value_names.get(name, name)
        for _ in range(MAX_PASSED):
            uses = self.uses.get(current)
            if not uses:
                return None
            use = uses[0]
            if use.operator not in TRANSPARENT:
                return ModuleInfo(name, *self._describe_use(use, name))
            current = use.output
        return None

    def _describe_use(self, use: PaddleUse, name: str) -> tuple[str, dict[str, str | int]]:
        """Operator and attributes; a slot that ONNX has no number for is given as Paddle has it."""
        known = INPUT_BY_SLOT.get((use.operator, use.slot))
        if known == RECURRENT and len(self.shapes.get(name, ())) == 1:
            known = RECURRENT_BIAS
        if known is None:
            return OPERATOR_NAMES.get(use.operator, use.operator), {"input": use.slot}
        return known.operator, {"input": known.number}


def read_program(source: Source) -> PaddleProgram:
    """Read a program of either kind.

    Raises:
        CheckpointError: If it is damaged.
    """
    if source.suffix == ".json":
        return _read_json_program(source)
    return _read_message_program(source)


def _read_message_program(source: Source) -> PaddleProgram:
    program = PaddleProgram()
    for block in Message(source).messages(1):
        for variable in block.messages(3):
            kind = variable.message(2)
            if kind is None or not variable.signed(3) or kind.signed(1) != TENSOR_TYPE:
                continue
            holder = kind.message(3)
            tensor = holder.message(1) if holder is not None else None
            dims = tensor.integers(2, limit=64) if tensor is not None else []
            program.shapes[variable.text(1)] = tuple(dims)
        for operator in block.messages(4):
            _add_message_operator(program, operator)
    return program


def _add_message_operator(program: PaddleProgram, operator: Message) -> None:
    outputs: list[str] = []
    for slot in operator.messages(2):
        outputs += slot.texts(2)
    kind = operator.text(3)
    for slot in operator.messages(1):
        for name in slot.texts(2):
            output = outputs[0] if outputs else ""
            program.add_use(name, PaddleUse(kind, slot.text(1), output))


def _read_json_program(source: Source) -> PaddleProgram:
    program = PaddleProgram()
    try:
        document = parse_json(source, 0, source.size)
        for operator in _iter_operators(document["program"]["regions"], 0):
            _add_json_operator(program, operator)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise CheckpointError(
            "is no program of Paddle, or a damaged one",
            where=source.where,
            hint="fetch it again, or move it away: the parameters are read without it",
        ) from error
    return program


def _iter_operators(regions: list[Any], depth: int) -> Iterator[Mapping[str, Any]]:
    """The operators of all blocks, those of branches and loops behind the one that holds them."""
    if depth > MAX_NESTED_REGIONS:
        return
    for region in regions:
        for block in region["blocks"]:
            for operator in block["ops"]:
                yield operator
                yield from _iter_operators(operator.get("regions", []), depth + 1)


def _add_json_operator(program: PaddleProgram, operator: Mapping[str, Any]) -> None:
    outputs = operator.get("O", [])
    outputs = outputs if isinstance(outputs, list) else [outputs]
    values = [str(output["%"]) for output in outputs]
    if operator["#"] == "p":
        name = str(operator["A"][3])
        dims = outputs[0]["TT"]["D"][1]
        if operator["OA"][0]:  # persistable
            program.shapes[name] = tuple(int(side) for side in dims)
        program.value_names[name] = values[0]
        return
    kind = str(operator["#"]).partition(".")[2]
    for position, value in enumerate(operator.get("I", [])):
        program.add_use(str(value["%"]), PaddleUse(kind, position, values[0] if values else ""))
