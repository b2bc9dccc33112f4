"""What the monitor looks at in a codec."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from auscult.preflight_checks.measures.amplitude import (
    compute_best_rms_ratio,
    measure_amplitude,
)
from auscult.preflight_checks.measures.codebooks import (
    find_codebooks,
    measure_unreachable,
    measure_usage,
)
from auscult.preflight_checks.measures.straight_through import measure_quantizer_gain
from auscult.training.monitor import (
    Diagnosis,
    Monitor,
    MonitorReading,
    Terms,
    check_dc,
    check_losses,
)

MIN_SHARE = 0.1  # of the codes that the batch could use, as perplexity
MAX_UNREACHABLE = 0.5  # share of a book's codes
MAX_GAIN = 1.5  # of the gradient through the quantiser, either way
MAX_RATIO = 1.6  # RMS of the output over that of the best answer at its SNR, either way


class CodecMonitor(Monitor):
    """Looks at codebooks, the quantiser's gradient, the level and the losses."""

    def look(self, codec: Any, target: Tensor, terms: Terms) -> MonitorReading:
        """Measure a codec on a batch [batch, 1, time]; `terms(output, target)` are the losses that
        have a weight.
        """
        reading = MonitorReading()
        with torch.no_grad():
            latent = codec.encoder(codec.padded(target))
            output, quantized = codec(target)
        for diagnosis in (
            *_check_codebooks(codec.quantizer, latent, quantized.codes, reading.figures),
            *_check_gradient(codec.quantizer, latent, reading.figures),
            *_check_amplitude(output, target, reading.figures),
            *check_losses(terms, target, self.sample_rate),
        ):
            reading.diagnoses.append(diagnosis)
        return reading


def _check_codebooks(
    quantizer: Any, latent: Tensor, codes: Tensor, figures: dict[str, Any]
) -> Iterator[Diagnosis]:
    books = find_codebooks(quantizer)
    uses = [measure_usage(codes[:, number], book.size) for number, book in enumerate(books)]
    figures["used"] = [use.used for use in uses]
    figures["share"] = [round(use.share, 3) for use in uses]
    worst = min(range(len(uses)), key=lambda number: uses[number].share)
    if uses[worst].vectors and uses[worst].share < MIN_SHARE:
        yield Diagnosis(
            "codebook-collapse",
            f"book {worst} uses {uses[worst].used} of {uses[worst].possible} codes, perplexity"
            f" {uses[worst].perplexity:.1f}",
            "start the codebooks by k-means with their counts, and move dead codes",
        )
    vectors = books[0].vectors()
    if vectors.shape[-1] == latent.shape[1]:
        unreachable_share = measure_unreachable(vectors, latent.transpose(1, 2))
        figures["unreachable"] = round(unreachable_share, 3)
        if unreachable_share > MAX_UNREACHABLE:
            yield Diagnosis(
                "codebook-collapse",
                f"{unreachable_share:.0%} of the first book's codes are further away than any"
                " latent can be nearest to",
                "an EMA that starts at zero counts throws unused codes away: start counts and sums"
                " together",
            )


def _check_gradient(quantizer: Any, latent: Tensor, figures: dict[str, Any]) -> Iterator[Diagnosis]:
    gain = measure_quantizer_gain(quantizer, latent, find_codebooks(quantizer))
    if gain is None:
        return
    figures["gain"] = round(gain.factor, 3)
    if not 1 / MAX_GAIN < gain.factor < MAX_GAIN:
        yield Diagnosis(
            "gradient-scale",
            f"the encoder receives {gain.factor:.2f} times its gradient through the quantiser",
            "one straight-through estimate around all books, not one in each",
        )


def _check_amplitude(
    output: Tensor, target: Tensor, figures: dict[str, Any]
) -> Iterator[Diagnosis]:
    measured = measure_amplitude(output, target)
    figures["amplitude"] = measured.to_json()
    level = max(measured.target_rms, measured.ac_rms)
    yield from check_dc(measured.mean, level)
    best = compute_best_rms_ratio(measured.snr_db)
    is_too_quiet = best > 0.3 and measured.ac_ratio < best / MAX_RATIO
    if is_too_quiet or measured.ac_ratio > MAX_RATIO * max(best, 1 / MAX_RATIO):
        yield Diagnosis(
            "amplitude-conflict",
            f"RMS ratio {measured.ac_ratio:.2f} at {measured.snr_db:.1f} dB, where {best:.2f} would"
            " be best",
            "look for a loss or a scale that sets the level against the waveform loss",
        )
