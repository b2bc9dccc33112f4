"""A small random OpenVINO IR: an .xml of layers and edges, and the .bin with the constants."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np

OPENED = "model.xml"
ELEMENT_TYPES = {"float32": "f32", "float16": "f16", "int64": "i64", "int32": "i32"}


@dataclass
class IrWriter:
    """Builds a graph layer by layer; a layer is known by its number."""

    layers: list[str] = field(default_factory=list)
    edges: list[str] = field(default_factory=list)
    content: bytearray = field(default_factory=bytearray)

    def add_constant(
        self, name: str, array: Any, element_type: str = "", shape: tuple[int, ...] | None = None
    ) -> int:
        """A Const; `element_type` and `shape` where the array holds the bytes of packed codes."""
        sides = ", ".join(map(str, array.shape if shape is None else shape))
        kind = element_type or ELEMENT_TYPES[array.dtype.name]
        offset, size = len(self.content), array.nbytes
        self.content += array.tobytes()
        data = f'<data element_type="{kind}" shape="{sides}" offset="{offset}" size="{size}"/>'
        return self.add(name, "Const", data=data)

    def add(self, name: str, kind: str, *inputs: int, data: str = "", extra: str = "") -> int:
        """A layer that takes the first output of others."""
        number = len(self.layers)
        ports = "".join(f'<port id="{index}"/>' for index in range(len(inputs)))
        output = f'<output><port id="{len(inputs)}"/></output>'
        self.layers.append(
            f'<layer id="{number}" name={quoteattr(name)} type="{kind}" version="opset1">'
            f"{data}{extra}<input>{ports}</input>{output}</layer>"
        )
        for position, source in enumerate(inputs):
            count = self.layers[source].partition("<output>")[0].count("<port")
            self.edges.append(
                f'<edge from-layer="{source}" from-port="{count}" to-layer="{number}" to-port="{position}"/>'
            )
        return number

    def decompress(self, name: str, source: int) -> int:
        """The Convert that stands behind a weight in float16."""
        mark = '<rt_info><attribute name="decompression" version="0"/></rt_info>'
        data = '<data destination_type="f32"/>'
        return self.add(name, "Convert", source, data=data, extra=mark)

    def render(self, version: int = 11) -> str:
        """The .xml."""
        layers, edges = "\n".join(self.layers), "\n".join(self.edges)
        return (
            f'<?xml version="1.0"?>\n<net name="Model0" version="{version}">\n'
            f"<layers>\n{layers}\n</layers>\n<edges>\n{edges}\n</edges>\n</net>\n"
        )

    def write(self, path: Path, version: int = 11) -> None:
        """Write the .xml, and the .bin beside it."""
        path.write_text(self.render(version))
        path.with_suffix(".bin").write_bytes(self.content)


def add_scaled(
    ir: IrWriter, name: str, codes: tuple[Any, str, tuple[int, ...]], scale: Any, zero: Any
) -> int:
    """Codes (bytes, element type, shape) with what NNCF puts behind them: Convert, Subtract, Multiply, Reshape."""
    packed, kind, shape = codes
    step = ir.add("", "Convert", ir.add_constant(name, packed, kind, shape))
    if zero is not None:
        zero_shape = tuple(scale.shape)
        zero_point = ir.add_constant(f"{name}/zero_point", zero, kind, zero_shape)
        step = ir.add("", "Subtract", step, ir.add("", "Convert", zero_point))
    step = ir.add(f"{name}/fq_weights_1", "Multiply", step, ir.add_constant(f"{name}/scale", scale))
    target = np.array([shape[0], -1], np.int64)
    return ir.add("", "Reshape", step, ir.add_constant(f"{name}/shape", target))


def make(folder: Path, seed: int) -> None:
    """A convolution in float16, a grouped one, and a Linear in 4 bits."""
    rng = np.random.default_rng(seed)
    ir = IrWriter()
    x = ir.add("x", "Parameter", data='<data shape="?,4,?" element_type="f32"/>')
    weight = ir.add_constant("conv_compressed", rng.normal(size=(6, 4, 3)).astype(np.float16))
    x = ir.add("", "Convolution", x, ir.decompress("conv.weight", weight))
    bias = ir.add_constant("conv.bias", rng.normal(size=(1, 6, 1)).astype(np.float32))
    x = ir.add("", "Add", x, bias)
    grouped = ir.add_constant("grouped", rng.normal(size=(2, 3, 3, 3)).astype(np.float32))
    x = ir.add("", "GroupConvolution", x, grouped)
    codes, zero = rng.integers(0, 256, (8, 2, 4), np.uint8), rng.integers(0, 256, 8, np.uint8)
    scale = rng.random((8, 2, 1)).astype(np.float16)
    linear = add_scaled(ir, "linear", (codes, "u4", (8, 2, 8)), scale, zero)
    x = ir.add("", "MatMul", x, linear, data='<data transpose_a="false" transpose_b="true"/>')
    ir.add("", "Result", x)
    ir.write(folder / OPENED)
