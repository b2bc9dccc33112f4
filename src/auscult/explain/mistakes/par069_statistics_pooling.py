"""Pooled statistics are taken otherwise.

**What it finds.** A variance or a standard deviation with the other divisor (n for n - 1), or means and deviations that leave out the
last frame or the first.

**What you hear.** A speaker that is a little off; more so on short prompts.

**Why it happens.** `torch.std` and `torch.var` divide by n - 1, those of NumPy and MLX by n. A loop over frames that ends one early
leaves the last one out of every statistic.

**Blind spots.** The reference has to be live and to call `mean`, `std` or `var`. Statistics with weights (attentive pooling) are sums.

**How it is measured.** The reference's own code is run again with the other divisor, or without a frame at either end of the axis that
is pooled; that has to give the candidate's tensor.

**Example.**

```python
# torch, wrong
stats = torch.cat([x.mean(-1), x.std(-1, unbiased=False)], -1)
# torch, right
stats = torch.cat([x.mean(-1), x.std(-1)], -1)
# MLX, wrong
stats = mx.concatenate([x.mean(1), mx.std(x, axis=1)], -1)
# MLX, right
stats = mx.concatenate([x.mean(1), mx.std(x, axis=1, ddof=1)], -1)
```

**Fix.** Take the reference's divisor and all frames. Safety: lossy (equal within the number format).

**References.** torch.std, correction; numpy.std, ddof.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches.functions import CodeChange, explain_code_changes
from auscult.facts.function_changes import CallChange
from auscult.weights import Array

CODE = "PAR069"
NAME = "statistics-pooling"
RANK = 21
SPREADS = ("std", "var")
DIVISORS = ("n", "n - 1")


def explain_by_rerun(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """Another divisor, or a frame less at either end."""
    yield from explain_code_changes(case, floor, NAME, [*_list_divisors(), *_list_cuts()])


def _list_divisors() -> list[CodeChange]:
    changes = []
    for correction, divisor in enumerate(DIVISORS):
        reference = DIVISORS[1 - correction]
        changes.append(
            CodeChange(
                f"by {reference}",
                f"divides the squares of a deviation by {divisor}",
                f"divide by {reference}",
                tuple(CallChange(name, {"correction": correction}) for name in SPREADS),
            )
        )
    return changes


def _list_cuts() -> list[CodeChange]:
    changes = []
    for end, kept in (("last", slice(None, -1)), ("first", slice(1, None))):
        cut = _make_cut(kept)
        functions = ("mean", *SPREADS)
        changes.append(
            CodeChange(
                "does not",
                f"leaves the {end} frame out of the pooled statistics",
                "pool over all frames",
                tuple(CallChange(name, computed={"input": cut}) for name in functions),
            )
        )
    return changes


def _make_cut(kept: slice) -> Any:
    def cut_pooled_axis(x: Array, arguments: Mapping[str, Any]) -> Array:
        axis = arguments.get("dim")
        if not isinstance(axis, int):
            return x
        chosen = [slice(None)] * x.ndim
        chosen[axis] = kept
        return x[tuple(chosen)]

    return cut_pooled_axis
