"""`run codec`: recordings to codes and back."""

from __future__ import annotations

import time
from collections.abc import Mapping
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from auscult.errors import CheckpointError, UsageError
from auscult.families.codec.auc import Encoded, read_auc, write_auc
from auscult.finding import Finding, Severity
from auscult.report.sections.run import RunSection
from auscult.rules.diff.checkpoint.ckp011_corrupt import CODE, NAME
from auscult.runtime.device import DeviceName, prepare_device, require_device
from auscult.sound.recording import Recording, read_recording, write_recording
from auscult.verbs.run.sound_facts import describe_sound
from auscult.verdict import Coverage, Report, Verdict

RuntimeName = Literal["torch", "mlx"]
PACKAGE_CODEC = "codec.safetensors"


def encode(
    source: str | Path,
    output: str | Path,
    *,
    codec: str | Path | None = None,
    runtime: RuntimeName = "torch",
    device: DeviceName = "cpu",
) -> Report:
    """Write a recording as an `.auc` file. It is mixed to mono and resampled to the codec's rate.

    Args:
        codec: A trained codec (`codec.safetensors`); the Telugu codec that comes with auscult, if
            None.

    Returns:
        PASS; `run` has the size, the bit rate and the time it took.

    Raises:
        AudioError: If a file cannot be read or written.
        CheckpointError: If the codec cannot be read.
    """
    recording = read_recording(source)
    engine = _CodecEngine(codec, runtime, device)
    samples = recording.resample(engine.config.sample_rate).mono
    start_time = time.perf_counter()
    encoded = engine.encode(samples)
    seconds_taken = time.perf_counter() - start_time
    size = write_auc(encoded, output)
    seconds = len(samples) / engine.config.sample_rate
    settings = {"bytes": size, "kbit/s": round(8 * size / seconds / 1000, 2)}
    facts = engine.describe(output, samples, seconds_taken, settings)
    return Report("run codec", (str(source),), Verdict.PASS, section=RunSection(facts))


def decode(
    source: str | Path,
    output: str | Path,
    *,
    codec: str | Path | None = None,
    runtime: RuntimeName = "torch",
    device: DeviceName = "cpu",
    salvage: bool = False,
) -> Report:
    """Write an `.auc` file as a recording.

    Args:
        salvage: Decode what is whole of a damaged file, with silence where it is not, instead of an
            error.

    Returns:
        PASS; DIVERGENT where parts of a salvaged file are lost, with the finding that says which.

    Raises:
        AudioError: If a file cannot be read or written, or is damaged.
        CheckpointError: If the codec cannot be read, or is not the one that the file was written
            with.
    """
    encoded = read_auc(source, salvage=salvage)
    engine = _CodecEngine(codec, runtime, device)
    engine.check(encoded, str(source))
    start_time = time.perf_counter()
    samples = engine.decode(encoded)
    seconds_taken = time.perf_counter() - start_time
    write_recording(Recording.from_mono(samples, encoded.sample_rate, str(output)), output)
    seconds = len(samples) / encoded.sample_rate
    missing_spans = find_lost_spans(encoded)
    whole_seconds = seconds - sum(end - start for start, end in missing_spans)
    return Report(
        "run codec",
        (str(source),),
        Verdict.DIVERGENT if missing_spans else Verdict.PASS,
        Coverage(
            "seconds", {"whole": round(whole_seconds, 3), "lost": round(seconds - whole_seconds, 3)}
        ),
        (_build_damage_finding(str(source), missing_spans),) if missing_spans else (),
        section=RunSection(engine.describe(output, samples, seconds_taken, {})),
    )


def find_lost_spans(encoded: Encoded) -> tuple[tuple[float, float], ...]:
    """Where frames of a salvaged file are missing, in seconds."""
    lost = np.concatenate(([False], encoded.lost, [False]))
    edges = np.flatnonzero(np.diff(lost))
    hop = encoded.samples / max(1, encoded.codes.shape[1]) / encoded.sample_rate
    return tuple(
        (round(float(a) * hop, 3), round(float(b) * hop, 3)) for a, b in edges.reshape(-1, 2)
    )


def _build_damage_finding(source: str, spans: tuple[tuple[float, float], ...]) -> Finding:
    span_texts = ", ".join(f"{start:.2f} to {end:.2f} s" for start, end in spans)
    message = (
        f"damaged blocks: {span_texts} cannot be decoded and {'are' if len(spans) > 1 else 'is'}"
        " silent"
    )
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        (source,),
        message,
        evidence={"lost": [list(span) for span in spans]},
        times=spans,
    )


