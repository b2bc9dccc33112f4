"""How MLX and PyTorch spell the operations, for code that a recipe is printed as."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from auscult.errors import RecipeError

FrameworkName = Literal["mlx", "torch"]


@dataclass(frozen=True)
class Dialect:
    """One framework's words.

    Attributes:
        helpers: Source of functions that an operation may call, by name; printed only where they are called.
    """

    name: FrameworkName
    module: str
    permute: str
    axis: str
    helpers: dict[str, str]

    def permute_axes(self, x: str, axes: Sequence[int]) -> str:
        """Axes in another order."""
        if axes:
            return f"{x}.{self.permute}({', '.join(map(str, axes))})"
        return x

    def cast(self, x: str, dtype: str) -> str:
        """Another dtype."""
        return f"{x}.{'astype' if self.name == 'mlx' else 'to'}({self.dtype(dtype)})"

    def dtype(self, dtype: str) -> str:
        """A dtype's name.

        Raises:
            RecipeError: If the framework has none of that name.
        """
        lacking = (
            ("float8", "int4", "uint4", "complex128") if self.name == "mlx" else ("int4", "uint4")
        )
        if dtype.startswith(lacking):
            raise RecipeError(
                f"{self.name} has no such dtype, so the recipe cannot be printed for it",
                where="code",
                found=dtype,
            )
        return f"{self.module}.{'bool_' if dtype == 'bool' and self.name == 'mlx' else dtype}"

    def join_tensors(self, names: Sequence[str], axis: int) -> str:
        """Several tensors along an axis."""
        word = "concatenate" if self.name == "mlx" else "cat"
        return f"{self.module}.{word}([{', '.join(names)}], {self.axis}={axis})"

    def cut(self, x: str, sizes: Sequence[int], axis: int) -> str:
        """One tensor in parts of these sizes."""
        if self.name == "torch":
            return f"torch.split({x}, {list(sizes)}, dim={axis})"
        ends = [sum(sizes[: i + 1]) for i in range(len(sizes) - 1)]
        return f"mx.split({x}, {ends}, axis={axis})"

    def flip_axis(self, x: str, axis: int) -> str:
        """An axis backwards."""
        if self.name == "mlx":
            return f"{x}[{':, ' * axis}::-1]"
        return f"{x}.flip({axis})"

    def array(self, values: Sequence[float], dtype: str) -> str:
        """A vector of numbers."""
        return f"{self.module}.{'array' if self.name == 'mlx' else 'tensor'}({list(values)}, dtype={self.dtype(dtype)})"

    def full(self, shape: Sequence[int], value: object, dtype: str) -> str:
        """A constant tensor."""
        return f"{self.module}.full({tuple(shape)}, {value!r}, dtype={self.dtype(dtype)})"


@dataclass
class CodeBlock:
    """Lines of code under construction; operations take and give expressions, and write a line where they give several.

    Attributes:
        first: Number of the next temporary name, so that names stay unique within a function.
    """

    dialect: Dialect
    lines: list[str] = field(default_factory=list)
    first: int = 0

    def assign(self, expression: str, count: int) -> list[str]:
        """Names for the `count` values of an expression."""
        names = [f"t{self.first + i}" for i in range(count)]
        self.first += count
        self.lines.append(f"{', '.join(names)}{',' if count == 1 else ''} = {expression}")
        return names

    def held(self, expression: str) -> str:
        """A name for an expression that is used more than once."""
        if expression.isidentifier():
            return expression
        name = f"t{self.first}"
        self.first += 1
        self.lines.append(f"{name} = {expression}")
        return name


_MLX_HELPERS = {
    "fuse_weight_norm": '''def fuse_weight_norm(g, v, dim):
    """g * v / |v|, the norm over every axis except dim."""
    wide = v.astype(mx.float32)
    axes = [axis for axis in range(v.ndim) if axis != dim]
    norm = mx.sqrt(mx.sum(mx.square(wide), axis=axes, keepdims=True))
    return (wide * (g.astype(mx.float32).reshape(norm.shape) / norm)).astype(v.dtype)''',
    "split_weight_norm": '''def split_weight_norm(w, dim):
    """g = |w| over every axis except dim, v = w."""
    axes = [axis for axis in range(w.ndim) if axis != dim]
    return mx.sqrt(mx.sum(mx.square(w.astype(mx.float32)), axis=axes, keepdims=True)).astype(w.dtype), w''',
    "fold_batch_norm": '''def fold_batch_norm(w, b, gamma, beta, mean, var, eps, dim):
    """A convolution and the BatchNorm after it as one convolution."""
    scale = gamma / mx.sqrt(var + eps)
    shape = [1] * w.ndim
    shape[dim] = -1
    return w * scale.reshape(shape), beta + (b - mean) * scale''',
    "reorder_blocks": '''def reorder_blocks(x, axis, order):
    """Equal blocks along an axis in another order."""
    parts = mx.split(x, len(order), axis=axis)
    return mx.concatenate([parts[i] for i in order], axis=axis)''',
    "exchange": '''def exchange(x, axis, outer, first, second):
    """The axis, seen as [outer, first, second, rest], with the two in the middle exchanged."""
    shape = x.shape
    x = x.reshape(*shape[:axis], outer, first, second, -1, *shape[axis + 1 :])
    return x.swapaxes(axis + 1, axis + 2).reshape(shape)''',
    "affine": '''def affine(x, scale, zero_point, axis):
    """scale * (x - zero_point), per index of axis."""
    shape = [1] * x.ndim
    if axis is not None:
        shape[axis] = -1
    return (x.astype(mx.float32) - zero_point.reshape(shape if zero_point.size > 1 else [1] * x.ndim)) * scale.reshape(shape)''',
}


def _translate_to_torch(source: str) -> str:
    """The same helper in PyTorch's words; sums are taken in float64 there."""
    swaps = (
        ("mx.square(wide)", "wide.square()"),
        ("mx.square(w.astype(mx.float32))", "w.double().square()"),
        (".astype(mx.float32)", ".double()"),
        (".astype(", ".to("),
        ("keepdims", "keepdim"),
        ("axis=axes", "dim=axes"),
        ("mx.split(x, len(order), axis=axis)", "torch.chunk(x, len(order), dim=axis)"),
        ("mx.concatenate", "torch.cat"),
        ("], axis=axis)", "], dim=axis)"),
        (".size > 1", ".numel() > 1"),
        ("mx.", "torch."),
    )
    for old, new in swaps:
        source = source.replace(old, new)
    return source


def _build_torch_helpers() -> dict[str, str]:
    helpers = {name: _translate_to_torch(source) for name, source in _MLX_HELPERS.items()}
    helpers["affine"] = helpers["affine"].replace("x.double()", "x.float()")
    return helpers


MLX_DIALECT = Dialect("mlx", "mx", "transpose", "axis", _MLX_HELPERS)
TORCH_DIALECT = Dialect("torch", "torch", "permute", "dim", _build_torch_helpers())
DIALECTS: dict[FrameworkName, Dialect] = {"mlx": MLX_DIALECT, "torch": TORCH_DIALECT}
