"""listen on a set: references paired by name, and recordings in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from auscult.errors import UsageError
from auscult.finding import Severity
from auscult.sound.recording import Recording, write_recording
from auscult.verbs.listen.listen import listen
from auscult.verbs.listen.pairs import pair_files
from auscult.verdict import Verdict
from tests.verbs.test_listen import RATE, voice


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """outs/ and refs/: `a` at half the rate that its header says, `b` as its reference, one more on each side."""
    root = tmp_path_factory.mktemp("sets")
    for name, seed in (("a", 1), ("b", 2)):
        for folder in ("outs", "refs"):
            (root / folder).mkdir(exist_ok=True)
            write_recording(voice(1.5, seed), root / folder / f"{name}.wav")
    write_recording(voice(1.5, 3), root / "outs" / "more.wav")
    write_recording(voice(1.5, 4), root / "refs" / "unused.flac")
    fast = voice(1.5, 1)
    write_recording(Recording(fast.samples[:, ::2], RATE), root / "outs" / "a.wav")
    return root


def test_every_file_is_held_against_the_reference_of_its_name(sets: Path) -> None:
    report = listen(sets / "outs", reference=sets / "refs", workers=0)
    rows = {Path(row["file"]).stem: row for row in report.extra["recordings"]}
    assert rows["a"]["reference"] == str(sets / "refs" / "a.wav")
    assert {cause["severity"] for cause in rows["a"]["causes"]} >= {"error"}
    assert [cause["cause"] for cause in rows["b"]["causes"]] == []
    assert "reference" not in rows["more"]
    assert "reference" not in report.extra
    reasons = {skip.where: skip.reason for skip in report.skips}
    assert "without a reference" in reasons[str(sets / "outs" / "more.wav")]
    assert "no recording" in reasons[str(sets / "refs" / "unused.flac")]
    assert report.verdict is Verdict.DIVERGENT


def test_files_below_folders_are_paired_by_place_then_by_name(tmp_path: Path) -> None:
    for place in (
        "outs/x/1.wav",
        "outs/y/1.wav",
        "outs/3.wav",
        "refs/x/1.flac",
        "refs/y/1.flac",
        "refs/z/3.wav",
    ):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        write_recording(Recording.from_mono(np.zeros(10, np.float32), RATE), tmp_path / place)
    paths = [str(tmp_path / "outs" / name) for name in ("x/1.wav", "y/1.wav", "3.wav")]
    pairs = pair_files(paths, tmp_path / "refs", [tmp_path / "outs"])
    assert pairs.references == tuple(
        str(tmp_path / "refs" / name) for name in ("x/1.flac", "y/1.flac", "z/3.wav")
    )
    assert pairs.skips == ()
    with pytest.raises(UsageError, match="of one recording alone"):
        pair_files(paths[:2], tmp_path / "refs" / "x")


def test_a_folder_without_a_partner_is_an_error(sets: Path) -> None:
    with pytest.raises(UsageError, match="holds no file that has the name"):
        listen(sets / "outs" / "more.wav", reference=sets / "refs")


def test_samples_and_their_rate(sets: Path) -> None:
    samples = voice(1.5, 2).samples[0]
    report = listen((samples, RATE))
    assert (report.verdict, report.subjects) == (Verdict.PASS, ("recording",))
    assert listen((samples, RATE), reference=sets / "refs" / "b.wav").verdict is Verdict.PASS
    silent = listen([(samples, RATE), (np.zeros_like(samples), RATE)])
    errors = [finding for finding in silent.findings if finding.severity is Severity.ERROR]
    assert [finding.where for finding in errors] == [("recording 2",)]
    with pytest.raises(UsageError, match="has no sample rate"):
        listen(samples)
