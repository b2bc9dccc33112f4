"""The amplitude study: does the end of the decoder decide whether a codec works, or the quantiser?

Every design has the same data, start, losses, steps and learning rate; only the end of the decoder and the quantiser differ. The
losses are those of the published codec that the study is about: L1 of the waveform, multi-resolution STFT, commitment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import log10
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from auscult.facts.progress import Progress
from auscult.preflight_checks.measures.amplitude import compute_best_rms_ratio, measure_amplitude
from auscult.preflight_checks.measures.bound import bound
from auscult.preflight_checks.measures.codebooks import find_codebooks, measure_usage
from auscult.preflight_checks.measures.straight_through import measure_quantizer_gain
from auscult.training.codec.codebooks import Codebooks
from auscult.training.codec.designs import DESIGNS, STUDY_CODEC, Design, StudyCodec
from auscult.training.codec.losses import RESOLUTIONS
from auscult.training.codec.segments import Segments
from auscult.training.codec.speech import TELUGU, read_speech
from auscult.training.losses import StftLoss
from auscult.training.recordings import Speech

STEPS = 400
BATCH, SEGMENT = 12, 8000  # segments, samples
LEARNING_RATE = 1e-3
MINUTES = 20.0  # of speech
PROMISED_DB = 15.0  # dB, once the amplitude is free
MIN_GAP_DB = 3.0  # dB between two designs that one would call apart


def run_study(
    *, seeds: int = 1, steps: int = STEPS, progress: Progress | None = None
) -> dict[str, Any]:
    """Train every design `seeds` times: `rows` with the mean figures, and `bound_db`."""
    speech = read_speech(
        TELUGU, STUDY_CODEC.sample_rate, STUDY_CODEC.level, minutes=MINUTES, seed=7
    )
    rows = []
    for number, design in enumerate(DESIGNS):
        runs = []
        for seed in range(seeds):

            def step(
                done: int, place: int = number * seeds + seed, name: str = design.name
            ) -> None:
                if progress is not None:
                    progress(place * steps + done, len(DESIGNS) * seeds * steps, name)

            runs.append(run_design(design, speech, steps, seed, step))
        rows.append({"end": design.end, "quantizer": design.quantizer, **_average_runs(runs)})
    limit = bound(
        [samples for _, samples in speech.held_out], speech.sample_rate, STUDY_CODEC.bits_per_second
    )
    facts = {
        "steps": steps,
        "seeds": seeds,
        "seconds": speech.seconds,
        "kbit_per_second": STUDY_CODEC.bits_per_second / 1000,
    }
    return {"rows": rows, "bound_db": limit, **facts}


def run_design(
    design: Design, speech: Speech, steps: int, seed: int, step_done: Callable[[int], None]
) -> dict[str, Any]:
    """Train one design once; its figures on the held-out sentences."""
    torch.manual_seed(seed)
    codec = StudyCodec(design)
    segments, stft = Segments(speech, SEGMENT, seed), StftLoss(RESOLUTIONS)
    books = None
    if design.quantizer == "healthy":
        books = Codebooks(codec.codec.quantizer, decay=0.98, seed=seed)
        with torch.no_grad():
            books.start(codec.codec.encoder(segments.draw(2**31, 96)))
    optimizer = torch.optim.Adam(codec.parameters(), LEARNING_RATE, betas=(0.8, 0.99))
    early: list[int] = []
    for step in range(steps):
        target = segments.draw(step, BATCH)
        output, quantized = codec(target)
        commitment = quantized.distance.mean() / quantized.power.clamp_min(1e-8)
        loss = (
            functional.l1_loss(output, target) * 10
            + stft(output[:, 0], target[:, 0])
            + 0.25 * commitment
        )
        loss = loss + codec.level_loss(output, target)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(codec.parameters(), 1.0)
        optimizer.step()
        if books is not None:
            books.update(quantized)
        if step == 1:
            early = [
                measure_usage(chosen, STUDY_CODEC.book_size).used
                for chosen in quantized.codes.unbind(1)
            ]
        step_done(step + 1)
    return {**_measure_codec(codec, speech, segments), "codes_at_step_2": early}


def _measure_codec(codec: StudyCodec, speech: Speech, segments: Segments) -> dict[str, Any]:
    gain = measure_quantizer_gain(
        codec.codec.quantizer,
        codec.codec.encoder(segments.draw(0, 4)),
        find_codebooks(codec.codec.quantizer),
    )
    codec.eval()
    rows, codes = [], []
    with torch.no_grad():
        for _, samples in speech.held_out:
            target = torch.from_numpy(samples)[None, None]
            output, quantized = codec(target)
            rows.append(measure_amplitude(output, target))
            codes.append(quantized.codes[0])
    uses = [measure_usage(chosen, STUDY_CODEC.book_size) for chosen in torch.cat(codes, -1)]
    snr = float(np.mean([row.snr_db for row in rows]))
    return {
        "snr": snr,
        "rms_ratio": float(np.mean([row.rms_ratio for row in rows])),
        "ac_ratio": float(np.mean([row.ac_ratio for row in rows])),
        "correlation": float(np.mean([row.correlation for row in rows])),
        "dc": float(np.mean([row.mean for row in rows])),
        "best_ratio": compute_best_rms_ratio(snr),
        "gain": gain.factor if gain else float("nan"),
        "codes": [use.used for use in uses],
        "scale": float(codec.scale.detach()),
    }


def _average_runs(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Means of the runs' figures, and the spread of the SNR."""
    mean: dict[str, Any] = {}
    for name, first in runs[0].items():
        values = np.mean([run[name] for run in runs], axis=0)
        if isinstance(first, list):
            mean[name] = [round(float(value)) for value in values]
        else:
            mean[name] = float(values)
    return {**mean, "snr_spread": float(np.ptp([run["snr"] for run in runs]))}


