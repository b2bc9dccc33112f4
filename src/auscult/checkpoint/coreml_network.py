"""The weights of a Core ML neural network (the older kind of model, layer by layer).

Field numbers and the order of each weight's axes: https://github.com/apple/coremltools/blob/main/mlmodel/format/NeuralNetwork.proto.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import prod
from typing import Any

from auscult.checkpoint.elements import check_count, check_shape, format_tensor_place, place_tensor
from auscult.checkpoint.protobuf import Message
from auscult.finding import Skip
from auscult.weights import ModuleInfo, Tensor

FieldPath = tuple[int, ...]
SidesReader = Callable[[Message], list[int]]

FLOATS_FIELD, HALVES_FIELD, RAW_FIELD, RAW_INT8_FIELD = 1, 2, 30, 31


def _make_list_reader(number: int) -> SidesReader:
    return lambda layer: layer.integers(number, limit=64)


def _make_pair_reader(first: int, second: int) -> SidesReader:
    return lambda layer: [layer.unsigned(first), layer.unsigned(second)]


def _read_convolution_sides(layer: Message) -> list[int]:
    out_channels, in_channels, groups = (
        layer.unsigned(1),
        layer.unsigned(2),
        layer.unsigned(10) or 1,
    )
    kernel = layer.integers(20, limit=64) or [3, 3]
    if layer.unsigned(60):
        return [in_channels, out_channels // groups, *kernel]
    return [out_channels, in_channels, *kernel]


def _read_convolution3d_sides(layer: Message) -> list[int]:
    out_channels, in_channels, groups = (
        layer.unsigned(1),
        layer.unsigned(2),
        layer.unsigned(10) or 1,
    )
    kernel = [layer.unsigned(number) for number in (20, 21, 22)]
    if layer.unsigned(86):
        return [in_channels, out_channels // groups, *kernel]
    return [out_channels, in_channels // groups, *kernel]


GATE_WEIGHTS: dict[FieldPath, tuple[str, SidesReader | None]] = {
    **{
        (number,): (f"{gate}WeightMatrix", _make_pair_reader(2, 1))
        for number, gate in ((1, "inputGate"), (2, "forgetGate"), (3, "blockInput"))
    },
    (4,): ("outputGateWeightMatrix", _make_pair_reader(2, 1)),
    **{
        (number,): (f"{gate}RecursionMatrix", _make_pair_reader(2, 2))
        for number, gate in ((20, "inputGate"), (21, "forgetGate"))
    },
    **{
        (number,): (f"{gate}RecursionMatrix", _make_pair_reader(2, 2))
        for number, gate in ((22, "blockInput"), (23, "outputGate"))
    },
    **{
        (number,): (f"{gate}BiasVector", None)
        for number, gate in ((40, "inputGate"), (41, "forgetGate"))
    },
    **{
        (number,): (f"{gate}BiasVector", None)
        for number, gate in ((42, "blockInput"), (43, "outputGate"))
    },
    (60,): ("inputGatePeepholeVector", None),
    (61,): ("forgetGatePeepholeVector", None),
    (62,): ("outputGatePeepholeVector", None),
}
ACTIVATION_WEIGHTS: dict[FieldPath, tuple[str, SidesReader | None]] = {
    (25, 1): ("PReLU.alpha", None),
    (71, 1): ("parametricSoftplus.alpha", None),
    (71, 2): ("parametricSoftplus.beta", None),
}


def _nest_weights(
    number: int, name: str, weights: dict[FieldPath, tuple[str, SidesReader | None]]
) -> dict[FieldPath, tuple[str, SidesReader | None]]:
    return {
        (number, *path): (f"{name}.{weight}", sides) for path, (weight, sides) in weights.items()
    }


LAYER_TYPES: dict[int, tuple[str, dict[FieldPath, tuple[str, SidesReader | None]]]] = {
    100: ("convolution", {(90,): ("weights", _read_convolution_sides), (91,): ("bias", None)}),
    130: ("activation", ACTIVATION_WEIGHTS),
    140: ("innerProduct", {(20,): ("weights", _make_pair_reader(2, 1)), (21,): ("bias", None)}),
    150: ("embedding", {(20,): ("weights", _make_pair_reader(2, 1)), (21,): ("bias", None)}),
    160: (
        "batchnorm",
        {
            (15,): ("gamma", None),
            (16,): ("beta", None),
            (17,): ("mean", None),
            (18,): ("variance", None),
        },
    ),
    245: ("scale", {(2,): ("scale", _make_list_reader(1)), (5,): ("bias", _make_list_reader(4))}),
    250: ("bias", {(2,): ("bias", _make_list_reader(1))}),
    290: ("loadConstant", {(2,): ("data", _make_list_reader(1))}),
    400: (
        "simpleRecurrent",
        {
            **{
                (30,): ("weightMatrix", _make_pair_reader(2, 1)),
                (31,): ("recursionMatrix", _make_pair_reader(2, 2)),
                (32,): ("biasVector", None),
            },
            **_nest_weights(10, "activation", ACTIVATION_WEIGHTS),
        },
    ),
    410: (
        "gru",
        {
            **{
                (30,): ("updateGateWeightMatrix", _make_pair_reader(2, 1)),
                (31,): ("resetGateWeightMatrix", _make_pair_reader(2, 1)),
            },
            **{
                (32,): ("outputGateWeightMatrix", _make_pair_reader(2, 1)),
                (50,): ("updateGateRecursionMatrix", _make_pair_reader(2, 2)),
            },
            **{
                (51,): ("resetGateRecursionMatrix", _make_pair_reader(2, 2)),
                (52,): ("outputGateRecursionMatrix", _make_pair_reader(2, 2)),
            },
            **{(70,): ("updateGateBiasVector", None), (71,): ("resetGateBiasVector", None)},
            **{
                (72,): ("outputGateBiasVector", None),
                **_nest_weights(10, "activations", ACTIVATION_WEIGHTS),
            },
        },
    ),
    420: (
        "uniDirectionalLSTM",
        {
            **_nest_weights(20, "weightParams", GATE_WEIGHTS),
            **_nest_weights(10, "activations", ACTIVATION_WEIGHTS),
        },
    ),
    430: (
        "biDirectionalLSTM",
        {
            **_nest_weights(20, "weightParams", GATE_WEIGHTS),
            **_nest_weights(10, "activationsForwardLSTM", ACTIVATION_WEIGHTS),
            **_nest_weights(11, "activationsBackwardLSTM", ACTIVATION_WEIGHTS),
        },
    ),
    500: ("custom", {(20,): ("weights", None)}),
    1040: ("embeddingND", {(20,): ("weights", _make_pair_reader(2, 1)), (21,): ("bias", None)}),
    1045: ("batchedMatmul", {(8,): ("weights", _make_pair_reader(5, 6)), (9,): ("bias", None)}),
    1070: ("loadConstantND", {(2,): ("data", _make_list_reader(1))}),
    1350: (
        "layerNormalization",
        {(3,): ("gamma", _make_list_reader(1)), (4,): ("beta", _make_list_reader(1))},
    ),
    1471: ("convolution3d", {(60,): ("weights", _read_convolution3d_sides), (61,): ("bias", None)}),
}
"""By the layer's field number: its type, and where its weights are, with the names and the sides of those that are not flat."""
NESTED_NETWORK_FIELDS = {605: (1, 2), 615: (3, 4)}
"""Branches and loops: the fields that hold networks."""
CONVOLUTION_FIELDS = (("groups", 10), ("stride", 30), ("dilation", 40), ("transposed", 60))


