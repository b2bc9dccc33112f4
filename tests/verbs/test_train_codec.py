"""`train codec` and `run codec` from the command line: a folder of sounds to a codec, a sound to codes and back."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

torch = pytest.importorskip("torch")
pytest.importorskip("accelerate")

from auscult.cli.main import run_command_line  # noqa: E402
from tests.training.codec.small import RATE, tones  # noqa: E402

SMALL = (
    "codec.sample_rate=8000",
    "codec.widths=[1,24]",
    "codec.strides=[16]",
    "codec.core=1",
    "codec.latent=16",
    "codec.books=4",
    "codec.book_size=16",
    "codec.delay=16",
    "codec.average=2.5",
    "batch=4",
    "segment=0.25",
    "evaluate_every=10",
    "watch_every=10",
    "threads=1",
)


@dataclass(frozen=True)
class Result:
    exit_code: int
    output: str


def call(*arguments: str) -> Result:
    written = io.StringIO()
    with contextlib.redirect_stdout(written), contextlib.redirect_stderr(written):
        code = run_command_line(arguments)
    return Result(code, written.getvalue())


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("codec")
    for number in range(4):
        soundfile.write(folder / f"{number}.wav", tones(1.5, number), RATE)
    settings = [part for setting in SMALL for part in ("--set", setting)]
    result = call(
        "train",
        "codec",
        "--data",
        str(folder),
        "--out",
        str(folder / "out"),
        "--steps",
        "40",
        *settings,
    )
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0] == f"PASS  {folder}"
    assert "held out: SNR" in result.output
    assert "of at most" in result.output
    return folder


def train_report(folder: Path, *settings: str) -> tuple[int, dict[str, Any]]:
    """Exit code and report of a run of twenty steps on the recordings of a folder."""
    report = folder / "report.json"
    parts = [part for setting in (*SMALL, *settings) for part in ("--set", setting)]
    out = str(folder / "again")
    result = call(
        "train", "codec", "--data", str(folder), "--out", out, "--steps", "20",
        "--flawed", "use", *parts, "-o", str(report),
    )  # fmt: skip
    return result.exit_code, json.loads(report.read_text())


def test_a_short_run_says_that_it_is_not_judged_and_shows_its_curve(
    trained: Path, tmp_path: Path
) -> None:
    for path in trained.glob("*.wav"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    code, report = train_report(tmp_path)
    assert (code, report["findings"]) == (0, [])
    assert [row["step"] for row in report["training"]["curve"]] == [0, 10, 20]
    assert report["skips"][0]["reason"].startswith("20 steps are too few to say")


def test_a_run_that_is_stopped_is_divergent_with_its_cause(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in trained.glob("*.wav"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(
        "auscult.training.codec.losses.waveform_loss",
        lambda output, _target: output.sum() * float("inf"),
    )
    code, report = train_report(tmp_path, "watch_every=0")
    (finding,) = report["findings"]
    assert (code, report["verdict"], finding["cause"]) == (1, "DIVERGENT", "training-diverged")
    assert "stopped at step 20 of 20" in finding["message"]


def test_silent_recordings_are_named_as_that(tmp_path: Path) -> None:
    for number in range(4):
        soundfile.write(tmp_path / f"{number}.wav", np.zeros(RATE, np.float32), RATE)
    code, report = train_report(tmp_path)
    assert code == 2
    assert "every recording to train on is silent" in report["error"]["what"]


def test_encode_and_decode(trained: Path, tmp_path: Path) -> None:
    codec = str(trained / "out" / "codec.safetensors")
    source, codes, again = str(trained / "1.wav"), str(tmp_path / "a.auc"), str(tmp_path / "b.wav")
    result = call(
        "run",
        "codec",
        "--encode",
        source,
        "--codec",
        codec,
        "-o",
        codes,
        "-o",
        str(tmp_path / "r.json"),
    )
    assert result.exit_code == 0, result.output
    facts = json.loads((tmp_path / "r.json").read_text())["run"]
    assert facts["settings"]["bytes"] == Path(codes).stat().st_size
    first = Path(codes).read_bytes()
    call("run", "codec", "--encode", source, "--codec", codec, "-o", codes)
    assert Path(codes).read_bytes() == first  # bit for bit
    result = call("run", "codec", "--decode", codes, "--codec", codec, "-o", again)
    assert result.exit_code == 0, result.output
    x, y = soundfile.read(source)[0], soundfile.read(again)[0]
    assert len(x) == len(y)
    assert 10 * np.log10(np.sum(x**2) / np.sum((x - y) ** 2)) > 3
    bits = 8 * len(first) / 1.5
    assert bits == pytest.approx(
        2.5 * 4 * 500 + 3 * 125, rel=0.1
    )  # codes, depths; headers and checksums beside


def test_mlx_decodes_what_torch_has_encoded(trained: Path, tmp_path: Path) -> None:
    pytest.importorskip("mlx.core")
    codec, codes = str(trained / "out" / "codec.safetensors"), str(tmp_path / "a.auc")
    call("run", "codec", "--encode", str(trained / "2.wav"), "--codec", codec, "-o", codes)
    sounds = []
    for runtime in ("torch", "mlx"):
        path = str(tmp_path / f"{runtime}.wav")
        assert (
            call(
                "run",
                "codec",
                "--decode",
                codes,
                "--codec",
                codec,
                "--runtime",
                runtime,
                "-o",
                path,
            ).exit_code
            == 0
        )
        sounds.append(soundfile.read(path)[0])
    assert np.abs(sounds[0] - sounds[1]).max() < 1e-4


def test_a_damaged_file_is_an_error_or_gives_its_whole_part(trained: Path, tmp_path: Path) -> None:
    codec, codes, part = (
        str(trained / "out" / "codec.safetensors"),
        tmp_path / "a.auc",
        str(tmp_path / "part.wav"),
    )
    call("run", "codec", "--encode", str(trained / "1.wav"), "--codec", codec, "-o", str(codes))
    content = bytearray(codes.read_bytes())
    content[-20] ^= 1
    codes.write_bytes(content)
    result = call("run", "codec", "--decode", str(codes), "--codec", codec, "-o", part)
    assert result.exit_code == 2
    assert "1 damaged block" in result.output
    result = call("run", "codec", "--decode", str(codes), "--salvage", "--codec", codec, "-o", part)
    assert result.exit_code == 1
    assert "1.00 to 1.50 s cannot be decoded" in result.output
    y = soundfile.read(part)[0]
    assert not y[RATE:].any()
    assert y[: RATE // 2].any()


def test_another_codec_is_refused(trained: Path, tmp_path: Path) -> None:
    from auscult.families.codec.storage import read_codec, write_codec

    codec, codes = trained / "out" / "codec.safetensors", str(tmp_path / "a.auc")
    call("run", "codec", "--encode", str(trained / "1.wav"), "--codec", str(codec), "-o", codes)
    model, _ = read_codec(codec)
    with torch.no_grad():
        next(model.parameters()).add_(1e-3)
    write_codec(model, model.config, tmp_path / "other.safetensors", {})
    result = call(
        "run",
        "codec",
        "--decode",
        codes,
        "--codec",
        str(tmp_path / "other.safetensors"),
        "-o",
        str(tmp_path / "b.wav"),
    )
    assert result.exit_code == 2
    assert "written with another codec" in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("train",), "give either a model"),
        (("train", "tokenizer"), "cannot be trained"),
        (("train", "codec", "--set", "stepz=3"), "no such field"),
        (("train", "codec", "--set", "steps"), "NAME=VALUE"),
        (("train", "--study", "nothing"), "no such study"),
        (("run", "codec", "-o", "a.auc"), "give either --encode"),
        (("run", "codec", "--encode", "a.wav"), "give the file to write"),
        (("run", "codec", "--encode", "none.wav", "-o", "a.auc"), "none.wav"),
    ],
)
def test_wrong_arguments_say_what_is_right(
    arguments: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = call(*arguments)
    assert result.exit_code == 2
    assert said in result.output
