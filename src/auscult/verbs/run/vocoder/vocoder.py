"""`run vocoder`: a checkpoint, and a recording, a mel or units, to sound, with the verdict of the mel that comes back."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auscult.checkpoint import open_checkpoint
from auscult.errors import UsageError
from auscult.facts.progress import Progress
from auscult.families.vocoders import import_vocoder, list_vocoders
from auscult.finding import Finding, Skip
from auscult.report._parts.settle import format_value
from auscult.report.sections.run import RunSection
from auscult.runtime.device import DeviceName, prepare_device
from auscult.sound.recording import Recording, write_recording
from auscult.sound.settle import Settlement, stationary_distance
from auscult.verbs.diagnose.family_build import (
    FamilyBuild,
    RuntimeName,
    build_family,
)
from auscult.verbs.diagnose.mel_return import MelReturn
from auscult.verbs.diagnose.settle import (
    build_finding,
    describe_settlement,
    list_open_choices,
    rank_readings_of_mel,
)
from auscult.verbs.run.sound_facts import describe_sound
from auscult.verbs.run.vocoder.definition import ChosenMel
from auscult.verbs.run.vocoder.inputs import read_vectors
from auscult.verbs.run.vocoder.judge import MelDistance, build_return_finding, find_broken_output
from auscult.verbs.run.vocoder.open_model import (
    apply_fields,
    choose_definition,
    fit_hop,
    read_config,
)
from auscult.verbs.run.vocoder.source import VocoderSource, read_source
from auscult.verbs.run.vocoder.stated_config import StatedConfig, write_config
from auscult.verdict import Coverage, Report, Verdict


def run_vocoder(
    checkpoint: str | Path,
    output: str | Path,
    *,
    audio: str | Path | None = None,
    mel: str | Path | None = None,
    units: str | Path | None = None,
    vectors: Sequence[str] = (),
    config: str | Path | None = None,
    definition: str | None = None,
    settle: bool = True,
    save_config: str | Path | None = None,
    container: str | None = None,
    device: DeviceName = "cpu",
    runtime: RuntimeName = "torch",
    seed: int = 0,
    progress: Progress | None = None,
) -> Report:
    """Make sound of a recording's mel, of a mel, or of units, and judge the mel that comes back.

    Args:
        vectors: Further inputs, each `speaker=FILE` or `emotion=FILE`.
        config: The model's config; default: the one beside the weights, where there is one.
        definition: The mel's, by name or as a JSON file; default: what the config states, else what
            the family's models were trained on.
        settle: Without a config, try what the weights leave open on the mel.
        save_config: Where to write what was settled.
        seed: Of the noise that a model draws.

    Returns:
        PASS where the mel comes back, or units gave a sound; INCONCLUSIVE where the mel does not
        come back; DIVERGENT where the output is silent or no numbers.

    Raises:
        UsageError: If the arguments do not fit together or the model, or something is not installed.
        CheckpointError, AudioError: If a file cannot be read or written.
    """
    if sum(source is not None for source in (audio, mel, units)) != 1:
        raise UsageError(
            "needs one thing to speak", hint="give --audio IN.wav, --mel MEL or --units UNITS"
        )
    prepare_device(device, runtime)
    weights = open_checkpoint(checkpoint, container)
    family_build = replace(
        build_family(weights, among=list_vocoders()), device=device, runtime=runtime, seed=seed
    )
    stated = read_config(weights, checkpoint, config, family_build)
    family_build = apply_fields(family_build, stated)
    source = read_source(audio, mel, units, family_build)
    inputs = read_vectors(vectors, family_build.detection.config, str(checkpoint))
    run = _VocoderRun(replace(family_build, inputs=inputs), source, stated)
    if source.units is None:
        chosen_mel = choose_definition(
            definition, stated, weights, family_build, source.compute_start
        )
        run = _choose_reading(run, chosen_mel, settle=settle, progress=progress)
    if save_config is not None:
        run.save_config(Path(save_config))
    return run.make_report(str(checkpoint), output)


def _choose_reading(
    run: _VocoderRun, chosen_mel: ChosenMel, *, settle: bool, progress: Progress | None
) -> _VocoderRun:
    """The run with the mel's definition, and without a config under the reading that gives the mel back."""
    definition = chosen_mel.definition
    family_build = fit_hop(replace(run.family_build, mel=definition), run.stated)
    settlement = None
    is_open = not set(family_build.detection.undetermined) <= set(run.stated.fields)
    if settle and run.stated.path is None and is_open:
        settlement = rank_readings_of_mel(
            family_build,
            run.source.compute_start(definition),
            hop=definition.hop,
            certain=tuple(run.stated.fields),
            progress=progress,
        )
        family_build = _apply_settlement(family_build, settlement)
    return replace(run, family_build=family_build, chosen_mel=chosen_mel, settlement=settlement)


def _apply_settlement(family_build: FamilyBuild, settlement: Settlement) -> FamilyBuild:
    if not settlement.works:
        return family_build
    detection = family_build.detection
    settled_config = replace(detection.config, **settlement.best.values)
    return replace(family_build, detection=replace(detection, config=settled_config))


