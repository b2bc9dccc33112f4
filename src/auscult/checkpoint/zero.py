"""DeepSpeed's ZeRO: weights as each rank keeps them, a part of one long vector; and what stands in their place elsewhere.

Up to stage 2 the parameters of a group lie one behind the other in a vector, which is cut into one piece for each rank.
In stage 3 every parameter is cut by itself: each rank has an equal share, the last one filled up with padding. The names and
shapes, in the order of the vector, are `param_shapes` in the model states. Source: DeepSpeed's zero_to_fp32, which does the
same on loaded tensors (deepspeed/utils/zero_to_fp32.py, 0.10 to 0.19).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Any, NamedTuple

from auscult.checkpoint.contents import Leaf
from auscult.checkpoint.elements import JoinedData, check_shape
from auscult.checkpoint.file_array import contiguous_strides
from auscult.checkpoint.source import Source, item_bytes
from auscult.checkpoint.torch_tensors import TensorNode, UnreadableNode
from auscult.errors import CheckpointError
from auscult.facts.words import format_count
from auscult.finding import Skip
from auscult.weights import Shape, Storage, Tensor

PLACEHOLDER = (
    "an empty placeholder of ZeRO stage 3: the weight lies in parts in the *_optim_states.pt of all"
    " ranks; give their folder"
)
ALIGNMENT = 2
"""Up to stage 2 the vector of a group is filled up to a multiple of this times the ranks. Defined by
DeepSpeed's stage_1_and_2.py (nccl_start_alignment_factor)."""
MASTERS_SUFFIX = "_optim_states.pt"
STATES_HINT = "the folder mixes files of several runs, or one is damaged: copy all of it again"


class FlatVector(NamedTuple):
    """One long vector in the pieces of its ranks.

    Attributes:
        label: How ties name it.
    """

    pieces: tuple[TensorNode, ...]
    label: str

    @property
    def size(self) -> int:
        return sum(piece.shape[0] for piece in self.pieces)

    def take(self, name: str, start: int, shape: Shape, where: str) -> Tensor:
        """The parameter that begins at element `start`.

        Raises:
            CheckpointError: If the pieces end before it does.
        """
        spans = list(self._iter_spans(start, start + prod(shape)))
        return join_spans(name, spans, shape, Storage(self.label, start), where)

    def _iter_spans(self, start: int, stop: int) -> Iterator[tuple[TensorNode, int, int]]:
        first = 0
        for piece in self.pieces:
            low, high = max(start - first, 0), min(stop - first, piece.shape[0])
            if low < high:
                yield piece, low, high - low
            first += piece.shape[0]


def join_spans(
    name: str,
    spans: Sequence[tuple[TensorNode, int, int]],
    shape: Shape,
    storage: Storage,
    where: str,
) -> Tensor:
    """A tensor whose elements are `count` elements from `start` of each piece, one after the other.

    Raises:
        CheckpointError: If they are not as many as the shape has, or of two types.
    """
    count, dtypes = sum(span[2] for span in spans), {str(piece.dtype) for piece, _, _ in spans}
    if count != prod(shape) or len(dtypes) > 1:
        raise CheckpointError(
            f"has another number of values for {name[:200]} than its shape",
            where=where,
            expected=f"{prod(shape)} of one type for {list(shape)}",
            found=f"{count} of {', '.join(sorted(dtypes)) or 'none'}",
            hint=STATES_HINT,
        )
    parts = tuple(_slice_node(*span) for span in spans)
    if len(parts) == 1:
        node = parts[0]
        whole = TensorNode(node.storage, node.dtype, node.first, shape, contiguous_strides(shape))
        tensor = whole.describe(name)
        if isinstance(tensor, Tensor):
            return tensor
    dtype = dtypes.pop() if dtypes else "float32"
    data = JoinedData(parts, tuple(part.shape[0] for part in parts), shape, dtype)
    return Tensor(name, shape, dtype, data, prod(shape) * item_bytes(dtype), storage)


