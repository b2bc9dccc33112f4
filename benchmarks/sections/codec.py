"""The codec: steps per second and real-time factor beside transformers' models, and the trained one beside Opus and MP3."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.section import BenchContext, Goal, Section

SPEEDUP, SNR, RATIO, PERPLEXITY = 1.2, 15.0, (0.95, 1.0), 0.6
PAIRS = (("auscult as DAC", "transformers DAC"), ("auscult as EnCodec", "transformers EnCodec"))
KBITS, TURNS = 16.0, 3
RESULT = Path(__file__).parents[1] / "encodec_trained.json"
Samples = NDArray[np.float32]


def run(bench: BenchContext) -> Section:
    """Both comparisons; the trained codec only if it is in the package."""
    rows, goals = throughput(quick=bench.quick)
    text = (
        "Training steps: `transformers` models and ours of the same layers, sizes, batch (2 x 1 s at 16 kHz), loss and "
        "optimiser, one thread, best step in processor seconds of processes that take turns. EnCodec without its LSTM on both "
        "sides. The gain over DAC comes from dilated convolutions phase by phase (as undilated ones, which take half the time at "
        "16 and 32 channels), from Snake (one sine each way, nothing saved but what its neighbours save) and from 1x1 "
        "convolutions as matrix products; EnCodec has neither dilation nor Snake to gain from. Real-time factor: processor "
        "seconds per second of sound, encoder, quantiser and decoder."
    )
    if (files("auscult.data") / "codec.safetensors").is_file():
        quality, more, held_out = sound()
        rows += quality
        goals += more
        text += held_out
    header = (
        "codec",
        "steps/s",
        "memory MB",
        "real-time factor",
        "kbit/s",
        "SNR dB",
        "mel L1",
        "STOI",
        "RMS ratio",
    )
    return Section("The codec", text, header, rows, goals)


def throughput(*, quick: bool) -> tuple[list[tuple[str, ...]], list[Goal]]:
    """Each model in processes of its own, in turns; the best of each, and the ratio of each pair."""
    turns = [
        {name: _measure(name, quick=quick) for pair in PAIRS for name in pair}
        for _ in range(1 if quick else TURNS)
    ]
    measured = {
        name: max((turn[name] for turn in turns), key=lambda one: one["steps"]) for name in turns[0]
    }
    rows: list[tuple[str, ...]] = [
        (
            name,
            f"{one['steps']:.2f}",
            f"{one['memory']:.0f}",
            f"{one['real_time']:.3f}",
            "",
            "",
            "",
            "",
            "",
        )
        for name, one in measured.items()
    ]
    goals = []
    for own, other in PAIRS:
        ratio = measured[own]["steps"] / measured[other]["steps"]
        memory = measured[own]["memory"] / measured[other]["memory"]
        result = f"{ratio:.2f} x, memory {memory:.2f} x"
        goals.append(
            Goal(
                f"steps per second, {own} over {other}", f">= {SPEEDUP} x", result, ratio >= SPEEDUP
            )
        )
    return rows, goals


def _measure(name: str, *, quick: bool) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.codec_steps", name, str(int(quick))]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def sound() -> tuple[list[tuple[str, ...]], list[Goal], str]:
    """The trained codec, Opus and MP3 on the held-out sentences at the same bit rate."""
    from auscult.families.codec.storage import read_codec
    from auscult.preflight_checks.measures.bound import bound
    from auscult.training.codec.release import speak_held_out
    from auscult.training.codec.validate import evaluate_codec, reconstruct_samples

    codec, about = read_codec(Path(str(files("auscult.data") / "codec.safetensors")))
    rate, level = codec.config.sample_rate, codec.config.level
    speech = speak_held_out(rate, level)
    figures: dict[str, Any] = evaluate_codec(codec, speech)
    few = [samples for _, samples in speech[::5]]
    rows = [
        (
            "auscult, Telugu",
            *_row(
                [reconstruct_samples(codec, x) for x in few],
                few,
                rate,
                figures["bits_per_second"] / 1000,
            ),
        )
    ]
    for name, kind in (("Opus (libsndfile)", "OPUS"), ("MP3 (libsndfile)", "MPEG_LAYER_III")):
        coded, kbits = _coded(few, rate, kind)
        rows.append((name, *_row(coded, few, rate, kbits)))
    trained, compared = _encodec_trained()
    rows += trained
    limit = bound([samples for _, samples in speech], rate, codec.config.bits_per_second)
    worst = min(figures["perplexity"])
    ratio = figures["rms_ratio"]
    goals = [
        Goal(
            "SNR of the trained codec, held-out sentences",
            f">= {SNR:.0f} dB",
            f"{figures['snr']:.2f} dB",
            figures["snr"] >= SNR,
        ),
        Goal("its RMS ratio", "0.95 to 1.0", f"{ratio:.3f}", RATIO[0] <= ratio <= RATIO[1]),
        Goal(
            "perplexity of its least used codebook",
            f">= {PERPLEXITY:.0%}",
            f"{worst:.1%}",
            worst >= PERPLEXITY,
        ),
    ]
    said = (
        f"\n\nThe trained codec: {about['step']} steps; {len(speech)} held-out recordings (every held-out "
        f"sentence by several voices), {figures['bits_per_second'] / 1000:.2f} kbit/s, bound {limit:.1f} dB, reached "
        f"{figures['snr'] / limit:.0%} of it. The table has {len(few)} of them; Opus and MP3 with their headers, aligned in time "
        "before they are compared, at the nearest bit rate that libsndfile offers. SNR is not what Opus and MP3 aim at; mel L1 "
        "(nepers) and STOI are nearer to it."
    )
    return rows, goals, said + compared


def _encodec_trained() -> tuple[list[tuple[str, ...]], str]:
    """EnCodec's architecture as `benchmarks.encodec_trained` has trained it, on all held-out recordings, and what that says."""
    if not RESULT.exists():
        return [], ""
    made = json.loads(RESULT.read_text())
    figures, curve = made["held_out"], made["validation_snr"]
    name = f"EnCodec's architecture, the same training for {made['processor_seconds']} processor seconds, {made['steps']} steps"
    kbits, snr, ratio = figures["bits_per_second"] / 1000, figures["snr"], figures["rms_ratio"]
    row = (
        name,
        "",
        "",
        "",
        f"{kbits:.1f}",
        f"{snr:.2f}",
        f"{figures['mel_l1']:.3f}",
        "",
        f"{ratio:.3f}",
    )
    said = (
        f" EnCodec's architecture, with the same data, losses, optimiser and learning rate and the processor time of the whole "
        f"training of ours (`python -m benchmarks.encodec_trained`), gives {snr:.2f} dB with an RMS ratio of {ratio:.2f}, where "
        f"silence has 0 dB; on the validation sentences its best is {max(curve.values()):.2f} dB, whatever the step. That "
        "is no measure of what it can learn: it starts at random weights, ours as a lapped transform; no setting was sought for "
        f"it; and {made['steps']} steps are few beside the 400,000 of EnCodec's own recipe."
    )
    return [row], said


