"""The checkpoint's weights are quantised in another way than the model's layers are.

**What it finds.** Packed MLX weights for which the model has plain layers, or layers of other bits or
another group size.

**What you hear.** Nothing, where the load raises over a shape. Noise, where codes are taken for weights,
or where scales are applied to groups of another size.

**Why it happens.** The model was built without `nn.quantize`, with one setting for all layers where the
file has several (8 bits for the audio tower, 4 for the language model), or its predicate left a part out.

**Blind spots.** Only MLX's packing is judged against code: other quantisers convert a plain model when
they load. A loader that dequantises first is right as it is.

**How it is measured.** Scheme, bits and group size, as both sides store them. No threshold.

**Example.** The file has 8 bits in the audio tower, and the code 4 everywhere:

    nn.quantize(model, bits=4, group_size=64)  # wrong
    nn.quantize(model, class_predicate=lambda path, layer: settings_of_the_file(path))  # right

**Fix.** Quantise the model as the file is, before loading. Safety: safe.

**References.** mlx.nn.quantize, `class_predicate`; jundot/omlx#3573.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.align.records import Match
from auscult.facts.words import format_count
from auscult.finding import Finding, Fix, Severity
from auscult.rules.diff.subject import DiffSubject

CODE = "ARC007"
NAME = "quantisation-differs"
REQUIRES = DiffSubject
DIVERGES = True
PLAIN = "plain weights"
"""What a layer without quantisation has, in words."""


def check(subject: DiffSubject) -> Iterable[Finding]:
    if not subject.compares_shapes or subject.target.format != "code:mlx":
        return
    labels = {
        match.b[-1]: pair
        for match in subject.alignment.matches
        if (pair := _compare_storage(subject, match)) is not None
    }
    if not labels:
        return
    kinds = sorted(set(labels.values()))
    text = "; ".join(f"{stored} in the file, {built} in the model" for stored, built in kinds[:3])
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        tuple(labels),
        f"{format_count(len(labels), 'weight')} of the {subject.noun(subject.source_role)} quantised in another way than the"
        f" model's layers: {text}",
        evidence={"kinds": [list(kind) for kind in kinds], "weights": len(labels)},
        fix=Fix("safe", "quantise the model as the file is (nn.quantize) before loading"),
        rank=11,
    )


def _compare_storage(subject: DiffSubject, match: Match) -> tuple[str, str] | None:
    """How the file and the model store a weight, where the file's is MLX's packing and the two differ."""
    stored = subject.source[subject.source_names(match)[-1]].weight_storage
    if stored is None or not stored.scheme.startswith("MLX"):
        return None
    built = subject.target[subject.target_names(match)[-1]].weight_storage
    label = built.label if built is not None else PLAIN
    if label == stored.label:
        return None
    return stored.label, label