def merge_stage_2(
    groups: Sequence[FlatVector], shapes: Sequence[Mapping[str, Shape]], where: str
) -> dict[str, Tensor]:
    """The parameters of stages 1 and 2: those of a group lie one behind the other in its vector.

    Raises:
        CheckpointError: If vectors and shapes do not fit each other.
    """
    if len(groups) != len(shapes):
        raise CheckpointError(
            "has another number of parameter groups than its model states",
            where=where,
            expected=len(shapes),
            found=len(groups),
            hint=STATES_HINT,
        )
    tensors: dict[str, Tensor] = {}
    for group, named_shapes in zip(groups, shapes, strict=True):
        start = 0
        for name, shape in named_shapes.items():
            tensors[name] = group.take(name, start, shape, where)
            start += prod(shape)
        step = ALIGNMENT * max(len(group.pieces), 1)
        if -(-start // step) != -(-group.size // step):
            raise _make_size_error(where, start, group.size)
    return tensors


def merge_stage_3(
    ranks: Sequence[Sequence[TensorNode]], shapes: Sequence[Mapping[str, Shape]], where: str
) -> dict[str, Tensor]:
    """The parameters of stage 3: an equal share of each in the vector of each rank, the last share padded.

    Args:
        ranks: The vectors of each rank, which are one behind the other one vector.

    Raises:
        CheckpointError: If vectors and shapes do not fit each other.
    """
    vectors = [FlatVector(tuple(pieces), "") for pieces in ranks]
    tensors: dict[str, Tensor] = {}
    start = 0
    for named_shapes in shapes:
        for name, shape in named_shapes.items():
            share = -(-prod(shape) // max(len(ranks), 1))
            spans: list[tuple[TensorNode, int, int]] = []
            for rank, vector in enumerate(vectors):
                count = max(min(share, prod(shape) - rank * share), 0)
                spans += vector._iter_spans(start, start + count)
            tensors[name] = join_spans(name, spans, shape, Storage("fp32", start), where)
            start += share
    if any(vector.size != start for vector in vectors):
        raise _make_size_error(where, start, min(vector.size for vector in vectors))
    return tensors


def read_shapes(value: Any, where: str) -> list[dict[str, Shape]]:
    """`param_shapes`: for each group a mapping from names to shapes, in the order of the vector.

    Raises:
        CheckpointError: If it is something else.
    """
    groups = [value] if isinstance(value, dict) else value
    if not isinstance(groups, list | tuple) or not all(isinstance(g, dict) for g in groups):
        raise CheckpointError("has param_shapes of another form than DeepSpeed's", where=where)
    result: list[dict[str, Shape]] = []
    for group in groups:
        shapes: dict[str, Shape] = {}
        for name, shape in group.items():
            is_shape = isinstance(shape, tuple | list) and all(type(side) is int for side in shape)
            if not isinstance(name, str) or not is_shape:
                raise CheckpointError("has a parameter without a shape", where=where)
            shapes[name] = check_shape(shape, where)
        result.append(shapes)
    return result


def is_model_states(tree: Any) -> bool:
    """Whether a pickle holds what DeepSpeed writes of the model."""
    return (
        isinstance(tree, dict)
        and "param_shapes" in tree
        and isinstance(tree.get("module"), dict)
        and ("ds_version" in tree or "ds_config" in tree)
    )


def mark_placeholders(tree: dict[Any, Any], where: str) -> dict[Any, Any]:
    """Model states with each empty tensor that stands for a weight elsewhere as what it is, and without the table of shapes."""
    shapes = {
        name: shape
        for group in read_shapes(tree["param_shapes"] or [], where)
        for name, shape in group.items()
    }
    module = {
        name: UnreadableNode(shapes[name], PLACEHOLDER)
        if _is_empty(value, shapes.get(name))
        else value
        for name, value in tree["module"].items()
    }
    tables = ("param_shapes", "frozen_param_shapes")
    rest = {key: value for key, value in tree.items() if key not in tables}
    return {**rest, "module": module}


def list_masters(source: Source) -> tuple[Skip, ...]:
    """What lies beside a file of model states: the float32 masters of its weights."""
    if source.member:
        return ()
    try:
        files = [path.name for path in source.path.parent.glob(f"*{MASTERS_SUFFIX}")]
    except OSError:
        return ()
    if not files:
        return ()
    reason = (
        f"the float32 masters of these weights lie in {format_count(len(files), 'file')} beside this"
        f" one: give the folder {source.path.parent} to have them read"
    )
    return (Skip(f"*{MASTERS_SUFFIX}", reason),)


def _is_empty(value: Any, shape: Shape | None) -> bool:
    return (
        isinstance(value, Leaf) and shape is not None and not prod(value.shape) and prod(shape) > 0
    )


def _slice_node(node: TensorNode, start: int, count: int) -> TensorNode:
    return TensorNode(node.storage, node.dtype, node.first + start, (count,), (1,))


def _make_size_error(where: str, needed: int, available: int) -> CheckpointError:
    return CheckpointError(
        "has another number of values than its parameters need",
        where=where,
        expected=needed,
        found=available,
        hint=STATES_HINT,
    )