def _row(
    outputs: Sequence[Samples], targets: Sequence[Samples], rate: int, kbits: float
) -> tuple[str, ...]:
    from pystoi import stoi

    from auscult.training.codec.validate import compute_scores

    each = [compute_scores(x, y, rate) for x, y in zip(targets, outputs, strict=True)]
    heard = np.mean([stoi(x, y, rate) for x, y in zip(targets, outputs, strict=True)])
    mean = {name: float(np.mean([one[name] for one in each])) for name in each[0]}
    return (
        "",
        "",
        "",
        f"{kbits:.1f}",
        f"{mean['snr']:.2f}",
        f"{mean['mel_l1']:.3f}",
        f"{heard:.3f}",
        f"{mean['rms_ratio']:.3f}",
    )


def _coded(recordings: Sequence[Samples], rate: int, kind: str) -> tuple[list[Samples], float]:
    """Recordings through a codec of libsndfile at the setting whose bit rate is nearest, aligned to their originals; kbit/s."""
    tried = [
        (setting, *_through(recordings[0], rate, kind, setting))
        for setting in np.linspace(0, 0.99, 34)
    ]
    setting = min(tried, key=lambda one: abs(one[2] - KBITS))[0]
    results = [_through(samples, rate, kind, setting) for samples in recordings]
    return [_aligned(y, x) for (y, _), x in zip(results, recordings, strict=True)], float(
        np.mean([kbits for _, kbits in results])
    )


def _through(samples: Samples, rate: int, kind: str, setting: float) -> tuple[Samples, float]:
    import soundfile

    container = "OGG" if kind == "OPUS" else "MP3"
    buffer = io.BytesIO()
    soundfile.write(
        buffer, samples, rate, format=container, subtype=kind, compression_level=float(setting)
    )
    size = len(buffer.getvalue())
    buffer.seek(0)
    decoded, found = soundfile.read(buffer, dtype="float32")
    if found != rate:
        import soxr

        decoded = soxr.resample(decoded, found, rate)
    return np.asarray(decoded, np.float32), 8 * size / (len(samples) / rate) / 1000


def _aligned(output: Samples, target: Samples) -> Samples:
    """The output shifted to where it correlates best with the target, as long as it."""
    size = 1 << (len(output) + len(target)).bit_length()
    cross = np.fft.irfft(np.fft.rfft(output, size) * np.conj(np.fft.rfft(target, size)))
    lag = int(np.argmax(cross))
    lag = lag - size if lag > size // 2 else lag
    shifted = output[lag:] if lag >= 0 else np.concatenate((np.zeros(-lag, np.float32), output))
    return np.pad(shifted[: len(target)], (0, max(0, len(target) - len(shifted)))).astype(
        np.float32
    )
