"""All the evidence at once: from what is heard to its cause, or to the run that would settle it."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from auscult import data
from auscult.checkpoint import open_checkpoint
from auscult.cli.diagnose import command as diagnose_command
from auscult.cli.main import run_command_line
from auscult.errors import UsageError
from auscult.finding import Finding, Severity
from auscult.rules import every_rule, load_rule
from auscult.rules.sound.causal_table import CausalEntry, load_causal_table, merge_rule
from auscult.rules.suspects import Suspect
from auscult.sound.recording import Recording, read_recording, write_recording
from auscult.verbs.diagnose.chain import build_causal_chain
from auscult.verbs.diagnose.diagnose import diagnose
from auscult.verdict import Report, Verdict
from auscult.weights import Checkpoint

NAMES = {rule.name for rule in every_rule()}


def finding(code: str, cause: str, severity: Severity = Severity.ERROR) -> Finding:
    return Finding(code, cause, severity, ("x",), f"{cause} was measured")


class TestTable:
    def test_every_rule_of_sound_has_its_entry(self) -> None:
        assert set(load_causal_table()) == {rule.name for rule in every_rule("sound")}

    @pytest.mark.parametrize("name", sorted(load_causal_table()))
    def test_what_makes_a_sound_is_on_its_page_and_is_found_by_a_rule(self, name: str) -> None:
        entry = load_causal_table()[name]
        unknown = {cause for suspect in entry.suspects for cause in suspect.causes} - NAMES
        assert not unknown, "`auscult rules` lists the causes that a suspect can have"
        assert bool(entry.page) is bool(entry.suspects or entry.writing or entry.follows)

    def test_rules_of_one_sound_share_one_entry(self) -> None:
        measured, suspected = (
            replace(load_rule("SND040"), suspects=(suspect,), writing=writing, follows=follows)
            for suspect, writing, follows in (
                (Suspect(("dilation",), "first", "traces"), None, True),
                (Suspect(("factor",), "second", "traces"), "label it", False),
            )
        )
        entry = CausalEntry("sample-rate-label")
        for rule in (measured, suspected, measured):
            entry = merge_rule(entry, rule)
        assert [suspect.why for suspect in entry.suspects] == ["first", "second"]
        assert (entry.writing, entry.follows) == ("label it", True)

    def test_a_rule_without_suspects_has_none(self) -> None:
        rule = replace(load_rule("SND021"), suspects=(), writing=None, page="A page.")
        assert merge_rule(CausalEntry(rule.name), rule) == CausalEntry(rule.name)


class TestChain:
    def test_the_cause_in_the_weights_explains_the_buzz(self) -> None:
        found = build_causal_chain(
            [finding("SND001", "buzz"), finding("LAY002", "layout-conv-transpose1d")],
            frozenset({"weights"}),
        )
        assert found.cause is not None
        assert found.cause.cause == "layout-conv-transpose1d"
        assert [(symptom.cause, bool(why)) for symptom, why in found.symptoms] == [("buzz", True)]

    def test_what_explains_the_sound_comes_before_what_does_not(self) -> None:
        every = [
            finding("SND001", "buzz"),
            finding("CKP009", "tie-lost"),
            finding("PAR001", "leaky-slope"),
        ]
        found = build_causal_chain(every, frozenset({"weights", "traces"}))
        assert found.cause is not None
        assert found.cause.cause == "leaky-slope"
        assert [other.cause for other in found.other_causes] == ["tie-lost"]

    def test_a_buzz_alone_names_the_run_that_settles_it(self) -> None:
        found = build_causal_chain([finding("SND001", "buzz")], frozenset())
        assert found.cause is None
        assert found.next == "auscult diagnose CHECKPOINT --model package.module:callable"

    def test_the_next_run_keeps_what_was_given(self) -> None:
        told = {"audio": ("out of tune.wav",), "config": ("config.json",)}
        found = build_causal_chain([finding("SND001", "buzz")], frozenset(), told)
        assert found.next == (
            "auscult diagnose CHECKPOINT --model package.module:callable --audio 'out of tune.wav' --config config.json"
        )

    def test_what_was_looked_at_is_no_suspect_any_more(self) -> None:
        found = build_causal_chain(
            [finding("SND001", "buzz")], frozenset({"weights", "code", "reference-weights"})
        )
        assert {suspect.needs for suspect in found.suspects} <= {
            "traces",
            "reference-audio",
            "training",
        }
        assert found.next is not None
        assert "--traces" in found.next

    def test_a_label_is_its_own_cause(self) -> None:
        found = build_causal_chain(
            [finding("SND040", "sample-rate-label")], frozenset({"reference-audio"})
        )
        assert found.cause is not None
        assert found.cause.cause == "sample-rate-label"
        assert found.next == load_causal_table()["sample-rate-label"].writing

    def test_what_any_wrong_computation_leaves_follows_the_cause(self) -> None:
        every = [
            finding("SND019", "imaging"),
            finding("SND007", "interleave"),
            finding("SND046", "reversed"),
            finding("PAR021", "leaky-slope"),
            finding("PAR099", "unexplained"),
        ]
        found = build_causal_chain(every, frozenset({"traces"}))
        assert found.cause is not None
        assert found.cause.cause == "leaky-slope"
        assert {one.cause for one in found.follows} == {"imaging", "interleave", "unexplained"}
        assert [(symptom.cause, why) for symptom, why in found.symptoms] == [("reversed", None)]

    def test_the_layers_of_broken_weights_are_no_second_cause(self) -> None:
        weights = replace(
            finding("LAY002", "layout-conv-transpose1d"),
            where=("generator.ups.0.weight", "generator.ups.1.weight"),
        )
        same, elsewhere = (
            replace(finding("PAR053", "layout-conv1d"), where=(place,))
            for place in ("ups.0", "head")
        )
        found = build_causal_chain(
            [weights, same, elsewhere], frozenset({"weights", "reference-weights", "traces"})
        )
        assert (found.follows, found.other_causes) == ((same,), (elsewhere,))

    def test_other_weights_elsewhere_are_a_second_cause_of_wrong_code(self) -> None:
        code, weights = (
            replace(finding(code, name), where=(place,))
            for code, name, place in (
                ("PAR020", "dilation", "ups.0"),
                ("PAR098", "other-weights", "head"),
            )
        )
        assert build_causal_chain([code, weights], frozenset({"traces"})).other_causes == (weights,)

    def test_an_error_without_a_sound_is_named(self) -> None:
        found = build_causal_chain([finding("CKP010", "pickle-code")], frozenset({"weights"}))
        assert found.cause is not None
        assert found.cause.cause == "pickle-code"

    def test_other_seeds_are_no_cause(self) -> None:
        found = build_causal_chain(
            [finding("PAR040", "noise-differs", Severity.WARNING), finding("SND003", "noise")],
            frozenset({"traces"}),
        )
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

    def test_the_same_weights_and_the_same_sound_pass(
        self, vocoder: Checkpoint, spoken: Recording
    ) -> None:
        report = diagnose(
            vocoder,
            reference_checkpoint=vocoder,
            audio=spoken,
            reference_audio=spoken,
            settle=False,
        )
        assert verdict_and_cause(report) == (Verdict.PASS, None)

    def test_a_chipmunk_without_any_model(self, spoken: Recording) -> None:
        fast = Recording(spoken.samples, 22050, "fast.wav")
        report = diagnose(audio=fast, reference_audio=spoken)
        assert verdict_and_cause(report) == (Verdict.DIVERGENT, "sample-rate-label")

    def test_a_sound_that_nothing_explains_is_inconclusive(self) -> None:
        noise = np.random.default_rng(0).standard_normal(32000).astype(np.float32) * 0.1
        report = diagnose(audio=Recording.from_mono(noise, 16000, "noise.wav"))
        assert verdict_and_cause(report) == (Verdict.INCONCLUSIVE, None)
        assert report.extra["diagnosis"]["next"]

    def test_a_file_that_is_cut_off_is_the_cause(self, tmp_path: Path) -> None:
        file = tmp_path / "cut.safetensors"
        save_file({"a.weight": np.ones((64, 64), np.float32)}, file)
        file.write_bytes(file.read_bytes()[:-1000])
        report = diagnose(file)
        assert verdict_and_cause(report) == (Verdict.DIVERGENT, "truncated")

    def test_nothing_is_refused(self) -> None:
        with pytest.raises(UsageError, match="nothing to diagnose"):
            diagnose()

    def test_a_reference_without_a_checkpoint_is_refused(self, vocoder: Checkpoint) -> None:
        with pytest.raises(UsageError, match="no checkpoint"):
            diagnose(reference_checkpoint=vocoder)


@pytest.fixture(scope="module")
def files(spoken: Recording, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a user may have, one file of each kind."""
    folder = tmp_path_factory.mktemp("evidence")
    write_recording(spoken, folder / "right.wav")
    write_recording(Recording(spoken.samples, 22050), folder / "fast.wav")
    noise = np.random.default_rng(0).standard_normal(32000).astype(np.float32) * 0.1
    write_recording(Recording.from_mono(noise, 16000), folder / "noise.wav")
    (folder / "config.json").write_text(json.dumps({"sampling_rate": 16000}))
    (folder / "vocoder.pth").write_bytes(data.path(data.VOCODER).read_bytes())
    (folder / "empty.safetensors").write_bytes(b"")
    save_file({"elsewhere.weight": np.ones((3, 5), np.float32)}, folder / "other.safetensors")
    holed = np.where(np.arange(16000) % 200 < 3, np.nan, 0.1).astype(np.float32)
    write_recording(Recording.from_mono(holed, 16000), folder / "nan.wav", exact=True)
    return folder


