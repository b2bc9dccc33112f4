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
from auscult.align.lossy import is_identifying
from auscult.align.rearrange import find_rearrangements
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
    r"qkv|kv|in_proj|c_attn|att(entio)?n|query_key|to_[qkv]", re.IGNORECASE
)


def propose(view: HypothesisView) -> Iterator[Proposal]:
    for source, target in _iter_pairs(view):
        if source not in view.x.left or target not in view.y.left:
            continue
        for ops in find_rearrangements(view.x.array(source), view.y.array(target)):
            cause, fault = _name_cause(source, target, ops[-1])
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


def _name_cause(source: str, target: str, op: Op) -> tuple[str | None, bool]:
    """The defect's name, and whether it is a fault: between files that use the same name, another order is one."""
    same_name = (
        source.rpartition(".")[2] == target.rpartition(".")[2]
        and source.split(".")[-2:] == target.split(".")[-2:]
    )
    if isinstance(op, FortranScramble | Reshape):
        return "layout-fortran", True
    if isinstance(op, Flip) or _is_table(source, target):
        return "rows-reordered", same_name
    if isinstance(op, Interleave | Deinterleave):
        if op.outer == 1 and op.parts in {2, 3}:
            return ("qkv-order", same_name)
        return ("rope-convention", same_name)
    if isinstance(op, ReorderBlocks):
        is_recurrent = bool(_RECURRENT_NAME.search(source) or _RECURRENT_NAME.search(target))
        is_attention = bool(_ATTENTION_NAME.search(source) or _ATTENTION_NAME.search(target))
        is_gates = is_recurrent or (len(op.order) != 3 and not is_attention)
        if is_gates and (is_recurrent or not is_attention):
            return "gate-order", same_name
        return "qkv-order", same_name
    return None, same_name


def _is_table(source: str, target: str) -> bool:
    """Whether the names are of a table of positions or symbols, which has neither heads nor gates."""
    return any(
        _TABLE_NAME.search(name) is not None and _ATTENTION_NAME.search(name) is None
        for name in (source, target)
    )