TABLE_HEAD = (
    "end of the decoder",
    "quantiser",
    "SNR dB",
    "RMS ratio",
    "best at that SNR",
    "correlation",
    "DC",
    "gradient",
)


def render_page(table: Mapping[str, Any]) -> str:
    """The study as Markdown: the table, and which of the author's claims it bears out."""
    head = (*TABLE_HEAD, "codes used per book", "at step 2")
    runs = f"{table['seeds']} run{'s' * (table['seeds'] != 1)} of each design"
    lines = [
        "# Amplitude: the end of the decoder, or the quantiser?",
        "",
        f"Written by `auscult train --study amplitude --seeds {table['seeds']} --steps {table['steps']}`.",
        "[The guide](train-a-codec.md#an-example-of-a-failed-training) says what it is about.",
        "",
        f"{table['kbit_per_second']:.0f} kbit/s at 16 kHz, {table['steps']} steps on {table['seconds'] / 60:.0f} minutes of",
        f"espeak-ng Telugu, {runs}; figures on held-out sentences. At this bit rate no codec exceeds",
        f"**{table['bound_db']:.1f} dB** on them (reverse water-filling on their spectra).",
        "",
        f"| {' | '.join(head)} |",
        "|---" * len(head) + "|",
    ]
    for row in table["rows"]:
        spread = f" ± {row['snr_spread'] / 2:.2f}" if table["seeds"] > 1 else ""
        cells = (
            row["end"],
            row["quantizer"],
            f"{row['snr']:.2f}{spread}",
            f"{row['rms_ratio']:.3f}",
            f"{row['best_ratio']:.3f}",
            f"{row['correlation']:.3f}",
            f"{row['dc']:+.4f}",
            f"x {row['gain']:.2f}",
            " ".join(map(str, row["codes"])),
            " ".join(map(str, row["codes_at_step_2"])),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", *(f"- {claim}" for claim in list_claims(table)), ""])


def list_claims(table: Mapping[str, Any]) -> list[str]:
    """Each claim of the codec's author with what the figures say of it."""
    broken = [row for row in table["rows"] if row["quantizer"] == "broken"]
    healthy = {row["end"]: row["snr"] for row in table["rows"] if row["quantizer"] == "healthy"}
    free = next(row["snr"] for row in broken if row["end"] == "unbounded")
    best, worst = max(row["snr"] for row in broken), min(row["snr"] for row in broken)
    tanh, unbounded, mended = healthy["tanh"], healthy["unbounded"], min(healthy.values()) - best
    levelled = max(-10 * log10(1 - row["correlation"] ** 2) for row in broken)
    limit = table["bound_db"]
    return [
        f'"Without tanh and scale, +{PROMISED_DB:.0f} dB, guaranteed": {_describe_holding(free >= PROMISED_DB)}. The unbounded end on the broken '
        f"quantiser reaches {free:.2f} dB.",
        f'"The end of the decoder is the cause": {_describe_holding(best - worst > mended)}. On the broken quantiser the four ends reach '
        f"{worst:.2f} to {best:.2f} dB; mending the quantiser lifts the worse healthy design {mended:.2f} dB above the best.",
        f'"A bounded end cannot work": {_describe_holding(unbounded - tanh > MIN_GAP_DB)}. With a healthy quantiser tanh reaches {tanh:.2f} dB and '
        f"the unbounded end {unbounded:.2f} dB.",
        f'"The level is what is wrong": {_describe_holding(levelled >= PROMISED_DB)}. At the best level for their correlation the designs on '
        f"the broken quantiser would reach {levelled:.2f} dB at most; an output that knows nothing is best when it is silent.",
        f'"+35 to +42 dB at 16 kbit/s": {_describe_holding(limit >= 35)}. The bound is {limit:.1f} dB.',
    ]


def _describe_holding(claim: object) -> str:
    if claim:
        return "holds"
    return "does not hold"
