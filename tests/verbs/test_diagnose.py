"""All the evidence at once: from what is heard to its cause, or to the run that would settle it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from auscult import data
from auscult.checkpoint import open_checkpoint
from auscult.cli.main import invoke
from auscult.errors import UsageError
from auscult.finding import Finding, Severity
from auscult.rules import every_rule
from auscult.sound.recording import Recording, read_recording, write_recording
from auscult.symptoms import table
from auscult.verbs._chain import chain
from auscult.verbs.diagnose import diagnose
from auscult.verdict import Report, Verdict
from auscult.weights import Checkpoint

NOT_SYMPTOMS = {"unreadable-sound"}
NAMES = {rule.NAME for rule in every_rule()}
HEARD = {rule.NAME for rule in every_rule() if rule.CODE.startswith("SND")} - NOT_SYMPTOMS


def finding(code: str, cause: str, severity: Severity = Severity.ERROR) -> Finding:
    return Finding(code, cause, severity, ("x",), f"{cause} was measured")


class TestTable:
    @pytest.mark.parametrize("name", sorted(HEARD))
    def test_every_sound_that_is_named_has_its_causes(self, name: str) -> None:
        assert table()[name].suspects or table()[name].writing

    @pytest.mark.parametrize("name", sorted(table()))
    def test_every_suspect_is_something_that_a_rule_finds(self, name: str) -> None:
        assert {cause for suspect in table()[name].suspects for cause in suspect.causes} <= NAMES
        assert name in HEARD


class TestChain:
    def test_the_cause_in_the_weights_explains_the_buzz(self) -> None:
        found = chain([finding("SND001", "buzz"), finding("LAY002", "layout-conv-transpose1d")], frozenset({"weights"}))
        assert found.cause is not None
        assert found.cause.cause == "layout-conv-transpose1d"
        assert [(symptom.cause, bool(why)) for symptom, why in found.symptoms] == [("buzz", True)]

    def test_what_explains_the_sound_comes_before_what_does_not(self) -> None:
        every = [finding("SND001", "buzz"), finding("CKP009", "tie-lost"), finding("PAR001", "leaky-slope")]
        found = chain(every, frozenset({"weights", "traces"}))
        assert found.cause is not None
        assert found.cause.cause == "leaky-slope"
        assert [other.cause for other in found.others] == ["tie-lost"]

    def test_a_buzz_alone_names_the_run_that_settles_it(self) -> None:
        found = chain([finding("SND001", "buzz")], frozenset())
        assert found.cause is None
        assert found.next == "auscult diagnose CHECKPOINT --model package.module:callable"

    def test_what_was_looked_at_is_no_suspect_any_more(self) -> None:
        found = chain([finding("SND001", "buzz")], frozenset({"weights", "code", "reference-weights"}))
        assert {suspect.needs for suspect in found.suspects} <= {"traces", "reference-audio", "training"}
        assert found.next is not None
        assert "--traces" in found.next

    def test_a_label_is_its_own_cause(self) -> None:
        found = chain([finding("SND040", "sample-rate-label")], frozenset({"reference-audio"}))
        assert found.cause is not None
        assert found.cause.cause == "sample-rate-label"
        assert found.next == table()["sample-rate-label"].writing

    def test_other_seeds_are_no_cause(self) -> None:
        found = chain([finding("PAR040", "noise-differs", Severity.WARNING), finding("SND003", "noise")], frozenset({"traces"}))
        assert found.cause is None


@pytest.fixture(scope="module")
def spoken() -> Recording:
    return read_recording(data.path(data.SENTENCE)).cut(2.0)


@pytest.fixture(scope="module")
def vocoder() -> Checkpoint:
    return open_checkpoint(data.path(data.VOCODER))


def exchanged(vocoder: Checkpoint) -> Checkpoint:
    """The vocoder with a square convolution's channels exchanged in every block."""
    arrays = {name: tensor.numpy() for name, tensor in vocoder.items()}
    for name, array in arrays.items():
        if ".convs." in name and array.ndim == 3:
            arrays[name] = np.ascontiguousarray(array.transpose(1, 0, 2))
    return Checkpoint.of(arrays)


def verdict_and_cause(report: Report) -> tuple[Verdict, str | None]:
    named = report.extra["diagnosis"]["cause"]
    return report.verdict, named and named["cause"]


class TestDiagnose:
    def test_weights_against_their_original(self, vocoder: Checkpoint) -> None:
        report = diagnose(exchanged(vocoder), reference_checkpoint=vocoder)
        assert verdict_and_cause(report) == (Verdict.DIVERGENT, "layout-conv-transpose1d")
        assert report.findings[0].cause == "layout-conv-transpose1d"

    def test_the_same_weights_and_the_same_sound_pass(self, vocoder: Checkpoint, spoken: Recording) -> None:
        report = diagnose(vocoder, reference_checkpoint=vocoder, audio=spoken, reference_audio=spoken, settle=False)
        assert verdict_and_cause(report) == (Verdict.PASS, None)

    def test_a_chipmunk_without_any_model(self, spoken: Recording) -> None:
        fast = Recording(spoken.samples, 22050, "fast.wav")
        report = diagnose(audio=fast, reference_audio=spoken)
        assert verdict_and_cause(report) == (Verdict.DIVERGENT, "sample-rate-label")

    def test_a_sound_that_nothing_explains_is_inconclusive(self) -> None:
        noise = np.random.default_rng(0).standard_normal(32000).astype(np.float32) * 0.1
        report = diagnose(audio=Recording.mono_of(noise, 16000, "noise.wav"))
        assert verdict_and_cause(report) == (Verdict.INCONCLUSIVE, None)
        assert report.extra["diagnosis"]["next"]

    def test_one_checkpoint_alone_is_refused(self, vocoder: Checkpoint) -> None:
        with pytest.raises(UsageError, match="one checkpoint"):
            diagnose(vocoder)

    def test_a_reference_without_a_checkpoint_is_refused(self, vocoder: Checkpoint) -> None:
        with pytest.raises(UsageError, match="no checkpoint"):
            diagnose(reference_checkpoint=vocoder)


def test_the_command_says_the_cause_on_one_screen(spoken: Recording, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_recording(spoken, tmp_path / "right.wav")
    write_recording(Recording(spoken.samples, 22050), tmp_path / "fast.wav")
    code = invoke(["diagnose", "--audio", str(tmp_path / "fast.wav"), "--reference-audio", str(tmp_path / "right.wav")])
    lines = capsys.readouterr().out.splitlines()
    assert code == 1
    assert lines[0].startswith("DIVERGENT")
    assert lines[1].startswith("cause     sample-rate-label (SND")
    assert any(line.startswith("next      ") and "16000" in line for line in lines)
    assert len(lines) < 40