@dataclass
class NetworkReader:
    """Collects the weights of all layers."""

    prefix: str = ""
    tensors: dict[str, Tensor] = field(default_factory=dict)
    skips: list[Skip] = field(default_factory=list)
    modules: dict[str, ModuleInfo] = field(default_factory=dict)

    def network(self, network: Message) -> None:
        """Read a network and those inside its branches and loops.

        Raises:
            CheckpointError: If the network is damaged.
        """
        for layer in network.messages(1):
            name = layer.text(1)
            for number, (kind, weights) in LAYER_TYPES.items():
                if number in layer:
                    self.layer(layer, number, name, kind, weights)
            for number, fields in NESTED_NETWORK_FIELDS.items():
                holder = layer.message(number) if number in layer else None
                for nested in fields if holder else ():
                    inner = holder.message(nested) if holder else None
                    if inner is not None:
                        self.network(inner)

    def layer(
        self,
        layer: Message,
        number: int,
        name: str,
        kind: str,
        weights: dict[FieldPath, tuple[str, SidesReader | None]],
    ) -> None:
        parameters = layer.message(number)
        if parameters is None:
            return
        if kind == "convolution":
            attributes = _read_convolution_attributes(parameters)
        else:
            attributes = {}
        for path, (weight, sides) in weights.items():
            weight_messages = list(_iter_nested_messages(parameters, path))
            for index, params in enumerate(weight_messages):
                if len(weight_messages) == 1:
                    label = f"{name}.{weight}"
                else:
                    label = f"{name}.{weight}.{index}"
                tensor = self.weight(params, label, parameters, sides)
                if tensor is not None:
                    self.tensors[tensor.name] = tensor
                    self.modules[tensor.name] = ModuleInfo(
                        tensor.name, kind, {**attributes, "input": weight}
                    )

    def weight(
        self, params: Message, label: str, layer: Message, sides: SidesReader | None
    ) -> Tensor | None:
        """The tensor in a WeightParams, None if it is empty or was skipped."""
        check_count(params.source, len(self.tensors) + len(self.skips))
        name, repetition = self.prefix + label, 1
        while name in self.tensors:
            repetition += 1
            name = f"{self.prefix}{label}#{repetition}"
        if RAW_FIELD in params or RAW_INT8_FIELD in params:
            self.skips.append(
                Skip(name, "quantised weights of a neural network are not read", is_weight=True)
            )
            return None
        for number, dtype, itemsize in ((FLOATS_FIELD, "float32", 4), (HALVES_FIELD, "float16", 2)):
            spans = params.spans_of(number)
            if not spans or spans == ((spans[0][0], spans[0][0]),):
                continue
            if len(spans) > 1:
                self.skips.append(Skip(name, "stored in several pieces", is_weight=True))
                return None
            count = (spans[0][1] - spans[0][0]) // itemsize
            shape = check_shape(
                sides(layer) if sides else [count], format_tensor_place(params.source, name)
            )
            if prod(shape) != count:
                self.skips.append(
                    Skip(name, f"{count} values do not fill shape {list(shape)}", is_weight=True)
                )
                return None
            return place_tensor(params.source, spans[0], name, dtype, shape)
        return None


def _iter_nested_messages(message: Message, path: FieldPath) -> Iterator[Message]:
    for inner in message.messages(path[0]) if path[0] in message else ():
        if len(path) == 1:
            yield inner
        else:
            yield from _iter_nested_messages(inner, path[1:])


def _read_convolution_attributes(layer: Message) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    for name, number in CONVOLUTION_FIELDS:
        values = layer.integers(number, limit=64)
        if values:
            attributes[name] = values[0] if len(values) == 1 else tuple(values)
    return attributes
