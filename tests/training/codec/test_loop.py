"""A run: it learns, resumes bit for bit after any kill, survives NaN steps and a full disk, and stops with a diagnosis."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("accelerate")

from auscult.errors import CheckpointError  # noqa: E402
from auscult.families.codec import storage  # noqa: E402
from auscult.families.codec.storage import read_codec, read_tensors  # noqa: E402
from auscult.training.codec.loop import train  # noqa: E402
from auscult.training.codec.trainer import RELEASE, Trainer  # noqa: E402
from auscult.training.loop import LOG_EVERY, TrainingError  # noqa: E402
from auscult.training.steps import find_learning_rate  # noqa: E402
from auscult.training.trainer import RESUME  # noqa: E402
from tests.training.codec.small import config, speech  # noqa: E402

EVERYTHING = {
    "mel_weight": 0.1,
    "adversarial_weight": 0.1,
    "matching_weight": 0.1,
    "critic_channels": 2,
    "critic_start": 3,
    "balance": True,
    "dropout": 0.5,
}


def lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "train.jsonl").read_text().splitlines()]


def same_state(a: Path, b: Path) -> bool:
    first, second = read_tensors(a / RESUME)[0], read_tensors(b / RESUME)[0]
    return first.keys() == second.keys() and all(
        torch.equal(first[name], second[name]) for name in first
    )


def test_a_run_learns_and_leaves_a_codec_that_can_be_used(tmp_path: Path) -> None:
    figures = train(
        config(
            tmp_path, steps=60, evaluate_every=30, save_every=30, watch_every=20, start="random"
        ),
        speech(),
    )
    log = lines(tmp_path)
    start, first, last = (entry["validation"]["snr"] for entry in log if "validation" in entry)
    assert last > first > max(start, 3)
    assert log[-1]["held_out"]["snr"] == pytest.approx(figures["snr"], abs=1e-3)
    assert [entry["step"] for entry in log if "monitor" in entry] == [20, 40, 60]
    codec, about = read_codec(tmp_path / RELEASE)
    assert about["step"] == 60
    from auscult.training.codec.validate import evaluate_codec

    assert evaluate_codec(codec, speech().held_out)["snr"] == pytest.approx(
        figures["snr"], abs=0.05
    )


@pytest.mark.parametrize("more", [{}, EVERYTHING], ids=["plain", "everything"])
def test_a_resumed_run_is_the_same_bit_for_bit(tmp_path: Path, more: dict[str, Any]) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(config(whole, **more), speech())
    for stop in (4, 8):
        with pytest.MonkeyPatch.context() as patch:
            if stop == 4:  # the process dies during step 5: its last checkpoint is that of step 4
                patch.setattr(Trainer, "train_step", _dying(Trainer.train_step))
                with pytest.raises(KeyboardInterrupt):
                    train(config(parts, **more), speech())
            else:
                train(config(parts, **more), speech())
    assert same_state(whole, parts)
    assert [entry.get("step") for entry in lines(parts)] == [
        entry.get("step") for entry in lines(whole)
    ]


def _dying(step: Any) -> Any:
    def train_step(self: Trainer) -> dict[str, float]:
        if self.step == 5:
            raise KeyboardInterrupt
        return step(self)

    return train_step


SCRIPT = """
import sys
from dataclasses import replace
from pathlib import Path
sys.path[:0] = {path!r}
from auscult.training.codec.loop import train
from tests.training.codec.small import config, speech
train(config(Path(sys.argv[1]), steps=40, save_every=3, **{more!r}), speech())
"""


@pytest.mark.slow
def test_killed_at_any_step_it_goes_on_bit_for_bit(tmp_path: Path) -> None:
    """kill -9, three times, wherever the run happens to be."""
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    command = [sys.executable, "-c", SCRIPT.format(path=sys.path, more={}), str(killed)]
    kills = 0
    for wait in (1, 4, 2):
        process = subprocess.Popen(
            command, env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=subprocess.DEVNULL
        )
        seen = _saved(killed)
        while process.poll() is None and _saved(killed) < seen + wait:
            time.sleep(0.002)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
    subprocess.run(
        command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=subprocess.DEVNULL
    )
    train(config(whole, steps=40, save_every=3), speech())
    assert kills >= 2
    assert same_state(killed, whole)


def _saved(out: Path) -> int:
    """A number that grows with every checkpoint."""
    try:
        return int(read_tensors(out / RESUME)[1]["step"]) // 3
    except CheckpointError:
        return 0


@pytest.mark.slow
def test_two_processes_train_as_one_does(tmp_path: Path) -> None:
    """torchrun with gloo; the same segments in all, so the same codec but for the order of sums.

    No code is moved as dead here: which ones are, and where to, can hang on the last digit of a sum.
    """
    script = tmp_path / "run.py"
    script.write_text(SCRIPT.format(path=sys.path, more={"dead_share": 0.0}))
    base = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    for count in ("1", "2"):
        command = [*base, count, str(script), str(tmp_path / count)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
    one, two = (lines(tmp_path / count) for count in ("1", "2"))
    for a, b in zip(one, two, strict=True):
        if "held_out" in a:
            assert a["held_out"]["snr"] == pytest.approx(b["held_out"]["snr"], abs=0.3)
    first, second = (read_tensors(tmp_path / count / RESUME)[0] for count in ("1", "2"))
    weights = [name for name in first if name.startswith("codec.") and name.endswith("original1")]
    difference = max(
        float((first[name] - second[name]).norm() / first[name].norm()) for name in weights
    )
    assert difference < 0.05


def test_a_step_without_a_finite_gradient_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = Trainer(config(tmp_path), speech())
    trainer.place_codebooks()
    trainer.train_step()
    before = {name: value.clone() for name, value in trainer.state().items()}
    monkeypatch.setattr(
        trainer.losses, "forward", lambda output, _target: {"waveform": output.sum() * float("nan")}
    )
    figures = trainer.train_step()
    assert figures["gradient"] != figures["gradient"]  # NaN
    assert (trainer.bad_steps, trainer.step) == (1, 2)
    after = trainer.state()
    assert all(torch.equal(before[name], after[name]) for name in before)
    monkeypatch.undo()
    trainer.train_step()
    assert trainer.bad_steps == 0


def test_nothing_but_nan_steps_is_an_error_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "auscult.training.codec.losses.waveform_loss",
        lambda output, _target: output.sum() * float("inf"),
    )
    with pytest.raises(TrainingError, match="lower the learning rate"):
        train(config(tmp_path, steps=50, save_every=100, evaluate_every=100), speech())


def test_a_full_disk_leaves_the_last_checkpoint_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(config(tmp_path, steps=2), speech())
    kept = (tmp_path / RESUME).read_bytes()

    def full(tensors: Any, path: Path, _metadata: Any) -> None:
        path.write_bytes(b"part of a file")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(storage, "save_file", full)
    with pytest.raises(TrainingError, match="make room on the disk"):
        train(config(tmp_path), speech())
    assert (tmp_path / RESUME).read_bytes() == kept
    assert not list(tmp_path.glob(".*.part"))
    assert [entry["not_saved"] for entry in lines(tmp_path) if "not_saved" in entry] == [1, 2, 3]
    monkeypatch.undo()
    train(config(tmp_path), speech())
    assert read_tensors(tmp_path / RESUME)[1]["step"] == 8


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    train(config(tmp_path, steps=2), speech())
    content = (tmp_path / RESUME).read_bytes()
    (tmp_path / RESUME).write_bytes(content[: len(content) // 2])
    with pytest.raises(CheckpointError, match="cannot be read"):
        train(config(tmp_path), speech())
    (tmp_path / RESUME).write_bytes(content)
    with pytest.raises(CheckpointError, match="no codec of this version"):
        read_codec(tmp_path / RESUME)


def test_the_monitor_stops_a_run_whose_codebooks_die(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Trainer.train_step

    def poisoned(self: Trainer) -> dict[str, float]:
        figures = step(self)
        for book in self.books.books[:1]:
            book.codes[1:] = 1e6
        return figures

    monkeypatch.setattr(Trainer, "train_step", poisoned)
    with pytest.raises(TrainingError, match="codebook-collapse"):
        train(config(tmp_path, steps=20, watch_every=2), speech())
    assert any(
        "codebook-collapse" in cause
        for entry in lines(tmp_path)
        for cause in entry.get("causes", ())
    )


def test_the_rate_warms_up_stays_and_falls(tmp_path: Path) -> None:
    c = config(tmp_path, steps=100, warmup=10, decay_share=0.5, learning_rate=1.0, final_rate=0.1)
    rates = [find_learning_rate(step, c) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[10:50] == [1.0] * 40
    assert rates[50:] == sorted(rates[50:], reverse=True)
    assert rates[100] == pytest.approx(0.1)
    assert LOG_EVERY > 0
