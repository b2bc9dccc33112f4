"""All names differ by a prefix.

**What it finds.** One change of prefix that most names share: `generator.`, `module.` (DistributedDataParallel),
`_orig_mod.` (torch.compile), `model.model.`, or one prefix for another.

**What you hear.** With `strict=False`, in MLX or in Swift, nothing is loaded and nothing raises: noise from random
weights. Silent non-loading was the most common cause of all in the ports that this rule was written after.

**Why it happens.** The model was saved from inside a wrapper, or is loaded into a part of a larger one.

**Blind spots.** A prefix that only a minority of names has is reported as `renamed`.

**How it is measured.** The longest common dotted suffix of each pair; the remainder that at least half of the pairs
share, without an index in it. The threshold (0.5) only chooses between two names for the same repair.

**Fix.** Rename, as a recipe; every bit is kept. Safety: safe.

**References.** torch.nn.modules.utils.consume_prefix_in_state_dict_if_present.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.align.loading import simulate_load
from auscult.finding import Finding, Fix, Severity
from auscult.rules.diff.subject import DiffSubject
from auscult.rules.wording import build_recipe_entries

CODE = "CKP002"
NAME = "prefix"
REQUIRES = DiffSubject


def check(subject: DiffSubject) -> Iterable[Finding]:
    names = subject.names
    if names.prefix is None or not names.prefixed:
        return
    prefix_a, prefix_b = names.prefix
    if not prefix_b:
        change_text = f'"{prefix_a}" in front'
    elif not prefix_a:
        change_text = f'no "{prefix_b}" in front'
    else:
        change_text = f'"{prefix_a}" where "{prefix_b}" is expected'
    where = tuple(name for match in names.prefixed for name in match.a)
    load_outcome = simulate_load(subject.a, subject.b)
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR if subject.b_is_template else Severity.WARNING,
        where,
        f"{len(where)} of {len(subject.a)} names have {change_text}: load_state_dict(strict=False) would copy"
        f" {len(load_outcome.copied)} of {len(subject.b)} tensors and not complain",
        evidence={
            "prefix_a": prefix_a,
            "prefix_b": prefix_b,
            "loaded_as_is": len(load_outcome.copied),
        },
        fix=Fix(
            "safe",
            f'rename "{prefix_a}*" to "{prefix_b}*"',
            recipe=build_recipe_entries(names.prefixed),
            code=f'{{k.replace("{prefix_a}", "{prefix_b}", 1) if k.startswith("{prefix_a}") else k: v for k, v in state.items()}}'
            if prefix_a
            else f'{{"{prefix_b}" + k: v for k, v in state.items()}}',
        ),
        rank=30,
    )