ALONE = (
    (
        ("--audio", "noise.wav"),
        "auscult diagnose CHECKPOINT --model package.module:callable --audio noise.wav",
    ),
    (
        ("--audio", "right.wav"),
        "if it still sounds wrong: auscult diagnose --audio right.wav --reference-audio WHAT_IT_SHOULD_BE.wav",
    ),
    (
        ("--reference-audio", "right.wav"),
        "auscult diagnose --audio OUTPUT.wav --reference-audio right.wav",
    ),
    (("vocoder.pth",), "auscult diagnose vocoder.pth --model package.module:callable"),
    (("--config", "config.json"), "auscult diagnose --audio OUTPUT.wav --config config.json"),
    (
        ("--audio", "noise.wav", "--reference-audio", "right.wav"),
        "auscult diagnose CHECKPOINT --model package.module:callable --audio noise.wav --reference-audio right.wav",
    ),
    (
        ("vocoder.pth", "--audio", "noise.wav"),
        "auscult diagnose vocoder.pth --model package.module:callable --audio noise.wav",
    ),
)
"""What is given, and the run that would settle what it leaves open."""


@pytest.mark.parametrize(
    ("given", "following"),
    ALONE,
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_one_kind_of_evidence_names_the_run_that_settles_it(
    files: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    given: tuple[str, ...],
    following: str,
) -> None:
    monkeypatch.chdir(files)
    code = run_command_line(["diagnose", *given])
    said = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("next"))
    assert said == f"next      {following}"
    assert (code == 0) is following.startswith("if it still sounds wrong")
    options = {option.opts[0] for option in diagnose_command.params}
    assert {word for word in shlex.split(following) if word.startswith("--")} <= options