class _CodecEngine:
    """A codec in one runtime, from samples [time] to codes and back."""

    def __init__(self, path: str | Path | None, runtime: RuntimeName, device: DeviceName) -> None:
        require_device(device)
        prepare_device(device, runtime)
        from auscult.families.codec.storage import read_codec

        if path is None:
            with as_file(files("auscult.data") / PACKAGE_CODEC) as package_path:
                self.codec, codec_info = read_codec(package_path)
        else:
            self.codec, codec_info = read_codec(path)
        self.config = self.codec.config
        self.device = device
        self.fingerprint: bytes = codec_info["fingerprint"]
        self.name, self.runtime = str(path or "telugu"), runtime
        self.mlx: Any = None
        if runtime == "mlx":
            from auscult.families.codec import mlx

            self.mlx = mlx.build(self.config)
            mlx.load(
                self.mlx, {name: value.numpy() for name, value in self.codec.state_dict().items()}
            )
        else:
            self.codec.to(device)

    def describe(
        self,
        output: str | Path,
        samples: NDArray[np.float32],
        seconds_taken: float,
        more_settings: Mapping[str, Any],
    ) -> dict[str, Any]:
        """What was made, in the words of every `run`; peak and level are the recording's."""
        return {
            "family": "codec",
            "file": str(output),
            **describe_sound(Recording.from_mono(samples, self.config.sample_rate)),
            "settings": {
                "codec": self.name,
                "runtime": self.runtime,
                "device": self.device,
                **more_settings,
            },
            "took_seconds": seconds_taken,
        }

    def encode(self, samples: NDArray[np.float32]) -> Encoded:
        from auscult.training.codec.speech import set_level

        levelled_samples, gain = set_level(samples, self.config.level)
        return Encoded(
            self._encode_to_codes(levelled_samples),
            self.config.bits,
            self.config.sample_rate,
            len(samples),
            float(np.float32(gain)),
            self.fingerprint,
            max(1, round(self.config.sample_rate / self.config.step))
            * self.config.step
            // self.config.hop,
            self.config.group if self.config.average else 0,
        )

    def _encode_to_codes(self, samples: NDArray[np.float32]) -> NDArray[np.int64]:
        if self.mlx is not None:
            import mlx.core as mx

            mlx_codes: NDArray[np.int64] = np.asarray(
                self.mlx.encode(mx.array(samples)[None, :, None], fit=True)
            )[0].astype(np.int64)
            return mlx_codes
        import torch

        with torch.inference_mode():
            codes: NDArray[np.int64] = (
                self.codec.encode(torch.from_numpy(samples)[None, None].to(self.device), fit=True)[
                    0
                ]
                .cpu()
                .numpy()
            )
        return codes

    def check(self, encoded: Encoded, where: str) -> None:
        if encoded.fingerprint != self.fingerprint:
            raise CheckpointError(
                "was written with another codec",
                where=where,
                expected=encoded.fingerprint.hex(),
                found=self.fingerprint.hex(),
                hint="name the right one with --codec",
            )
        frames = (
            -(-(encoded.samples + self.config.delay) // self.config.step)
            * self.config.step
            // self.config.hop
        )
        if encoded.codes.shape != (self.config.books, frames):
            raise UsageError(
                "does not fit its codec",
                where=where,
                expected=(self.config.books, frames),
                found=encoded.codes.shape,
            )

    def decode(self, encoded: Encoded) -> NDArray[np.float32]:
        """float32 [time]; silence where the codes are lost."""
        if self.mlx is not None:
            import mlx.core as mx

            output = np.asarray(self.mlx.decode(mx.array(encoded.codes[None])))[0, :, 0]
        else:
            import torch

            with torch.inference_mode():
                output = (
                    self.codec.decode(
                        torch.from_numpy(np.ascontiguousarray(encoded.codes))[None].to(self.device)
                    )[0, 0]
                    .cpu()
                    .numpy()
                )
        samples = np.asarray(output[: encoded.samples] / np.float32(encoded.gain), np.float32)
        for start, end in find_lost_spans(encoded):
            samples[int(start * encoded.sample_rate) : int(np.ceil(end * encoded.sample_rate))] = 0
        return samples