@dataclass(frozen=True, eq=False)
class _VocoderRun:
    """A vocoder that is ready to speak.

    Attributes:
        chosen_mel: None where units go in.
        settlement: None where nothing was tried.
    """

    family_build: FamilyBuild
    source: VocoderSource
    stated: StatedConfig
    chosen_mel: ChosenMel | None = None
    settlement: Settlement | None = None

    def save_config(self, path: Path) -> None:
        """Write the config and the mel definition in the form that `--config` takes."""
        definition = self.chosen_mel.definition if self.chosen_mel else None
        detection = self.family_build.detection
        write_config(path, detection.family, detection.config, definition)

    def make_report(self, subject: str, output: str | Path) -> Report:
        """Render, write and judge."""
        config = self.family_build.detection.config
        start_time = time.perf_counter()
        if self.chosen_mel is None:
            assert self.source.units is not None
            fed: NDArray[Any] = self.source.units
        else:
            fed = self.source.compute_frames(self.chosen_mel.definition)
        samples = self.family_build.render(config, fed)
        seconds_taken = time.perf_counter() - start_time
        recording = Recording.from_mono(samples, self._find_sample_rate(), str(output))
        if self.source.recording is not None:
            recording = recording.cut(self.source.recording.seconds)
        write_recording(recording.replace_non_finite(), output, exact=True)
        facts = {
            "family": self.family_build.detection.family,
            "file": str(output),
            **describe_sound(recording.replace_non_finite()),
            "settings": self._describe_settings(),
            "took_seconds": seconds_taken,
            "config": asdict(config),
            "mel": self.chosen_mel.definition.to_config() if self.chosen_mel else None,
        }
        mel_return = self._measure_return(samples, fed)
        if mel_return is not None:
            facts["mel_return"] = mel_return.to_json()
        if self.settlement is not None:
            facts["settlement"] = describe_settlement(self.family_build, self.settlement)
        findings, skips, verdict = self._judge(samples, mel_return)
        looked_at = "compared" if mel_return else "not_compared"
        return Report(
            "run vocoder",
            (subject,),
            verdict,
            Coverage("frames", {looked_at: fed.shape[-1]}),
            findings,
            skips,
            section=RunSection(facts),
        )

    def _find_sample_rate(self) -> int:
        if self.chosen_mel is not None:
            return self.chosen_mel.definition.sample_rate
        if self.stated.sample_rate is not None:
            return self.stated.sample_rate
        return import_vocoder(self.family_build.detection.family).SAMPLE_RATE

    def _describe_settings(self) -> dict[str, Any]:
        detection, fork = self.family_build.detection, self.family_build.fork
        settings: dict[str, Any] = {
            "family": " ".join(filter(None, (detection.family, detection.variant))),
            "runtime": self.family_build.runtime,
            "device": self.family_build.device,
        }
        if fork is not None:
            settings["names"] = fork.name
        if self.stated.path is not None:
            settings["config"] = str(self.stated.path)
        for name in self._list_open_fields():
            settings[name] = format_value(getattr(detection.config, name))
        if self.chosen_mel is not None:
            mel = self.chosen_mel.definition
            settings["mel"] = (
                f"{self.chosen_mel.name} ({self.chosen_mel.reason}): {mel.sample_rate} Hz, n_fft"
                f" {mel.n_fft}, hop {mel.hop}, {mel.n_mels} bands {mel.fmin:g} to {mel.fmax:g} Hz"
            )
        return settings

    def _list_open_fields(self) -> tuple[str, ...]:
        """Fields that no weight shows."""
        return tuple(self.family_build.detection.undetermined)

    def _measure_return(
        self, samples: NDArray[np.float32], fed: NDArray[Any]
    ) -> MelDistance | None:
        """How far the mel that comes back is; None where no mel went in."""
        if self.chosen_mel is None:
            return None
        measure = MelReturn(self.family_build, fed)
        distance = float(measure.compare_sound(samples).mean())
        return MelDistance(distance, stationary_distance(measure.target))

    def _judge(
        self, samples: NDArray[np.float32], mel_return: MelDistance | None
    ) -> tuple[tuple[Finding, ...], tuple[Skip, ...], Verdict]:
        """Findings, what stays open, and the verdict."""
        broken = find_broken_output(samples, self.source.recording)
        if broken is not None:
            return (broken,), (), Verdict.DIVERGENT
        if mel_return is None:
            reason = "units have no mel that could come back: only level and numbers were looked at"
            return (), (Skip("mel", reason),), Verdict.PASS
        verdict = Verdict.PASS if mel_return.works else Verdict.INCONCLUSIVE
        if self.settlement is not None:
            finding = build_finding(self.family_build, self.settlement)
            return (finding,), list_open_choices(self.settlement), verdict
        if mel_return.works:
            return (), (), verdict
        return (build_return_finding(mel_return),), (), verdict