def test_traces_of_other_inputs_ask_for_the_same_inputs(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from auscult.verbs.trace import record_trace

    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    sides = [str(tmp_path / f"{name}.safetensors") for name in ("reference", "candidate")]
    for side, value in zip(sides, (1.0, 2.0), strict=True):
        record_trace(model, {"input": np.full((1, 4), value, np.float32)}, output=side)
    same, other = diagnose(traces=(sides[0], sides[0])), diagnose(traces=(sides[0], sides[1]))
    assert verdict_and_cause(same) == (Verdict.PASS, None)
    assert verdict_and_cause(other) == (Verdict.INCONCLUSIVE, None)
    following = f"auscult trace package.module:callable --inputs {sides[0]} -o {sides[1]} --force"
    assert other.extra["diagnosis"]["next"] == following


WRONG = (
    (("--audio", "missing.wav"), "missing.wav: there is no such file"),
    (("--audio", "vocoder.pth"), "vocoder.pth: cannot be read as sound"),
    (("right.wav",), "right.wav: is a recording, not a checkpoint"),
    (("missing.pth",), "missing.pth: is no file or folder"),
    (("vocoder.pth", "--reference-checkpoint", "config.json"), "config.json: "),
    (("vocoder.pth", "--model", "missing.py:Model"), "missing.py: there is no such file"),
    (("--model", "missing.py:Model"), "there is no checkpoint to hold that against"),
    (("--traces", "missing.safetensors", "empty.safetensors"), "missing.safetensors: "),
    (("--traces", "empty.safetensors", "empty.safetensors"), "empty.safetensors: "),
    (("--traces", "vocoder.pth", "vocoder.pth"), "vocoder.pth: cannot be run"),
    (
        ("--audio", "right.wav", "--config", "right.wav"),
        "right.wav: cannot be read as a config (expected JSON or YAML",
    ),
    (
        ("--audio", "right.wav", "--report", "config.json"),
        "config.json: is not a report of auscult",
    ),
    (
        ("vocoder.pth", "--reference-checkpoint", "vocoder.pth"),
        "vocoder.pth: is held against itself",
    ),
    (
        ("--audio", "right.wav", "--reference-audio", "right.wav"),
        "right.wav: is held against itself",
    ),
    (
        ("vocoder.pth", "--reference-checkpoint", "other.safetensors"),
        "vocoder.pth: has no tensor in common with its original",
    ),
    ((), "there is nothing to diagnose"),
)
"""Evidence that is none, and the beginning of what is said about it."""


@pytest.mark.parametrize(
    ("given", "said"), WRONG, ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_wrong_evidence_is_one_line(
    files: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    given: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(files)
    assert run_command_line(["diagnose", *given]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    errors = [
        line
        for line in captured.err.splitlines()
        if not line.startswith("auscult: running your code")
    ]
    assert len(errors) == 1
    assert errors[0].startswith(f"auscult: {said}")
    assert ";" in errors[0]  # what to do next
    assert "defect of auscult" not in errors[0]


@pytest.mark.filterwarnings("error")
def test_samples_that_are_no_numbers_are_told_without_noise(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(["diagnose", "--audio", str(files / "nan.wav")]) == 3
    captured = capsys.readouterr()
    assert "non-finite-sound" in captured.out
    assert captured.err == ""


def test_the_saved_report_says_where_it_comes_from(
    files: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(files)
    saved = tmp_path / "report.json"
    run_command_line(
        [
            "diagnose",
            "--audio",
            "fast.wav",
            "--reference-audio",
            "right.wav",
            "-o",
            str(saved),
            "-q",
        ]
    )
    provenance = json.loads(saved.read_text())["provenance"]
    assert [Path(file["path"]).name for file in provenance["files"]] == ["fast.wav", "right.wav"]
    assert all(len(file["sha256"]) == 64 for file in provenance["files"])
    assert provenance["versions"]["auscult"]
    again = tmp_path / "again.json"
    run_command_line(["report", str(saved), "-o", str(again), "-q"])
    assert json.loads(again.read_text())["provenance"] == provenance


def test_the_command_says_the_cause_on_one_screen(
    files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(files)
    assert (
        run_command_line(["diagnose", "--audio", "fast.wav", "--reference-audio", "right.wav"]) == 1
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("DIVERGENT")
    assert lines[1].startswith("cause     sample-rate-label (SND")
    assert any(line.startswith("next      ") and "16000" in line for line in lines)
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 100
