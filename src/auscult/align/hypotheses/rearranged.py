"""One tensor whose elements stand in another order on the other side, and no permutation of axes explains it.

Blocks of an attention's q, k, v or of a recurrent layer's gates in another order; heads interleaved; rotary halves
interleaved; a flipped kernel; a column-major file read as row-major. All keep the multiset of elements, so that only pairs
of equal fingerprints (after a cast, where the dtypes differ) are looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from auscult.align.derived import HypothesisView, Proposal
from auscult.align.exact import group_by_content
from auscult.align.kinds import find_layer_kind
from auscult.align.lossy import is_identifying
from auscult.align.rearrange import find_rearrangements
from auscult.align.side import CheckpointSide
from auscult.facts.layers import is_transposed_convolution
from auscult.recipe.op import Op
from auscult.recipe.ops.deinterleave import Deinterleave
from auscult.recipe.ops.flip import Flip
from auscult.recipe.ops.fortran import FortranScramble
from auscult.recipe.ops.interleave import Interleave
from auscult.recipe.ops.reorder_blocks import ReorderBlocks
from auscult.recipe.ops.reshape import Reshape

PRIORITY = 20
BOTH_WAYS = False
MAX_PARTNERS = 4

_RECURRENT_NAME = re.compile(
    r"lstm|gru|rnn|gate|weight_[ih]h|bias_[ih]h|(^|[._])(w_?[xih]|[wr]_?[ih]?h?|wx|wh)$",
    re.IGNORECASE,
)
_TABLE_NAME = re.compile(r"pos(ition(al)?)?_|(^|[._])pe($|[._])|pos_?emb|embed|table")
_ATTENTION_NAME = re.compile(
    r"qkv|kv|in_proj|c_attn|att(entio)?n|query|to_[qkv]|(^|[._])(w?[qkv]|[qkv]_?(proj|lin)\w*)([._]|$)",
    re.IGNORECASE,
)
_GATED_NAME = re.compile(
    r"glu|gate|(^|[._])(ff\w*|fc\w*|mlp|w\d+|wi)([._]|$)|ada|modulat|film|norm_out|scale_shift",
    re.IGNORECASE,
)
"""Layers whose two halves are two things (value and gate, scale and shift) that codes put in either order."""
_FOLDED_NAME = re.compile(r"shuffle|patch|pixel|up", re.IGNORECASE)
"""Layers whose channels hold places of a grid, which codes count before or after the channels."""
_FLIPPING_FORMATS = frozenset(("flax", "orbax"))
"""Flax computes a transposed convolution without torch's reversal of the kernel (flax.linen.ConvTranspose, `transpose_kernel`)."""


def propose(view: HypothesisView) -> Iterator[Proposal]:
    for source, target in _iter_pairs(view):
        if source not in view.x.left or target not in view.y.left:
            continue
        for ops in find_rearrangements(view.x.array(source), view.y.array(target)):
            cause, fault = _name_cause(view, source, target, ops[-1])
            yield Proposal((source,), (target,), ops, cause, fault)


def _iter_pairs(view: HypothesisView) -> Iterator[tuple[str, str]]:
    """Pairs of equal fingerprint that no move of axes makes equal, those with corresponding names first."""
    targets = group_by_content(view.y)
    for key, sources in group_by_content(view.x).items():
        partners = targets.get(key)
        if partners is None or key[1].constant:
            continue
        for source in sources:
            expected = [name for name in view.expected(source) if name in set(partners)]
            yield from (
                (source, target) for target in dict.fromkeys([*expected, *partners[:MAX_PARTNERS]])
            )
    for a, b in view.ledger.alike_pairs:
        if a in view.x.left and b in view.y.left and is_identifying(view.x, a):
            yield a, b


def _name_cause(view: HypothesisView, source: str, target: str, op: Op) -> tuple[str | None, bool]:
    """The defect's name, and whether it is a fault: it is where no convention has that order, and between files of one naming."""
    same_name = (
        source.rpartition(".")[2] == target.rpartition(".")[2]
        and source.split(".")[-2:] == target.split(".")[-2:]
    )
    is_attention = _matches_either(_ATTENTION_NAME, source, target)
    if isinstance(op, FortranScramble | Reshape):
        return "layout-fortran", True
    if _matches_either(_TABLE_NAME, source, target) and not is_attention:
        return "rows-reordered", same_name
    if isinstance(op, Flip):
        return "rows-reordered", same_name or not _is_reversed_kernel(view, source, target, op)
    if isinstance(op, Interleave | Deinterleave):
        if is_attention:
            return _name_interleaving(op), same_name
        return "rows-reordered", same_name or not _matches_either(_FOLDED_NAME, source, target)
    if isinstance(op, ReorderBlocks):
        if _matches_either(_RECURRENT_NAME, source, target):
            return "gate-order", same_name
        if is_attention:
            return "qkv-order", same_name
        if len(op.order) == 2 and _matches_either(_GATED_NAME, source, target):
            return "gate-order", same_name
        return "rows-reordered", True
    return None, same_name


def _matches_either(pattern: re.Pattern[str], source: str, target: str) -> bool:
    return pattern.search(source) is not None or pattern.search(target) is not None


def _name_interleaving(op: Interleave | Deinterleave) -> str:
    if op.outer == 1 and op.parts in {2, 3}:
        return "qkv-order"
    return "rope-convention"


def _is_reversed_kernel(view: HypothesisView, source: str, target: str, op: Flip) -> bool:
    """Whether it is a transposed convolution's kernel between Flax and another framework, reversed in time."""
    sides = ((view.x, source), (view.y, target))
    flax = [_is_flax_kernel(side, name) for side, name in sides]
    if flax[0] == flax[1]:
        return False
    if not any(
        is_transposed_convolution(find_layer_kind(side.checkpoint, name)) for side, name in sides
    ):
        return False
    dimensions = len(view.y.shapes[target])
    if flax[1]:
        return op.axis < dimensions - 2
    return op.axis >= 2


def _is_flax_kernel(side: CheckpointSide, name: str) -> bool:
    return side.checkpoint.format in _FLIPPING_FORMATS or (
        name.endswith("kernel") and side.checkpoint.format != "keras"
    )
