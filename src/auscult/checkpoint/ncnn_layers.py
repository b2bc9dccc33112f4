"""The weights of ncnn's layers, in the order in which ncnn itself reads them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from auscult.checkpoint.elements import DecodedData, check_count, check_shape
from auscult.checkpoint.file_array import FileArray
from auscult.checkpoint.ncnn_param import NcnnLayer, NcnnStream
from auscult.checkpoint.quantised.coded import CodedWeight, DecodedRows
from auscult.errors import CheckpointError
from auscult.finding import Skip
from auscult.late import numpy as np
from auscult.weights import Array, ModuleInfo, Quantization, Shape, Tensor, TensorData

UNKNOWN_LAYERS = frozenset(
    (
        *("Convolution3D", "ConvolutionDepthWise3D", "Deconvolution3D", "DeconvolutionDepthWise3D"),
        *("DeformableConv2D", "Normalize", "Quantize", "Dequantize", "Requantize"),
    )
)
"""Layers that have weights which are not read."""
QUANTISED_KEY = {"Gemm": 18, "MultiHeadAttention": 18, "LSTM": 8, "GRU": 8, "RNN": 8}
"""Parameter of layers that says whether their weights are integers, whose scales are not read."""


def read_slope(layer: NcnnLayer, key: str) -> Tensor | None:
    """The slope of a leaky ReLU, which a PReLU of one number is exported as."""
    if layer.type not in ("nn.LeakyReLU", "ReLU"):
        return None
    try:
        slope = float(layer.words.get(key, "0")[:40])
    except ValueError:
        return None
    if not slope:
        return None
    return Tensor.of(f"{layer.name}.weight", np.asarray([slope], np.float32))


@dataclass
class NcnnReader:
    """Reads the weights of the layers in their order."""

    stream: NcnnStream
    tensors: dict[str, Tensor] = field(default_factory=dict)
    skips: list[Skip] = field(default_factory=list)
    modules: dict[str, ModuleInfo] = field(default_factory=dict)

    def collect_layers(self, layers: list[NcnnLayer]) -> None:
        for layer in layers:
            is_quantised = layer.get_integer(QUANTISED_KEY.get(layer.type, -1)) != 0
            if layer.type in UNKNOWN_LAYERS or is_quantised:
                what = f"{'quantised ' if is_quantised else ''}{layer.type}"
                reason = f"weights of a {what} are not read, nor any that lie behind them"
                self.skips.append(Skip(layer.name, reason, is_weight=True, hides_weights=True))
                return
            slope = read_slope(layer, "0")
            if slope is not None:
                self.tensors[slope.name] = slope
            load = LAYER_LOADERS.get(layer.type)
            if load is not None:
                load(self, layer)
        rest = self.stream.source.size - self.stream.position
        if rest > 0:
            reason = f"{rest} bytes at the end of the file belong to no layer that is known"
            self.skips.append(Skip(self.stream.source.name, reason, is_weight=True))

    def load(
        self, layer: NcnnLayer, leaf: str, shape: Shape, use: tuple[str, int], *, flagged: bool
    ) -> Tensor:
        """The next weight of a layer; `use` is the operator and the input in ONNX's words."""
        check_count(self.stream.source, len(self.tensors))
        own_name = f"{layer.name}.{leaf}" if leaf else layer.name
        name, number = own_name, 1
        while name in self.tensors:
            number += 1
            name = f"{own_name}#{number}"
        checked = check_shape(shape, f"{self.stream.source.where}: {name}")
        tensor = self.stream.load(name, checked, flagged=flagged)
        self.tensors[name] = tensor
        self.modules[name] = ModuleInfo(name, use[0], {"node": layer.name, "input": use[1]})
        return tensor

    def load_scales(self, layer: NcnnLayer, counts: tuple[int, ...], stored: Tensor) -> None:
        """Scales of integers: value = code / scale. Those behind the first are of the activations."""
        pieces = [self.stream.load("scale", (count,), flagged=False) for count in counts]
        if stored.dtype == "int8" and pieces and pieces[0].size in (1, stored.shape[0]):
            with np.errstate(divide="ignore"):
                steps = np.float32(1) / pieces[0].numpy()
            axis = 0 if steps.size > 1 else None
            quantization = Quantization(steps, np.zeros(1, np.int32), axis)
            self.tensors[stored.name] = replace(stored, quantization=quantization)
        elif stored.dtype == "int8":
            reason = f"{counts[0]} scales do not fit {list(stored.shape)}"
            self.skips.append(Skip(layer.name, reason, is_weight=True))


