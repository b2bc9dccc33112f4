"""What each loss term hears, how much of the gradient is its own, and which way it pulls the
output's level.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from auscult.preflight_checks.checks.capture import ForwardPass, capture_forward
from auscult.preflight_checks.measures.gradients import compute_term_norms
from auscult.preflight_checks.measures.losses import perturb_target
from auscult.preflight_checks.records import TermMeasure
from auscult.preflight_checks.setup import Setup
from auscult.preflight_checks.structure import replace_tensor

GAIN_STEP = 0.01


def measure_terms(setup: Setup) -> tuple[TermMeasure, ...]:
    """Every loss term at the present state of the model; empty where the loss is not known."""
    if setup.loss is None:
        return ()
    with torch.enable_grad():
        captured = capture_forward(setup)
        terms = setup.terms(captured.output, setup.batch)
        at_output = compute_term_norms(terms, [captured.wave])
        parameters = [p for p in setup.model.parameters() if p.requires_grad]
        at_parameters = compute_term_norms(terms, parameters)
        encoder_parameters = _list_encoder_parameters(setup)
        at_encoder = compute_term_norms(terms, encoder_parameters) if encoder_parameters else {}
    reactions = measure_reactions(setup, captured)
    slopes = _measure_slopes(setup, captured)
    total = sum(at_output.values())
    return tuple(
        TermMeasure(
            name=name,
            value=float(torch.as_tensor(value).detach()),
            share=at_output[name] / total if total > 0 and at_output[name] > 0 else None,
            at_output=at_output[name] > 0,
            at_parameters=at_parameters[name] > 0,
            reactions=reactions.get(name, {}),
            gain_slope=slopes.get(name, 0.0),
            at_encoder=at_encoder.get(name),
        )
        for name, value in terms.items()
    )


def _list_encoder_parameters(setup: Setup) -> list[Tensor]:
    encoder = setup.parts.get("encoder")
    if encoder is None:
        return []
    return [parameter for parameter in encoder.parameters() if parameter.requires_grad]


def measure_shares(setup: Setup) -> dict[str, float]:
    """Each term's share of the gradient at the output, now."""
    if setup.loss is None:
        return {}
    with torch.enable_grad():
        captured = capture_forward(setup)
        norms = compute_term_norms(setup.terms(captured.output, setup.batch), [captured.wave])
    total = sum(norms.values())
    if total > 0:
        return {name: norm / total for name, norm in norms.items() if norm > 0}
    return {}


def measure_reactions(setup: Setup, captured: ForwardPass) -> dict[str, dict[str, float]]:
    """Term to its value for each known output (`losses.PERTURBATIONS`)."""
    if setup.target is None:
        return {}
    reactions: dict[str, dict[str, float]] = {}
    for kind, wave in perturb_target(setup.target.detach(), setup.sample_rate).items():
        for name, value in _evaluate_terms(setup, captured, wave).items():
            reactions.setdefault(name, {})[kind] = value
    return reactions


def _evaluate_terms(setup: Setup, captured: ForwardPass, wave: Tensor) -> Mapping[str, float]:
    """The terms with another waveform in the place of the output's."""
    if wave.ndim != captured.wave.ndim:
        shaped = wave.reshape(*captured.wave.shape[:-1], -1)
    else:
        shaped = wave
    output: Any = replace_tensor(captured.output, captured.wave, shaped.to(captured.wave.dtype))
    torch.manual_seed(0)
    with torch.no_grad():
        return {name: float(value) for name, value in setup.terms(output, setup.batch).items()}


def _measure_slopes(setup: Setup, captured: ForwardPass) -> dict[str, float]:
    wave = captured.wave.detach()
    louder = _evaluate_terms(setup, captured, wave * (1 + GAIN_STEP))
    quieter = _evaluate_terms(setup, captured, wave / (1 + GAIN_STEP))
    width = 2 * float(torch.log1p(torch.tensor(GAIN_STEP, dtype=torch.float64)))
    return {name: (value - quieter[name]) / width for name, value in louder.items()}
