"""ncnn (`.param` and `.bin`) and pnnx (`.pnnx.param` and `.pnnx.bin`).

ncnn's `.bin` has neither names nor shapes: it is read as ncnn does, layer by layer. Weights are named by the layer:
`conv.weight`, `conv.bias`; of recurrent layers `weight_xc` (gates from the input, both directions in one), `weight_hc` and
`bias_c`. ncnn keeps transposed convolutions as [out, in / groups, kernel]; they are listed as [in, out / groups, kernel],
as torch and ONNX have them. Where a layer is met whose weights are not known, the rest cannot be read and is skipped.
pnnx's graph says names and shapes itself, and its `.bin` is a zip archive with a member for each tensor.
Source: src/layer/*.cpp and tools/pnnx of https://github.com/Tencent/ncnn.
"""

from __future__ import annotations

import re

from auscult.checkpoint.archive import read_archive
from auscult.checkpoint.beside import open_data_file
from auscult.checkpoint.contents import Contents
from auscult.checkpoint.elements import check_count, check_shape, place_tensor
from auscult.checkpoint.ncnn_layers import NcnnReader, read_slope
from auscult.checkpoint.ncnn_param import MAGIC, NcnnLayer, NcnnStream, parse_layers
from auscult.checkpoint.source import Source
from auscult.finding import Skip
from auscult.weights import ModuleInfo, Tensor

FORMAT = "ncnn"
CHECKED_WITH = ("ncnn 1.0.20261020", "pnnx 20261020")
UNREAD_PARTS = (
    "3D and deformable convolutions, quantised Gemm, attention and recurrent layers, and what lies behind them: give the "
    "pnnx model, or the file that it was converted from",
)
PNNX = "pnnx"
PNNX_TENSOR = re.compile(r"\(([\d,]*)\)([a-z]+\d*)")
PNNX_TYPES = {
    "f32": "float32",
    "f64": "float64",
    "f16": "float16",
    "bf16": "bfloat16",
    "bool": "bool",
    "c64": "complex64",
    "c128": "complex128",
    **{f"i{bits}": f"int{bits}" for bits in (8, 16, 32, 64)},
    "u8": "uint8",
}


def sniff(source: Source, head: bytes) -> bool:  # noqa: ARG001 - the first line is enough
    """The first line is ncnn's magic number."""
    return head.startswith((MAGIC + b"\n", MAGIC + b"\r\n"))


def read(source: Source) -> Contents:
    """List what the model holds.

    Raises:
        CheckpointError: If the graph is damaged, or the `.bin` is missing or does not fit it.
    """
    layers = parse_layers(source)
    weights = open_data_file(source, f"{source.stem}.bin")
    if any(layer.type.startswith("pnnx.") for layer in layers):
        return _read_pnnx(layers, weights)
    reader = NcnnReader(NcnnStream(weights))
    reader.collect_layers(layers)
    return Contents(reader.tensors, skips=tuple(reader.skips), modules=reader.modules)


def _read_pnnx(layers: list[NcnnLayer], weights: Source) -> Contents:
    archive = read_archive(weights)
    tensors: dict[str, Tensor] = {}
    modules: dict[str, ModuleInfo] = {}
    skips: list[Skip] = []
    for layer in layers:
        slope = read_slope(layer, "negative_slope")
        if slope is not None:
            tensors[slope.name] = slope
        for key, text in layer.words.items():
            match = PNNX_TENSOR.fullmatch(text)
            if not key.startswith("@") or match is None:
                continue
            check_count(weights, len(tensors))
            own_name = f"{layer.name}.{key[1:]}"
            name = layer.name if layer.type == "pnnx.Attribute" else own_name
            dtype = PNNX_TYPES.get(match[2])
            if dtype is None:
                skips.append(Skip(name, f"pnnx type {match[2]} is not read", is_weight=True))
                continue
            sides = [int(side[:18]) for side in match[1].split(",") if side]
            shape = check_shape(sides, f"{weights.where}: {name}")
            member = archive.open_source(own_name)
            tensors[name] = place_tensor(member, (0, member.size), name, dtype, shape)
            modules[name] = _describe_pnnx_use(layer, name, key[1:])
    return Contents(tensors, skips=tuple(skips), format=PNNX, modules=modules)


def _describe_pnnx_use(layer: NcnnLayer, name: str, leaf: str) -> ModuleInfo:
    """The layer in ONNX's words where ONNX has it."""
    kind = layer.type.rpartition(".")[2]
    for prefix, operator in (("ConvTranspose", "ConvTranspose"), ("Conv", "Conv")):
        if kind.startswith(prefix):
            return ModuleInfo(name, operator, {"input": 2 if leaf == "bias" else 1})
    if kind == "Linear":
        return ModuleInfo(name, "Gemm", {"input": 2 if leaf == "bias" else 1})
    if kind == "Embedding":
        return ModuleInfo(name, "Gather", {"input": 0})
    if kind in ("LSTM", "GRU", "RNN"):
        number = 3 if leaf.startswith("bias") else 1 + leaf.startswith("weight_hh")
        return ModuleInfo(name, kind, {"input": number})
    return ModuleInfo(name, kind, {"input": leaf})