def _divide(layer: NcnnLayer, size: int, divisor: int) -> int:
    """How many values each of `divisor` has.

    Raises:
        CheckpointError: If that is no whole number.
    """
    if divisor < 1 or size < 1 or size % divisor:
        raise CheckpointError(
            "has a layer whose weight does not fit its outputs and kernel",
            where=layer.name[:200],
            expected=f"a multiple of {divisor}",
            found=size,
            hint="the .param is damaged: fetch it again",
        )
    return size // divisor


def _find_kernel(layer: NcnnLayer) -> Shape:
    width = layer.get_integer(1)
    if layer.type.endswith("1D"):
        return (width,)
    return (layer.get_integer(11, width), width)


def _load_convolution(reader: NcnnReader, layer: NcnnLayer) -> None:
    is_transposed = layer.type.startswith("Deconvolution")
    if layer.get_integer(28 if is_transposed else 19):  # the weight is another layer's result
        return
    kernel, outputs = _find_kernel(layer), layer.get_integer(0)
    groups = layer.get_integer(7, 1) if "DepthWise" in layer.type else 1
    inner = _divide(layer, layer.get_integer(6), max(outputs, 1) * int(np.prod(kernel)))
    kind = "ConvTranspose" if is_transposed else "Conv"
    shape = (outputs, inner, *kernel)
    weight = reader.load(layer, "weight", shape, (kind, 1), flagged=True)
    if layer.get_integer(5):
        reader.load(layer, "bias", (outputs,), (kind, 2), flagged=False)
    term = 0 if is_transposed else layer.get_integer(8)
    if term:
        per_group = groups if term in (1, 101) else 1
        own = per_group if "DepthWise" in layer.type else outputs
        reader.load_scales(layer, (own, 1, 1) if term > 100 else (own, 1), weight)
    if is_transposed:
        _divide(layer, outputs, groups)
        reader.tensors[weight.name] = _put_inputs_first(weight, groups)


