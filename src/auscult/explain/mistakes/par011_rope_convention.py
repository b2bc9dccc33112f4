"""Rotary positions are applied in another way.

**What it finds.** Rotary embeddings of neighbouring pairs against pairs of the two halves, another
base, none at all, or a rotation before instead of after the norms of q and k.

**What you hear.** Content that drifts after a few frames, or is garbled throughout.

**Why it happens.** Both pairings are in use: GPT-J pairs neighbours, GPT-NeoX the two halves.
Converters permute the rows of the weights for one of them. MLX calls the first `traditional`.

**Blind spots.** Scaled rotary embeddings (Llama 3, NTK) are described, not named.

**How it is measured.** Behind the attention, the output is computed from q, k and v without
rotation, with either pairing, and with the base 10,000 or 500,000. Before it, such as behind a norm
of q, the latest tensors are rotated in either way or not at all. One way gives the reference's
tensor and another the candidate's.

**Example.**

```python
# torch, wrong
rotated = torch.cat([-x[..., half:], x[..., :half]], -1)
# torch, right
rotated = torch.stack([-x[..., 1::2], x[..., 0::2]], -1).flatten(-2)
# MLX, wrong
q = mx.fast.rope(q, 64, traditional=False, base=10000.0, scale=1.0, offset=0)
# MLX, right
q = mx.fast.rope(q, 64, traditional=True, base=10000.0, scale=1.0, offset=0)
```

**Fix.** Rotate as the reference does. Safety: lossy (equal within the number format).

**References.** Su et al. 2021; EleutherAI, rotary embeddings.
"""

from __future__ import annotations

from collections.abc import Iterator

from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import attention

CODE = "PAR011"
NAME = "rope-convention"
RANK = 18
SEARCHES = (attention.SEARCH,)


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """Another rotation behind the attention, or before it."""
    for difference in attention.find_attention_differences(case, floor):
        if difference.first_field in {"rope", "base"}:
            candidate, reference = difference.candidate, difference.reference
            message = (
                f"it rotates q and k as {candidate.rope} (base {candidate.base:g}), the reference"
                f" as {reference.rope} ({reference.base:g})"
            )
            yield difference.to_explanation(NAME, message)
    for rotation in attention.find_rotation_differences(case, floor):
        reference_rope, candidate_rope = rotation.reference[0], rotation.candidate[0]
        if reference_rope == candidate_rope:
            continue
        if "none" in (reference_rope, candidate_rope):
            position = "before the norm"
        else:
            position = "here"
        message = (
            f"it rotates {rotation.tensor} as {candidate_rope} {position}, the reference as"
            f" {reference_rope}"
        )
        yield Explanation(
            NAME,
            {"reference": {"rope": reference_rope}, "candidate": {"rope": candidate_rope}},
            rotation.residual,
            message,
            fix=f"rotate as {reference_rope} here",
        )
