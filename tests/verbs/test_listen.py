"""listen: one file, many, folders, long ones in blocks, unreadable ones, workers; what it says and what it leaves out."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import jsonschema
import numpy as np
import pytest

import auscult
from auscult.errors import UsageError
from auscult.rules.sound.subject import SoundFacts
from auscult.sound.recording import Recording, write_recording
from auscult.verbs.listen.facts import read_sound_facts
from auscult.verbs.listen.listen import listen
from auscult.verdict import Verdict
from tests.conftest import Ran

RATE = 16000
SCHEMA = json.loads(resources.files("auscult").joinpath("schemas/report.schema.json").read_text())


def voice(seconds: float = 3.0, seed: int = 0) -> Recording:
    """A voice-like sound: harmonics of a gliding pitch that come and go, each at its own pace, and some breath."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(RATE * seconds)) / RATE
    phase = (
        2
        * np.pi
        * np.cumsum(130 + 25 * np.sin(2 * np.pi * 0.7 * time) + 9 * np.sin(2 * np.pi * 1.9 * time))
        / RATE
    )
    total = np.zeros_like(time)
    for harmonic in range(1, 30):
        gain = 0.5 + 0.5 * np.sin(2 * np.pi * rng.uniform(2, 6) * time + rng.uniform(0, 6.28))
        total += gain / harmonic**0.7 * np.sin(harmonic * phase)
    loudness = 0.55 + 0.45 * np.sin(2 * np.pi * 4.3 * time)
    return Recording.from_mono(
        (0.05 * total * loudness + 1e-3 * rng.standard_normal(len(time))).astype(np.float32), RATE
    )


