"""The start token is missing, or is put in twice.

**What it finds.** A sequence of ids or embeddings that is the other side's but for one or two
tokens at its start.

**What you hear.** The first sound is cut or garbled. Often the whole utterance is, since every
position is off by one.

**Why it happens.** Tokenizers add a start token, and so do generation loops. If a port replaces one
of them, either both add it or neither does. Some models even want it twice.

**Blind spots.** A start token with another id is not this mistake. It is looked for only where ids or an embedding are in sight:
frames that a convolution or a trim gives more on one side are none.

**How it is measured.** The two tensors differ in length along one axis, by one or two. Without the
first tokens of the longer one, both agree within a relative error of 1e-6.

**Example.**

```python
# torch, wrong
ids = torch.tensor(tokenizer.encode(text))
# torch, right
ids = torch.tensor([start_id, *tokenizer.encode(text)])
# MLX, wrong
ids = mx.array(tokenizer.encode(text))
# MLX, right
ids = mx.array([start_id, *tokenizer.encode(text)])
```

**Fix.** Put the start token in front, or drop the extra one. Safety: lossy (equal within the number
format).

**References.** resemble-ai/chatterbox, where the start token is embedded twice on purpose.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from auscult.explain.algebra.nearness import relative_error, to_float64
from auscult.explain.case import Explanation, LayerCase

CODE = "PAR004"
NAME = "bos-missing"
RANK = 12
MAX_EXTRA_TOKENS = 2
"""Start tokens that one side may have more than the other.

Chosen, not measured."""
_TOKEN_PATTERN = re.compile(r"emb|tok|wte|ids?$|prompt|speech_head", re.IGNORECASE)
"""In the name or class of what holds ids, or vectors that were looked up for them."""
MAX_REST_ERROR = 1e-6
"""Relative error of the rest of the sequence.

Chosen, not measured."""


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:  # noqa: ARG001 - one signature for all
    """The same sequence but for what stands at its start."""
    reference, candidate = to_float64(case.reference), to_float64(case.candidate)
    axis = _find_sequence_axis(reference.shape, candidate.shape)
    if axis is None or reference.ndim > 3 or not _has_tokens(case):
        return
    length = reference.shape[axis]
    extra = abs(length - candidate.shape[axis])
    is_shorter = length > candidate.shape[axis]
    longer, shorter = (reference, candidate) if is_shorter else (candidate, reference)
    rest = np.take(longer, np.arange(extra, longer.shape[axis]), axis)
    if extra > MAX_EXTRA_TOKENS or relative_error(rest, shorter) > MAX_REST_ERROR:
        return
    if is_shorter:
        message = f"its sequence lacks the first {extra} of the reference's {length} tokens"
        parameters = {"axis": axis, "tokens": -extra}
        fix = "put the start token in front"
    else:
        first, second = np.take(longer, 0, axis), np.take(longer, 1, axis)
        if relative_error(first, second) < MAX_REST_ERROR:
            detail = "twice"
        else:
            detail = "which the reference does not have"
        message = f"it puts {extra} start token in front, {detail}"
        parameters = {"axis": axis, "tokens": extra}
        fix = "drop the extra start token"
    yield Explanation(NAME, parameters, 0.0, message, fix=fix)


def _has_tokens(case: LayerCase) -> bool:
    """Whether ids or an embedding are in sight: the tensor itself, what it is made of, or who makes it."""
    arrays = (case.reference, *case.inputs.values(), *case.context.values())
    if any(array.dtype.kind in "iu" for array in arrays):
        return True
    names = [case.path, case.parent, case.role, case.module.type, *case.context]
    names += [name for path, module in case.attributes.items() for name in (path, module.type)]
    return any(_TOKEN_PATTERN.search(name) for name in names)


def _find_sequence_axis(reference: tuple[int, ...], candidate: tuple[int, ...]) -> int | None:
    """The one axis whose lengths differ; not the batch, and not one of a single element."""
    if len(reference) != len(candidate):
        return None
    unequal = [axis for axis, (a, b) in enumerate(zip(reference, candidate, strict=True)) if a != b]
    if len(unequal) != 1 or unequal[0] == 0:
        return None
    axis = unequal[0]
    if min(reference[axis], candidate[axis]) > 1:
        return axis
    return None
