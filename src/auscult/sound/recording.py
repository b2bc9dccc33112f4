"""A recording: samples with their rate, read and written without surprises."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from auscult.errors import AudioError
from auscult.facts.atomic import replace_file
from auscult.sound.container import describe_foreign_file


@dataclass(frozen=True, eq=False)
class Recording:
    """A waveform.

    Attributes:
        samples: float32 [channels, time], nominally within ±1.
        sample_rate: In Hz.
        name: Where it came from, for messages.
    """

    samples: NDArray[np.float32]
    sample_rate: int
    name: str = "recording"

    @classmethod
    def from_mono(
        cls, samples: NDArray[np.float32], sample_rate: int, name: str = "recording"
    ) -> Recording:
        """A recording of one channel from [time] samples."""
        return cls(np.asarray(samples, np.float32)[None], sample_rate, name)

    @property
    def mono(self) -> NDArray[np.float32]:
        """The mean of the channels, [time]."""
        return np.asarray(self.samples.mean(axis=0), np.float32)

    @property
    def seconds(self) -> float:
        return float(self.samples.shape[1] / self.sample_rate)

    def resample(self, sample_rate: int) -> Recording:
        """The same sound at another rate (soxr, very high quality)."""
        if sample_rate == self.sample_rate:
            return self
        import soxr

        converted = soxr.resample(self.samples.T, self.sample_rate, sample_rate, quality="VHQ")
        return Recording(
            np.ascontiguousarray(converted.T, dtype=np.float32), sample_rate, self.name
        )

    def replace_non_finite(self) -> Recording:
        """The same with zeros for values that are no numbers; itself where there are none."""
        if np.isfinite(self.samples).all():
            return self
        samples = np.nan_to_num(self.samples, nan=0.0, posinf=0.0, neginf=0.0)
        return Recording(samples, self.sample_rate, self.name)

    def cut(self, seconds: float) -> Recording:
        """The first `seconds`, or all where it is shorter."""
        return Recording(
            self.samples[:, : int(seconds * self.sample_rate)], self.sample_rate, self.name
        )


def read_recording(path: str | Path) -> Recording:
    """A sound file, whatever libsndfile reads (WAV, FLAC, OGG, MP3, AIFF).

    Raises:
        AudioError: If the file cannot be read, is empty, or holds values that are not numbers.
    """
    import soundfile

    try:
        samples, rate = soundfile.read(str(path), dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError, RuntimeError) as error:
        if not Path(path).exists():
            raise AudioError(
                "there is no such file", where=str(path), hint="check the path"
            ) from error
        raise AudioError(
            "cannot be read as sound",
            where=str(path),
            found=describe_foreign_file(path) or str(error),
            hint="give a WAV or FLAC file",
        ) from error
    if samples.size == 0:
        raise AudioError("holds no samples", where=str(path))
    return Recording(np.ascontiguousarray(samples.T), int(rate), str(path))


def write_recording(recording: Recording, path: str | Path, *, exact: bool = False) -> Path:
    """Write 16-bit WAV (or FLAC, by the suffix) to a temporary file and rename it; louder than full
    scale is cut off there.

    Args:
        exact: Write WAV in 32-bit floats instead, every sample as it is, also above full scale.

    Raises:
        AudioError: If the file cannot be written.
    """
    import soundfile

    target = Path(path)
    kind = "FLAC" if target.suffix.lower() == ".flac" else "WAV"
    exact = exact and kind == "WAV"
    samples = recording.samples.T if exact else np.clip(recording.samples.T, -1.0, 1.0)
    try:
        with replace_file(target) as partial, partial.open("wb") as handle:
            soundfile.write(
                handle,
                samples,
                recording.sample_rate,
                format=kind,
                subtype="FLOAT" if exact else "PCM_16",
            )
    except (OSError, soundfile.LibsndfileError) as error:
        raise AudioError("cannot be written", where=str(target), found=str(error)) from error
    return target
