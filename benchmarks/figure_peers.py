"""The figures that librosa and torchmetrics compute too: their value and speed beside ours, on the same 30 s of speech."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from auscult.sound.figures.mcd import MEL_BANDS, mel_cepstral_distortion_db
from auscult.sound.figures.mel_distance import compute_mel_pair
from auscult.sound.figures.si_sdr import si_sdr_db
from auscult.sound.figures.snr import snr_db
from auscult.sound.measures import log_mel_distance, standard_mel
from auscult.sound.mel import mel_units_per_decibel
from auscult.sound.mel_definition import Samples
from auscult.sound.pitch import MAX_HERTZ, MIN_HERTZ, estimate_pitch_hertz
from benchmarks.section import format_table
from corpus.sound.material import make_speech

SECONDS = 30.0
RATE = 24000
Rival = tuple[str, str, Callable[[], float], Callable[[], float]]
"""The figure, whose it is, ours, theirs."""


def compare_side_by_side() -> str:
    """A table of the peers that are installed."""
    clean = make_speech(3, RATE, seconds=SECONDS).recording.mono
    noisy = (
        clean + np.float32(0.003) * np.random.default_rng(0).standard_normal(len(clean))
    ).astype(np.float32)
    rows = []
    for figure, peer, ours, theirs in [
        *_iter_torchmetrics_rivals(noisy, clean),
        *_iter_librosa_rivals(noisy, clean),
    ]:
        pairs = [(_measure_seconds(ours), _measure_seconds(theirs)) for _ in range(5)]
        mine, other = (min(column) for column in zip(*pairs, strict=True))
        rows.append(
            (
                figure,
                peer,
                f"{ours():.4f}",
                f"{theirs():.4f}",
                f"{SECONDS / mine:.0f}x",
                f"{SECONDS / other:.0f}x",
            )
        )
    if not rows:
        return "Neither librosa nor torchmetrics was installed to compare with."
    head = ("figure", "peer", "auscult", "its value", "auscult, real time", "its speed")
    return (
        f"The figures that others compute too, on the same {SECONDS:.0f} s (processor time, best of 5 in turn; the same lags "
        f"assumed known). VERSA, which wraps such packages, was not installed.\n\n{format_table(head, rows)}"
    )


def _measure_seconds(work: Callable[[], Any]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def _iter_torchmetrics_rivals(noisy: Samples, clean: Samples) -> Iterator[Rival]:
    try:
        import torch
        from torchmetrics.functional.audio import scale_invariant_signal_distortion_ratio as si_sdr
        from torchmetrics.functional.audio import signal_noise_ratio as snr
    except ImportError:
        return
    torch.set_num_threads(1)
    x, y = torch.from_numpy(noisy), torch.from_numpy(clean)
    yield "SNR, dB", "torchmetrics", lambda: snr_db(noisy, clean), lambda: float(snr(x, y))
    yield (
        "SI-SDR, dB",
        "torchmetrics",
        lambda: si_sdr_db(noisy, clean),
        lambda: float(si_sdr(x, y, zero_mean=True)),
    )


def _iter_librosa_rivals(noisy: Samples, clean: Samples) -> Iterator[Rival]:
    try:
        import librosa
    except ImportError:
        return
    definition = standard_mel(RATE)

    def compute_decibels(samples: Samples, bands: int) -> Any:
        side = (definition.n_fft - definition.hop) // 2
        padded = np.pad(samples, side, mode="reflect")
        mel = librosa.feature.melspectrogram(
            y=padded,
            sr=RATE,
            n_fft=definition.n_fft,
            hop_length=definition.hop,
            n_mels=bands,
            fmin=definition.fmin,
            center=False,
            power=1.0,
        )
        return librosa.amplitude_to_db(mel, amin=1e-9)

    def compute_both(bands: int) -> tuple[Any, Any]:
        mine, theirs = compute_decibels(noisy, bands), compute_decibels(clean, bands)
        floor = theirs.max() - 80.0
        return np.maximum(mine, floor), np.maximum(theirs, floor)

    def compute_mel_distance() -> float:
        mine, theirs = compute_both(definition.n_mels)
        return float(np.abs(mine - theirs).mean())

    def compute_mcd() -> float:
        mine, theirs = (
            librosa.feature.mfcc(S=side * np.log(10) / 20, n_mfcc=14)[1:]
            for side in compute_both(MEL_BANDS)
        )
        return float(
            (
                10
                / np.log(10)
                * np.sqrt(2 * np.square((mine - theirs) * np.sqrt(2 / MEL_BANDS)).sum(axis=0))
            ).mean()
        )

    def compute_pitch() -> float:
        return float(
            np.median(
                librosa.yin(
                    clean,
                    fmin=MIN_HERTZ,
                    fmax=MAX_HERTZ,
                    sr=RATE,
                    frame_length=1024,
                    hop_length=240,
                )
            )
        )

    yield (
        "mel distance, dB",
        "librosa",
        lambda: (
            log_mel_distance(*compute_mel_pair(noisy, clean, definition))
            / mel_units_per_decibel(definition)
        ),
        compute_mel_distance,
    )
    yield (
        "MCD, dB",
        "librosa mfcc",
        lambda: mel_cepstral_distortion_db(noisy, clean, RATE),
        compute_mcd,
    )
    yield (
        "pitch, median Hz",
        "librosa yin",
        lambda: float(np.nanmedian(estimate_pitch_hertz(clean, RATE))),
        compute_pitch,
    )