def _put_inputs_first(weight: Tensor, groups: int) -> Tensor:
    """[out, in / groups, kernel] -> [in, out / groups, kernel]."""
    outputs, inner, *kernel = weight.shape
    shape = (groups * inner, outputs // groups, *kernel)

    def rearrange(values: Array) -> Array:
        parts = values.reshape(groups, outputs // groups, inner, *kernel)
        return np.ascontiguousarray(parts.swapaxes(1, 2).reshape(shape))

    def decode(first: int, last: int) -> DecodedRows:
        rows = coded.decode(0, coded.row_count)
        bounds = np.broadcast_to(rows.bounds, rows.values.shape)
        values, spread = (
            rearrange(part).reshape(-1, shape[-1])[first:last] for part in (rows.values, bounds)
        )
        return DecodedRows(values, spread)

    data = weight.data
    if isinstance(data, CodedWeight):
        coded = data
        return replace(weight, shape=shape, data=replace(data, shape=shape, decode=decode))
    if groups == 1 and isinstance(data, FileArray):
        size = int(np.prod(kernel))
        inner_strides = (size // kernel[0], 1) if len(kernel) == 2 else (1,)
        strides = (size, inner * size, *inner_strides)
        return replace(weight, shape=shape, data=replace(data, shape=shape, strides=strides))
    return replace(weight, shape=shape, data=DecodedData(lambda: rearrange(weight.numpy())))


def _load_linear(reader: NcnnReader, layer: NcnnLayer) -> None:
    outputs = layer.get_integer(0)
    shape = (outputs, _divide(layer, layer.get_integer(2), outputs))
    weight = reader.load(layer, "weight", shape, ("Gemm", 1), flagged=True)
    if layer.get_integer(1):
        reader.load(layer, "bias", (outputs,), ("Gemm", 2), flagged=False)
    if layer.get_integer(8):
        reader.load_scales(layer, (outputs, 1), weight)


def _load_embedding(reader: NcnnReader, layer: NcnnLayer) -> None:
    outputs = layer.get_integer(0)
    shape = (_divide(layer, layer.get_integer(3), outputs), outputs)
    weight = reader.load(layer, "weight", shape, ("Gather", 0), flagged=True)
    if layer.get_integer(2):
        reader.load(layer, "bias", (outputs,), ("Add", 1), flagged=False)
    if layer.get_integer(18):
        reader.load_scales(layer, (1,), weight)


def _load_recurrent(reader: NcnnReader, layer: NcnnLayer) -> None:
    outputs = layer.get_integer(0)
    hidden = layer.get_integer(3, outputs) if layer.type == "LSTM" else outputs
    directions = 2 if layer.get_integer(2) == 2 else 1
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[layer.type]
    biases = {"LSTM": 4, "GRU": 4, "RNN": 1}[layer.type]
    rows, kind = hidden * gates, layer.type
    inputs = _divide(layer, layer.get_integer(1), directions * max(rows, 1))
    reader.load(layer, "weight_xc", (directions, rows, inputs), (kind, 1), flagged=True)
    bias = reader.load(layer, "bias_c", (directions, biases * hidden), (kind, 3), flagged=True)
    reader.load(layer, "weight_hc", (directions, rows, outputs), (kind, 2), flagged=True)
    if outputs != hidden:
        reader.load(layer, "weight_hr", (directions, outputs, hidden), (kind, 2), flagged=True)
    if directions == 2:
        _split_directions(reader, bias)


def _split_directions(reader: NcnnReader, bias: Tensor) -> None:
    """The bias of a bidirectional layer as one for each direction, as torch keeps them."""
    info = reader.modules.pop(bias.name)
    del reader.tensors[bias.name]
    for direction, ending in enumerate(("", "_reverse")):
        name, shape = f"{bias.name}{ending}", bias.shape[1:]
        data = _take_direction(bias, direction)
        reader.tensors[name] = replace(
            bias, name=name, shape=shape, data=data, nbytes=bias.nbytes // 2
        )
        reader.modules[name] = replace(info, path=name)


def _take_direction(bias: Tensor, direction: int) -> TensorData:
    """One row of a bias."""
    whole = bias.data
    if isinstance(whole, CodedWeight):

        def decode(first: int, last: int) -> DecodedRows:
            return whole.decode(direction + first, direction + last)

        return replace(whole, shape=bias.shape[1:], decode=decode)
    return DecodedData(lambda: bias.numpy()[direction])


def _load_norm(reader: NcnnReader, layer: NcnnLayer) -> None:
    is_group_norm = layer.type == "GroupNorm"
    if not layer.get_integer(3 if is_group_norm else 2, 1):
        return
    size, kind = layer.get_integer(1 if is_group_norm else 0), f"{layer.type}alization"
    reader.load(layer, "weight", (size,), (kind, 1), flagged=False)
    if layer.type != "RMSNorm":
        reader.load(layer, "bias", (size,), (kind, 2), flagged=False)


def _load_batch_norm(reader: NcnnReader, layer: NcnnLayer) -> None:
    leaves = (("weight", 1), ("running_mean", 3), ("running_var", 4), ("bias", 2))
    for leaf, number in leaves:
        shape = (layer.get_integer(0),)
        reader.load(layer, leaf, shape, ("BatchNormalization", number), flagged=False)


def _load_scale(reader: NcnnReader, layer: NcnnLayer) -> None:
    size = layer.get_integer(0)
    if size < 0:  # the scale is another layer's result
        return
    reader.load(layer, "weight", (size,), ("Mul", 1), flagged=False)
    if layer.get_integer(1):
        reader.load(layer, "bias", (size,), ("Add", 1), flagged=False)


def _load_vector(reader: NcnnReader, layer: NcnnLayer) -> None:
    leaf, kind = ("bias", "Add") if layer.type == "Bias" else ("weight", "PRelu")
    reader.load(layer, leaf, (layer.get_integer(0),), (kind, 1), flagged=False)


def _load_constant(reader: NcnnReader, layer: NcnnLayer) -> None:
    sides = [layer.get_integer(key) for key in (2, 11, 1, 0)]
    shape = tuple(side for side in sides if side)
    flagged = layer.get_integer(21, 1) == 0
    reader.load(layer, "", shape, ("Constant", 0), flagged=flagged)


def _load_product(reader: NcnnReader, layer: NcnnLayer) -> None:
    rows, columns, inner = (layer.get_integer(key) for key in (7, 8, 9))
    if layer.get_integer(4):
        shape = (inner, rows) if layer.get_integer(2) else (rows, inner)
        reader.load(layer, "A", shape, ("Gemm", 0), flagged=True)
    if layer.get_integer(5):
        shape = (columns, inner) if layer.get_integer(3) else (inner, columns)
        reader.load(layer, "weight", shape, ("Gemm", 1), flagged=True)
    spread = layer.get_integer(10)
    shapes: Mapping[int, Shape] = {
        0: (1,),
        1: (rows,),
        2: (rows, 1),
        3: (rows, columns),
        4: (columns,),
    }
    if layer.get_integer(6) and spread in shapes:
        reader.load(layer, "bias", shapes[spread], ("Gemm", 2), flagged=True)


def _load_attention(reader: NcnnReader, layer: NcnnLayer) -> None:
    width = layer.get_integer(0)
    inputs = {
        "q": _divide(layer, layer.get_integer(2), width),
        "k": layer.get_integer(3, width),
        "v": layer.get_integer(4, width),
    }
    for leaf, side in inputs.items():
        reader.load(layer, f"{leaf}.weight", (width, side), ("Gemm", 1), flagged=True)
        reader.load(layer, f"{leaf}.bias", (width,), ("Gemm", 2), flagged=False)
    side = inputs["q"]
    reader.load(layer, "out.weight", (side, width), ("Gemm", 1), flagged=True)
    reader.load(layer, "out.bias", (side,), ("Gemm", 2), flagged=False)


LAYER_LOADERS: Mapping[str, Callable[[NcnnReader, NcnnLayer], None]] = {
    **dict.fromkeys(
        (
            *("Convolution", "ConvolutionDepthWise", "Convolution1D", "ConvolutionDepthWise1D"),
            *("Deconvolution", "DeconvolutionDepthWise"),
            *("Deconvolution1D", "DeconvolutionDepthWise1D"),
        ),
        _load_convolution,
    ),
    **dict.fromkeys(("LSTM", "GRU", "RNN"), _load_recurrent),
    **dict.fromkeys(("LayerNorm", "GroupNorm", "InstanceNorm", "RMSNorm"), _load_norm),
    **dict.fromkeys(("Bias", "PReLU"), _load_vector),
    "InnerProduct": _load_linear,
    "Embed": _load_embedding,
    "BatchNorm": _load_batch_norm,
    "Scale": _load_scale,
    "MemoryData": _load_constant,
    "Gemm": _load_product,
    "MultiHeadAttention": _load_attention,
}
