"""A layer computes something else, and no known mistake reproduces it.

**What it finds.** Layers whose own error, on the reference's inputs, is above the noise floor, and that none of the known
mistakes explains.

**What you hear.** Whatever the layer's error makes.

**Why it happens.** A mistake that is not in the list yet, two mistakes in one place, or weights that are not the same.

**Blind spots.** It says where, not why.

**How it is measured.** Correlation, gain, offset, lag, the axis along which the error is least even, and saturation are given
as evidence.

**Fix.** None is offered. Compare the weights of both sides first (`auscult diff`), then look at the code of this layer.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.explain.relation import describe_difference
from auscult.finding import Finding, Severity
from auscult.rules.explained import name_layer
from auscult.rules.parity.subject import CompareSubject

CODE = "PAR099"
NAME = "unexplained"
REQUIRES = CompareSubject
MAX_DESCRIBED = 8


def check(subject: CompareSubject) -> Iterable[Finding]:
    layers = [layer for layer in subject.layers if layer.born and not layer.explanations]
    if not layers:
        return
    first_layer = next((layer for layer in layers if layer.looked_into), layers[0])
    description_by_layer = {
        name_layer(layer): describe_difference(layer.case.reference, layer.case.candidate)
        for layer in layers[:MAX_DESCRIBED]
        if layer.case is not None
    }
    if first_layer.looked_into:
        outcome_text = "no known mistake explains it"
    else:
        outcome_text = "its cause was not looked for before the others are mended"
    if first_layer.case is not None and first_layer.case.role != "output":
        role_text = "what reaches "
    else:
        role_text = ""
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        tuple(dict.fromkeys(name_layer(layer) for layer in layers)),
        f"{role_text}{name_layer(first_layer)} is {first_layer.error:.2g} off (floor {first_layer.floor:.2g}), and {outcome_text}",
        confidence=0.9,
        evidence={
            "error": first_layer.error,
            "floor": first_layer.floor,
            "layers": description_by_layer,
        },
        settled_by="auscult diff of the two sides' weights",
        rank=45,
    )
