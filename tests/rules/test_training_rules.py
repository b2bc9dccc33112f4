"""Rules of training on records made for them; and figures of real signals, which never contradict each other."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult import rules
from auscult.finding import Finding, Severity
from auscult.preflight_checks.checks.metrics import compute_snr, find_contradiction
from auscult.preflight_checks.records import (
    AmplitudeOwners,
    BitRateLimit,
    BookHistory,
    Claim,
    GainResponse,
    LearningCurve,
    NonFiniteValues,
    ParameterStatus,
    PartGain,
    SignalLengths,
    TargetAlignment,
    TermMeasure,
    TrainingMeasurements,
)
from auscult.rules.training.subject import PreflightSubject

LOST = BookHistory(
    "book", 64, 200, (30, 1, 1), (20.0, 1.0, 1.0), (0.0, 0.9, 0.9), (1.0, 3e4, 3e4), (1.0, 1.0, 1.0)
)
FINE = BookHistory(
    "book",
    64,
    200,
    (30, 20, 25),
    (20.0, 15.0, 16.0),
    (0.0, 0.0, 0.1),
    (1.0, 1.0, 1.0),
    (1.0, 1.0, 1.0),
    2,
    0,
    2,
)
GOOD = {
    "target": 0.0,
    "shifted": 0.4,
    "half": 0.7,
    "mirrored": 3.0,
    "noise": 2.0,
    "silence": 8.0,
    "other": 2.0,
}


def findings(measured: TrainingMeasurements) -> dict[str, Finding]:
    found, _ = rules.run_rules(PreflightSubject(measured), "training")
    return {finding.cause: finding for finding in found}


def test_nothing_measured_gives_nothing() -> None:
    assert findings(TrainingMeasurements("x")) == {}


@pytest.mark.parametrize(
    ("cause", "wrong", "right"),
    [
        ("codebook-collapse", {"books": (LOST, LOST)}, {"books": (FINE, FINE, FINE)}),
        (
            "codebook-double-update",
            {"books": (replace(FINE, moved_by_optimizer=2),)},
            {"books": (FINE,)},
        ),
        (
            "gradient-scale",
            {"gains": (PartGain("q", 8.0, 1.0, "straight-through", 8),)},
            {"gains": (PartGain("q", 1.2, 1.0, "derivative"),)},
        ),
        (
            "straight-through-missing",
            {"gains": (PartGain("q", 0.0, 0.0, "straight-through"),)},
            {"gains": (PartGain("q", 0.3, 0.1, "straight-through"),)},
        ),
        (
            "length-mismatch",
            {"lengths": SignalLengths(16000, 16000, 15768, 232, 80)},
            {"lengths": SignalLengths(16000, 16000, 16040, 0, 80)},
        ),
        (
            "misaligned-target",
            {"alignment": TargetAlignment(False, 0, 0.0, 0.02, 0.01)},
            {"alignment": TargetAlignment(False, 0, 0.0, 0.6, 0.02)},
        ),
        (
            "misaligned-target",
            {"alignment": TargetAlignment(False, 40, 0.98)},
            {"alignment": TargetAlignment(False, 0, 0.98)},
        ),
        (
            "dead-parameters",
            {"parameters": ParameterStatus(9, 9, no_gradient=("a.weight",))},
            {"parameters": ParameterStatus(9, 9)},
        ),
        (
            "frozen-by-accident",
            {"parameters": ParameterStatus(9, 9, not_optimized=("a.weight",))},
            {"parameters": ParameterStatus(9, 9)},
        ),
        (
            "norm-kills-gain",
            {"gain_response": GainResponse(0.001, 0.001, 1.0, 6.0)},
            {"gain_response": GainResponse(0.3, 0.4, 1.0, 6.0)},
        ),
        (
            "amplitude-conflict",
            {"owners": AmplitudeOwners({"scale": 3.0}, "tanh")},
            {"owners": AmplitudeOwners({}, "tanh")},
        ),
        (
            "loss-blind",
            {
                "terms": (
                    TermMeasure(
                        "mel",
                        1.0,
                        reactions={**GOOD, "mirrored": 0.1},
                        at_output=True,
                        at_parameters=True,
                    ),
                )
            },
            {
                "terms": (
                    TermMeasure("mel", 1.0, reactions=GOOD, at_output=True, at_parameters=True),
                )
            },
        ),
        (
            "loss-blind",
            {"terms": (TermMeasure("mel", 1.0, reactions=GOOD),)},
            {"terms": (TermMeasure("commitment", 1.0, at_parameters=True),)},
        ),
        (
            "loss-imbalance",
            {
                "terms": (
                    TermMeasure("a", 1.0, 0.999999, 0.999999),
                    TermMeasure("b", 1.0, 1e-6, 1e-6),
                )
            },
            {"terms": (TermMeasure("a", 1.0, 0.999999, 0.9), TermMeasure("b", 1.0, 1e-6, 0.1))},
        ),
        (
            "cannot-overfit",
            {"learning": LearningCurve((1.0,) * 8, 1e-3, {1e-3: 0.0, 1e-2: 0.01}, 5)},
            {"learning": LearningCurve((1.0, 0.9, 0.8, 0.7, 0.6, 0.5), 1e-3, {1e-3: 0.2}, 5)},
        ),
        (
            "cannot-overfit",
            {
                "learning": LearningCurve(
                    (1.0, 0.9, 0.8, 0.7, 0.6, 0.5), 1e-3, {1e-3: 0.2}, 5, downhill=-1.0
                )
            },
            {
                "learning": LearningCurve(
                    (1.0, 0.9, 0.8, 0.7, 0.6, 0.5), 1e-3, {1e-3: 0.2}, 5, downhill=1.0
                )
            },
        ),
        (
            "learning-rate",
            {"learning": LearningCurve((1.0,) * 3, 1e-5, {1e-5: 0.002, 1e-3: 0.4}, 5)},
            {"learning": LearningCurve((1.0,) * 3, 1e-4, {1e-4: 0.1, 1e-3: 0.4}, 5)},
        ),
        (
            "learning-rate",
            {"learning": LearningCurve((1.0,) * 3, 1e-1, {1e-3: 0.3, 1e-1: math.nan}, 5)},
            {"learning": LearningCurve((1.0,) * 3, 1e-3, {1e-3: 0.3, 1e-1: math.nan}, 5)},
        ),
        (
            "precision-overflow",
            {"precision": NonFiniteValues({"bfloat16": ("output",)})},
            {"precision": NonFiniteValues()},
        ),
        (
            "bitrate-bound",
            {
                "limit": BitRateLimit(16000, 25.0, "given", 16000),
                "claims": (Claim("claims", 35.0),),
            },
            {
                "limit": BitRateLimit(16000, 25.0, "given", 16000),
                "claims": (Claim("claims", 25.2),),
            },
        ),
        (
            "metrics-inconsistent",
            {"claims": (Claim("epoch 1", -15.0, 1.4),)},
            {"claims": (Claim("epoch 1", -7.0, 1.4),)},
        ),
    ],
)
def test_each_cause_is_found_where_it_is_and_not_elsewhere(
    cause: str, wrong: dict[str, object], right: dict[str, object]
) -> None:
    assert cause in findings(replace(TrainingMeasurements("x"), **wrong))  # type: ignore[arg-type]
    assert cause not in findings(replace(TrainingMeasurements("x"), **right))  # type: ignore[arg-type]


def test_amplitude_is_a_symptom_where_the_codebooks_collapsed() -> None:
    owners = AmplitudeOwners({"scale": 3.0}, "tanh")
    alone = findings(TrainingMeasurements("x", owners=owners))["amplitude-conflict"]
    with_cause = findings(TrainingMeasurements("x", owners=owners, books=(LOST,)))
    assert alone.severity is Severity.WARNING
    assert with_cause["amplitude-conflict"].severity is Severity.INFO
    assert "A symptom, not the cause" in with_cause["amplitude-conflict"].message
    assert min(with_cause.values(), key=lambda finding: finding.order).cause == "codebook-collapse"


def test_one_silent_book_beside_living_ones_is_a_warning() -> None:
    silent = replace(FINE, used=(2, 1, 1, 1), perplexity=(1.2, 1.0, 1.0, 1.0))
    (found,) = findings(TrainingMeasurements("x", books=(FINE, silent, FINE))).values()
    assert (found.cause, found.severity) == ("codebook-collapse", Severity.WARNING)
    assert found.where == (silent.name,)


def test_terms_that_the_encoder_does_not_hear() -> None:
    mel = TermMeasure("mel", 4.0, share=1.0, at_output=True, at_parameters=True, at_encoder=0.0)
    commit = TermMeasure("commit", 0.1, at_parameters=True, at_encoder=0.7)
    gradients = {"encoder": 0.7, "decoder": 9.0}
    found = findings(TrainingMeasurements("x", terms=(mel, commit), gradients=gradients))
    assert "mel is exactly 0 at the encoder" in found["straight-through-missing"].message
    heard = replace(mel, at_encoder=3.0)
    found = findings(TrainingMeasurements("x", terms=(heard, commit), gradients=gradients))
    assert "straight-through-missing" not in found


def test_a_factor_that_is_the_number_of_books_says_so() -> None:
    found = findings(
        TrainingMeasurements("x", gains=(PartGain("quantizer", 8.0, 1.0, "straight-through", 8),))
    )["gradient-scale"]
    assert "×8: each of the 8 books" in found.message
    assert found.fix is not None


def test_a_difference_within_a_frame_is_no_error() -> None:
    found = findings(TrainingMeasurements("x", lengths=SignalLengths(6400, 6392, 6392, 0, 40)))[
        "length-mismatch"
    ]
    assert found.severity is Severity.INFO


def test_samples_that_the_model_puts_before_its_encoder_may_be_cut_off_again() -> None:
    padded = SignalLengths(8000, 8000, 8320, 0, 80, encoded=8320)
    assert "length-mismatch" not in findings(TrainingMeasurements("x", lengths=padded))
    found = findings(
        TrainingMeasurements("x", lengths=SignalLengths(8000, 8000, 8320, 0, 80, encoded=8000))
    )["length-mismatch"]
    assert found.severity is Severity.ERROR


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    gain=st.floats(0.01, 3.0),
    noise=st.floats(0.0, 2.0),
    offset=st.floats(-0.5, 0.5),
    sign=st.sampled_from((-1.0, 1.0)),
    about_the_means=st.booleans(),
)
def test_figures_of_real_signals_never_contradict(
    seed: int, gain: float, noise: float, offset: float, sign: float, *, about_the_means: bool
) -> None:
    rng = np.random.default_rng(seed)
    target = rng.standard_normal(4000)
    target -= target.mean()
    output = sign * gain * target + noise * rng.standard_normal(4000) + offset
    snr = 10 * math.log10(np.square(target).sum() / max(np.square(target - output).sum(), 1e-12))
    ratio = math.sqrt(np.square(output).sum() / np.square(target).sum())
    centred = output - output.mean() if about_the_means else output
    rho = float(
        target @ centred / math.sqrt(np.square(target).sum() * max(np.square(centred).sum(), 1e-12))
    )
    if not about_the_means:
        assert compute_snr(ratio, rho) == pytest.approx(snr, abs=1e-3) or snr > 100
    assert (
        find_contradiction(Claim("x", round(snr, 2), round(ratio, 3), round(rho, 3))) is None
        or snr > 40
    )


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_averages_over_items_do_not_contradict(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ratios, rhos = rng.uniform(0.3, 0.9, 8), rng.uniform(0.2, 0.9, 8)
    snrs = [compute_snr(ratio, rho) for ratio, rho in zip(ratios, rhos, strict=True)]
    assert (
        find_contradiction(
            Claim("x", float(np.mean(snrs)), float(np.mean(ratios)), float(np.mean(rhos)))
        )
        is None
    )


def test_the_seeds_table() -> None:
    found = find_contradiction(Claim("x", -15.0, 1.4))
    assert found is not None
    assert found.lowest_db == pytest.approx(-7.604, abs=1e-3)
    assert find_contradiction(Claim("x", 0.5, None, 1.2)) is not None
    assert find_contradiction(Claim("x", 12.0, None, 0.6)) is not None
    assert find_contradiction(Claim("x", 5.0)) is None
