"""Query, key and value (or key and value) in one tensor on one side and separate on the other, in any order of blocks.

Sums of bit patterns add up, so that a fused tensor is found by the fingerprints of its parts whatever it is called; where
the dtypes differ, the module's name on the other side leads to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import permutations

from auscult.align.compare import TensorValues, find_close_move, find_exact_move
from auscult.align.derived import HypothesisView, Proposal
from auscult.align.lossy import is_identifying
from auscult.errors import RecipeError
from auscult.recipe.op import Op
from auscult.recipe.ops.concat import Concat
from auscult.recipe.ops.interleave import Interleave
from auscult.weights import Array

PRIORITY = 15
BOTH_WAYS = True
MAX_HEADS = 64
_UINT64_MASK = (1 << 64) - 1

_ROLE_NAMES = {
    "q": re.compile(
        r"(^|[._])(to_|linear_|w_?|lin_|fc_)?q(uery)?(_?(proj|project|layer|linear|lin|weight|bias))?($|[._])",
        re.I,
    ),
    "k": re.compile(
        r"(^|[._])(to_|linear_|w_?|lin_|fc_)?k(ey)?(_?(proj|project|layer|linear|lin|weight|bias))?($|[._])",
        re.I,
    ),
    "v": re.compile(
        r"(^|[._])(to_|linear_|w_?|lin_|fc_)?v(alue)?(_?(proj|project|layer|linear|lin|weight|bias))?($|[._])",
        re.I,
    ),
}
_FUSED_NAME = re.compile(r"qkv|to_kv|\bkv|_kv|in_proj|c_attn|query_key_value|wqkv", re.I)

_ORDERED_NAME = re.compile(r"(^|\.)in_proj_(weight|bias)$")
"""Of torch.nn.MultiheadAttention, which has one order: q, k, v. Others have their own: CodeGen's `qkv_proj` is q, v, k."""


def propose(view: HypothesisView) -> Iterator[Proposal]:
    totals = _index_totals(view)
    for parent, parts in _iter_attention_parts(view):
        for count in (3, 2):
            names = [
                parts[role]
                for role in "qkv"[3 - count :]
                if role in parts and parts[role] in view.x.left
            ]
            if len(names) != count:
                continue
            roles = dict(zip(names, "qkv"[3 - count :], strict=True))
            for target in _find_targets(view, parent, names, totals):
                if target in view.y.left:
                    yield from _propose_joins(view, names, target, roles)


def _iter_attention_parts(view: HypothesisView) -> Iterator[tuple[str, dict[str, str]]]:
    """Per module and leaf: the names of its q, k and v."""
    groups: dict[tuple[str, str], dict[str, str]] = {}
    for name in view.x.list_remaining():
        path, _, leaf = name.rpartition(".")
        parent, _, child = path.rpartition(".")
        for role, pattern in _ROLE_NAMES.items():
            if pattern.search(child):
                groups.setdefault((parent, leaf), {}).setdefault(role, name)
            elif pattern.search(leaf):
                groups.setdefault((path, pattern.sub("", leaf)), {}).setdefault(role, name)
    for (parent, _), parts in groups.items():
        if len(parts) >= 2:
            yield parent, parts


def _index_totals(view: HypothesisView) -> dict[tuple[str, int, int], list[str]]:
    result: dict[tuple[str, int, int], list[str]] = {}
    for name in view.y.list_remaining():
        if is_identifying(view.y, name):
            fingerprint = view.y.fingerprints[name]
            result.setdefault((view.y.kinds[name], fingerprint.size, fingerprint.total), []).append(
                name
            )
    return result


def _find_targets(
    view: HypothesisView,
    parent: str,
    names: Sequence[str],
    totals: dict[tuple[str, int, int], list[str]],
) -> dict[str, None]:
    fingerprints = [view.x.fingerprints[name] for name in names]
    size = sum(fingerprint.size for fingerprint in fingerprints)
    content_key = (
        view.x.kinds[names[0]],
        size,
        sum(fingerprint.total for fingerprint in fingerprints) & _UINT64_MASK,
    )
    target_names = dict.fromkeys(totals.get(content_key, []))
    modules = tuple(view.translate_name(parent))
    leaf = names[0].rpartition(".")[2]
    for name in view.y.list_remaining():
        if (
            view.y.size(name) == size
            and _FUSED_NAME.search(name)
            and name.startswith(modules)
            and leaf[-4:] == name[-4:]
        ):
            target_names[name] = None
    return target_names


def _propose_joins(
    view: HypothesisView, names: Sequence[str], target: str, roles: dict[str, str]
) -> Iterator[Proposal]:
    """Every order of the parts along either axis, then every number of heads, that a comparison does not refute."""
    arrays = {name: view.x.array(name) for name in names}
    target_values = view.y.values(target)
    dimensions = min(array.ndim for array in arrays.values())
    for axis in range(min(dimensions, 2)):
        for order in permutations(names):
            for ops, heads in _iter_joins(axis, [arrays[name].shape[axis] for name in order]):
                if _is_fitting(ops, [arrays[name] for name in order], target_values):
                    role_order = "".join(roles[name] for name in order)
                    is_wrong = _is_other_order(target, role_order)
                    yield Proposal(
                        order,
                        (target,),
                        ops,
                        "qkv-order" if is_wrong else "qkv-fused",
                        is_wrong,
                        evidence={"order": role_order, "heads": heads},
                    )


def _is_other_order(target: str, role_order: str) -> bool:
    """Whether the fused tensor's module has another order than the parts were found in."""
    return bool(_ORDERED_NAME.search(target)) and role_order not in {"qkv", "kv"}


def _iter_joins(axis: int, sizes: list[int]) -> Iterator[tuple[tuple[Op, ...], int | None]]:
    join = Concat(axis, tuple(sizes))
    yield (join,), None
    if len(set(sizes)) == 1:
        for heads in range(2, min(sizes[0], MAX_HEADS) + 1):
            if sizes[0] % heads == 0:
                yield (join, Interleave(axis, heads, len(sizes))), heads


def _is_fitting(ops: tuple[Op, ...], arrays: list[Array], target_values: TensorValues) -> bool:
    try:
        for op in ops:
            arrays = op.apply(arrays)
    except RecipeError:
        return False
    if arrays[0].dtype == target_values.array.dtype and find_exact_move(
        arrays[0], target_values.array, alternatives=False
    ):
        return True
    return find_close_move(TensorValues.of(arrays[0]), target_values) is not None