def with_gaps(recording: Recording) -> Recording:
    samples = recording.samples.copy()
    loud = np.flatnonzero(np.abs(samples[0]) > 0.5 * np.abs(samples[0]).max())
    for start in loud[:: len(loud) // 8]:
        samples[:, start : start + 320] = 0
    return Recording(samples, recording.sample_rate)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_recording(voice(), tmp_path / "clean.wav")
    write_recording(with_gaps(voice()), tmp_path / "gaps.wav")
    (tmp_path / "sub").mkdir()
    write_recording(
        Recording.from_mono(np.zeros(RATE, np.float32), RATE), tmp_path / "sub" / "silent.flac"
    )
    (tmp_path / "sub" / "broken.wav").write_bytes(b"RIFF....WAVE")
    (tmp_path / "notes.txt").write_text("no sound")
    return tmp_path


def test_a_clean_file_passes(folder: Path) -> None:
    report = listen(folder / "clean.wav")
    assert (report.verdict, report.findings) == (Verdict.PASS, ())
    recording = report.extra["recording"]
    assert (recording["sample_rate"], recording["channels"], recording["seconds"]) == (RATE, 1, 3.0)
    assert {"peak_dbfs", "rms_dbfs", "mean", "movement_db"} <= set(recording["measures"])
    assert {len(row) for row in recording["outline"]["rows"]} == {64}


def test_a_defect_has_its_times(folder: Path) -> None:
    report = listen(folder / "gaps.wav")
    assert report.verdict is Verdict.DIVERGENT
    first = report.findings[0]
    assert first.cause == "dropouts"
    assert len(first.times) >= 2
    assert all(0.019 < stop - start < 0.021 for start, stop in first.times)


def test_what_cannot_be_told_is_listed(folder: Path) -> None:
    reasons = " ".join(f"{skip.where} {skip.reason}" for skip in listen(folder / "clean.wav").skips)
    assert "the model's hop is not known" in reasons
    assert "time-stretch" in reasons
    assert "--ref" in reasons


def test_facts_take_skips_away(folder: Path) -> None:
    facts = SoundFacts(sample_rate=RATE, hop=256, strides=(8, 8, 2, 2), text="twelve words")
    skips = listen(folder / "clean.wav", facts=facts).skips
    assert [skip.reason for skip in skips] == ["cannot be told without a reference (--ref)"]


def test_a_folder_a_pattern_and_a_file_twice(folder: Path) -> None:
    report = listen([folder, folder / "clean.wav", str(folder / "*.wav")])
    assert report.coverage is not None
    assert dict(report.coverage.buckets) == {
        "clean": 1,
        "suspicious": 0,
        "defective": 2,
        "unreadable": 1,
    }
    assert {finding.cause for finding in report.findings} == {
        "dropouts",
        "silence",
        "unreadable-sound",
    }
    assert [Path(row["file"]).name for row in report.extra["recordings"]] == [
        "clean.wav",
        "gaps.wav",
        "broken.wav",
        "silent.flac",
    ]


def test_an_unreadable_file_is_a_finding(folder: Path) -> None:
    report = listen(folder / "sub" / "broken.wav")
    assert report.verdict is Verdict.DIVERGENT
    assert [(f.cause, Path(f.where[0]).name) for f in report.findings] == [
        ("unreadable-sound", "broken.wav")
    ]


def test_an_empty_file_is_a_finding(tmp_path: Path) -> None:
    write_recording(Recording.from_mono(np.zeros(0, np.float32), RATE), tmp_path / "empty.wav")
    (finding,) = listen(tmp_path / "empty.wav").findings
    assert finding.cause == "unreadable-sound"


@pytest.mark.parametrize("count", [1, 2, 3, 40, 700])
def test_a_file_of_a_few_samples_is_no_crash(tmp_path: Path, count: int) -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal(count).astype(np.float32)
    write_recording(Recording.from_mono(noise, RATE), tmp_path / "short.wav")
    assert (
        listen(tmp_path / "short.wav", facts=SoundFacts(RATE, 256, (8, 8, 2, 2), 0.01, "a")).extra[
            "recording"
        ]["seconds"]
        > 0
    )


@pytest.mark.parametrize("channels", [3, 6])
def test_many_channels(channels: int) -> None:
    samples = np.stack([voice(seed=seed).samples[0] for seed in range(channels)])
    assert listen(Recording(samples, RATE)).verdict is Verdict.PASS


def test_nothing_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        listen(tmp_path / "absent.wav")
    with pytest.raises(UsageError, match="no sound files"):
        listen(tmp_path)


def test_a_folder_says_what_it_passed_over(folder: Path) -> None:
    (folder / "song.m4a").write_bytes(b"....ftypM4A ")
    skips = {skip.where: skip.reason for skip in listen(folder, workers=0).skips}
    assert "not listened to" in skips["1 .m4a, 1 .txt"]
    alone = listen(folder / "clean.wav").skips
    assert not [skip for skip in alone if "not listened to" in skip.reason]


def test_a_folder_of_other_files_is_an_error_that_names_them(tmp_path: Path) -> None:
    (tmp_path / "song.webm").write_bytes(b"")
    with pytest.raises(UsageError, match=r"1 \.webm"):
        listen(tmp_path)


@pytest.mark.slow
def test_worker_processes_say_the_same(folder: Path) -> None:
    alone, together = listen(folder, workers=0), listen(folder, workers=2)
    assert together.to_json() == alone.to_json()


def test_progress_counts_the_files(folder: Path) -> None:
    calls: list[tuple[int, int, str]] = []
    listen(folder, workers=0, progress=lambda done, total, what: calls.append((done, total, what)))
    assert [(done, total) for done, total, _ in calls] == [(0, 4), (1, 4), (2, 4), (3, 4)]


def test_a_long_file_is_heard_in_blocks(tmp_path: Path) -> None:
    clean = voice(30.0)
    gaps = with_gaps(clean)
    write_recording(
        Recording(np.concatenate([clean.samples, gaps.samples, clean.samples], axis=1), RATE),
        tmp_path / "long.wav",
    )
    report = listen(tmp_path / "long.wav")
    assert [finding.cause for finding in report.findings] == ["dropouts"]
    finding = report.findings[0]
    assert (finding.evidence["parts"], finding.evidence["of_parts"]) == (1, 3)
    assert all(30.0 <= start < stop <= 60.0 for start, stop in finding.times)


def test_most_of_a_long_file_has_to_be_steady(tmp_path: Path) -> None:
    noise = (0.05 * np.random.default_rng(0).standard_normal(30 * RATE)).astype(np.float32)[None]
    speech = voice(30.0).samples
    write_recording(
        Recording(np.concatenate([speech, noise, speech], axis=1), RATE), tmp_path / "a.wav"
    )
    write_recording(
        Recording(np.concatenate([noise, noise[:, ::-1], speech], axis=1), RATE), tmp_path / "b.wav"
    )
    assert listen(tmp_path / "a.wav").findings == ()
    assert [finding.cause for finding in listen(tmp_path / "b.wav").findings] == ["noise"]


def test_silence_at_the_end_of_a_long_file(tmp_path: Path) -> None:
    padded = np.pad(voice(40.0).samples, ((0, 0), (0, 60 * RATE)))
    write_recording(Recording(padded, RATE), tmp_path / "long.wav")
    (finding,) = listen(tmp_path / "long.wav").findings
    assert finding.cause == "padded-sound"
    assert finding.times[0][0] == pytest.approx(40.0, abs=0.3)


def test_a_reference_that_has_it_too(tmp_path: Path) -> None:
    write_recording(with_gaps(voice()), tmp_path / "a.wav")
    report = listen(tmp_path / "a.wav", reference=tmp_path / "a.wav")
    assert report.verdict is Verdict.PASS
    assert any("the reference has it too" in skip.reason for skip in report.skips)


@pytest.mark.parametrize(
    ("config", "facts"),
    [
        (
            {"sampling_rate": 22050, "hop_size": 256, "upsample_rates": [8, 8, 2, 2]},
            SoundFacts(22050, 256, (8, 8, 2, 2)),
        ),
        ({"model": {"sample_rate": 24000, "hop_length": 300}}, SoundFacts(24000, 300)),
        (
            {"data": {"sr": "16000"}, "generator": {"upsample_scales": [5, 4, 4, 2]}},
            SoundFacts(16000, 160, (5, 4, 4, 2)),
        ),
        ({"sampling_rate": None, "strides": "8x8", "hop": True}, SoundFacts()),
    ],
)
def test_facts_from_a_config(tmp_path: Path, config: dict[str, object], facts: SoundFacts) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    assert read_sound_facts(path) == facts


def test_facts_from_the_bundled_checkpoint() -> None:
    from auscult import data

    facts = read_sound_facts(checkpoint=data.path(data.VOCODER))
    assert facts.sample_rate == 16000
    assert facts.hop == int(np.prod(facts.strides))


def test_given_facts_win(folder: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"sampling_rate": 22050, "hop_size": 256}))
    report = listen(folder / "clean.wav", config=config)
    assert [finding.cause for finding in report.findings] == ["sample-rate-label"]
    assert "22,050" in report.findings[0].message
    assert (
        listen(folder / "clean.wav", config=config, facts=SoundFacts(sample_rate=RATE)).findings
        == ()
    )


