"""All names differ by a prefix.

**What it finds.** One change of prefix that most names share: `generator.`, `module.`
(DistributedDataParallel), `_orig_mod.` (torch.compile), `model.model.`, or one prefix for another.

**What you hear.** With `strict=False`, in MLX or in Swift, nothing is loaded and nothing raises,
and the model makes noise from random weights. Silent non-loading was the most common cause of all
in the ports that this rule was written after.

**Why it happens.** The model was saved from inside a wrapper, or is loaded into a part of a larger
one.

**Blind spots.** A prefix that only a minority of names has is reported as `renamed`.

**How it is measured.** The longest common dotted suffix of each pair; the remainder that at least
half of the pairs share, without an index in it. The threshold (0.5) only chooses between two names
for the same repair.

**Example.** The model was saved from inside `DistributedDataParallel`, and no name of the file
fits:

    the file has   module.conv_pre.weight, module.conv_pre.bias, ...
    the model has  conv_pre.weight, conv_pre.bias, ...

**Fix.** Rename, as a recipe; every bit is kept. Safety: safe.

**References.** torch.nn.modules.utils.consume_prefix_in_state_dict_if_present.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.align.loading import simulate_load
from auscult.finding import Finding, Fix, Severity
from auscult.rules.diff.evidence.repair import build_repair_entries, describe_direction
from auscult.rules.diff.subject import DiffSubject

CODE = "CKP002"
NAME = "prefix"
REQUIRES = DiffSubject


def check(subject: DiffSubject) -> Iterable[Finding]:
    names = subject.names
    if names.prefix is None or not names.prefixed:
        return
    source_prefix, target_prefix = names.prefix
    by_role = {subject.source_role: source_prefix, subject.target_role: target_prefix}
    source_names = [name for match in names.prefixed for name in subject.source_names(match)]
    load_outcome = simulate_load(subject.source, subject.target)
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR if subject.compares_shapes else Severity.WARNING,
        tuple(name for match in names.prefixed for name in match.b),
        f"{len(source_names)} of the {subject.noun(subject.source_role)}'s {len(subject.source)} names have"
        f" {_describe_change(source_prefix, target_prefix)}: load_state_dict(strict=False) would copy"
        f" {len(load_outcome.copied)} of {len(subject.target)} tensors and not complain",
        evidence={
            "prefix_a": by_role["reference"],
            "prefix_b": by_role["candidate"],
            "loaded_as_is": len(load_outcome.copied),
        },
        fix=Fix(
            "safe",
            f'rename "{source_prefix}*" to "{target_prefix}*", {describe_direction(subject)}',
            recipe=build_repair_entries(subject, names.prefixed),
            code=_write_renaming(source_prefix, target_prefix),
        ),
        rank=30,
    )


def _describe_change(source_prefix: str, target_prefix: str) -> str:
    if not target_prefix:
        return f'"{source_prefix}" in front'
    if not source_prefix:
        return f'no "{target_prefix}" in front'
    return f'"{source_prefix}" where "{target_prefix}" is expected'


def _write_renaming(source_prefix: str, target_prefix: str) -> str:
    """Python that renames the keys of a state dict."""
    if not source_prefix:
        return f'{{"{target_prefix}" + k: v for k, v in state.items()}}'
    new_name = f'k.replace("{source_prefix}", "{target_prefix}", 1)'
    return f'{{{new_name} if k.startswith("{source_prefix}") else k: v for k, v in state.items()}}'
