"""Query, key and value (or key and value) in one tensor on one side and separate on the other, in any order of blocks.

Sums of bit patterns add up, so that a fused tensor is found by the fingerprints of its parts whatever it is called; where
the dtypes differ, the module's name on the other side leads to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import permutations

from auscult.align.compare import Values, closely, exactly
from auscult.align.derived import Candidate, View
from auscult.align.lossy import identifying
from auscult.errors import RecipeError
from auscult.recipe.op import Op
from auscult.recipe.ops.concat import Concat
from auscult.recipe.ops.interleave import Interleave
from auscult.weights import Array

PRIORITY = 15
BOTH_WAYS = True
MAX_HEADS = 64
_MASK = (1 << 64) - 1

_ROLES = {
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
_FUSED = re.compile(r"qkv|to_kv|\bkv|_kv|in_proj|c_attn|query_key_value|wqkv", re.I)


def propose(view: View) -> Iterator[Candidate]:
    totals = _totals(view)
    for parent, parts in _groups(view):
        for count in (3, 2):
            names = [
                parts[role]
                for role in "qkv"[3 - count :]
                if role in parts and parts[role] in view.x.left
            ]
            if len(names) != count:
                continue
            roles = dict(zip(names, "qkv"[3 - count :], strict=True))
            for target in _targets(view, parent, names, totals):
                if target in view.y.left:
                    yield from _joined(view, names, target, roles)


def _groups(view: View) -> Iterator[tuple[str, dict[str, str]]]:
    """Per module and leaf: the names of its q, k and v."""
    groups: dict[tuple[str, str], dict[str, str]] = {}
    for name in view.x.remaining():
        path, _, leaf = name.rpartition(".")
        parent, _, child = path.rpartition(".")
        for role, pattern in _ROLES.items():
            if pattern.search(child):
                groups.setdefault((parent, leaf), {}).setdefault(role, name)
            elif pattern.search(leaf):
                groups.setdefault((path, pattern.sub("", leaf)), {}).setdefault(role, name)
    for (parent, _), parts in groups.items():
        if len(parts) >= 2:
            yield parent, parts


def _totals(view: View) -> dict[tuple[str, int, int], list[str]]:
    result: dict[tuple[str, int, int], list[str]] = {}
    for name in view.y.remaining():
        if identifying(view.y, name):
            print_ = view.y.prints[name]
            result.setdefault((view.y.kinds[name], print_.size, print_.total), []).append(name)
    return result


def _targets(
    view: View, parent: str, names: Sequence[str], totals: dict[tuple[str, int, int], list[str]]
) -> dict[str, None]:
    prints = [view.x.prints[name] for name in names]
    size = sum(print_.size for print_ in prints)
    key = (view.x.kinds[names[0]], size, sum(print_.total for print_ in prints) & _MASK)
    found = dict.fromkeys(totals.get(key, []))
    modules = tuple(view.translated(parent))
    leaf = names[0].rpartition(".")[2]
    for name in view.y.remaining():
        if (
            view.y.size(name) == size
            and _FUSED.search(name)
            and name.startswith(modules)
            and leaf[-4:] == name[-4:]
        ):
            found[name] = None
    return found


def _joined(
    view: View, names: Sequence[str], target: str, roles: dict[str, str]
) -> Iterator[Candidate]:
    """Every order of the parts along either axis, then every number of heads, that a comparison does not refute."""
    arrays = {name: view.x.array(name) for name in names}
    wanted = view.y.values(target)
    dimensions = min(array.ndim for array in arrays.values())
    for axis in range(min(dimensions, 2)):
        for order in permutations(names):
            for ops, heads in _ways(axis, [arrays[name].shape[axis] for name in order]):
                if _fits(ops, [arrays[name] for name in order], wanted):
                    evidence = {"order": "".join(roles[name] for name in order), "heads": heads}
                    yield Candidate(order, (target,), ops, "qkv-fused", evidence=evidence)


def _ways(axis: int, sizes: list[int]) -> Iterator[tuple[tuple[Op, ...], int | None]]:
    join = Concat(axis, tuple(sizes))
    yield (join,), None
    if len(set(sizes)) == 1:
        for heads in range(2, min(sizes[0], MAX_HEADS) + 1):
            if sizes[0] % heads == 0:
                yield (join, Interleave(axis, heads, len(sizes))), heads


def _fits(ops: tuple[Op, ...], arrays: list[Array], wanted: Values) -> bool:
    try:
        for op in ops:
            arrays = op.apply(arrays)
    except RecipeError:
        return False
    if arrays[0].dtype == wanted.array.dtype and exactly(
        arrays[0], wanted.array, alternatives=False
    ):
        return True
    return closely(Values.of(arrays[0]), wanted) is not None