def test_the_command_line(folder: Path, auscult: Callable[..., Ran]) -> None:
    ran = auscult(
        "listen", folder / "gaps.wav", "--hop", 256, "--strides", "8,8,2,2", "--sample-rate", RATE
    )
    assert ran.exit_code == 1
    lines = ran.out.splitlines()
    assert lines[0] == f"DIVERGENT  {folder / 'gaps.wav'}"
    assert lines[2] == "1 file = 1 defective"
    assert lines[4] == "16,000 Hz, mono, 3.00 s, WAV PCM_16"
    assert any("▲" in line and line.endswith("dropouts") for line in lines)
    assert lines[1] == "next  auscult rules SND013"


def test_the_command_line_on_a_folder(folder: Path, auscult: Callable[..., Ran]) -> None:
    ran = auscult("listen", folder, "--workers", 0)
    assert ran.exit_code == 1
    rows = [
        line for line in ran.out.splitlines() if line.startswith(str(folder)) and "SND" not in line
    ]
    assert [row.split()[0].rpartition("/")[2] for row in rows] == [
        "gaps.wav",
        "broken.wav",
        "silent.flac",
        "clean.wav",
    ]
    assert rows[-1].endswith("nothing found")


@pytest.mark.parametrize("name", ["clean.wav", "gaps.wav", "sub/broken.wav", "."])
def test_the_json_keeps_to_its_schema(folder: Path, name: str, auscult: Callable[..., Ran]) -> None:
    ran = auscult("listen", folder / name, "--format", "json", "--workers", 0)
    report = json.loads(ran.out)
    jsonschema.validate(report, SCHEMA)
    assert ("recording" in report) == (name != ".")


@pytest.mark.parametrize("strides", ["8,x", "0", "8,,2"])
def test_strides_that_are_none(folder: Path, strides: str, auscult: Callable[..., Ran]) -> None:
    ran = auscult("listen", folder / "clean.wav", "--strides", strides)
    assert (ran.exit_code, ran.out) == (2, "")
    assert "--strides" in ran.err


def test_the_library_has_it() -> None:
    assert auscult.listen is listen
    assert "listen" in dir(auscult)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_an_hour_needs_little_memory(tmp_path: Path) -> None:
    """An hour of 44.1 kHz stereo is 1.27 GB as float32; listening to it takes less than 500 MB in all.

    Of the process itself: `ru_maxrss` of a child begins with the peak of the process that started it.
    """
    import soundfile

    if not Path("/proc/self/status").is_file():
        pytest.skip("there is no /proc with the peak of a process")

    rate = 44100
    rise = np.abs(np.sin(np.arange(60 * rate) * 2 * np.pi * 4 / rate))[:, None] ** 2
    minute = (0.1 * rise * np.random.default_rng(0).standard_normal((60 * rate, 2))).astype(
        np.float32
    )
    with soundfile.SoundFile(tmp_path / "hour.wav", "w", rate, 2, "PCM_16") as file:
        for _ in range(60):
            file.write(minute)
    code = (
        "import sys; from auscult.verbs.listen.listen import listen; report = listen(sys.argv[1]); "
        "peaks = [line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM:')]; "
        "print(report.extra['recording']['seconds'], *peaks)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "hour.wav")],
        capture_output=True,
        text=True,
        check=True,
        timeout=1500,
    )
    seconds, peak_kib = ran.stdout.split()
    assert float(seconds) == 3600.0
    assert int(peak_kib) < 500_000


@pytest.mark.slow
def test_ray_says_the_same(folder: Path) -> None:
    ray = pytest.importorskip("ray")
    try:
        assert listen(folder, engine="ray").to_json() == listen(folder, workers=0).to_json()
    finally:
        ray.shutdown()


def test_ray_that_is_not_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match="auscult-audio\\[ray\\]"):
        listen(folder, engine="ray")
