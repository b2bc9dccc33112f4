"""Series out of logs as trainers write them, and what the rules say of right and of failed ones."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from auscult.cli.main import run_command_line
from auscult.finding import Finding
from auscult.preflight_checks.log import read_log
from auscult.preflight_checks.log_series import LogSeries
from auscult.verbs.preflight import preflight


def read(tmp_path: Path, text: str, name: str = "train.log") -> dict[str, LogSeries]:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    return {series.name: series for series in read_log(file).series}


def judge(tmp_path: Path, text: str, name: str = "train.log") -> list[Finding]:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    return list(preflight(log=file).findings)


def test_lines_with_several_figures_and_words_of_several_parts(tmp_path: Path) -> None:
    text = "".join(
        f"Steps : {step}, Gen Loss Total : {30 - step / 100}, Mel-Spec. Error : 0.{step}, s/b : 0.31\n"
        for step in (5, 10)
    )
    series = read(tmp_path, text)
    assert series["Gen Loss Total"].values == (29.95, 29.9)
    assert series["Mel-Spec. Error"].values == (0.5, 0.1)
    assert [point.step for point in series["Gen Loss Total"].points] == [5, 10]


def test_times_and_counters_are_no_figures(tmp_path: Path) -> None:
    text = "2024-04-08 13:55:13 INFO: epoch: 3 step: 7 loss: 0.5 step_time: 0.2\n" * 2
    assert set(read(tmp_path, text)) == {"loss"}


def test_json_lines_nested_and_csv(tmp_path: Path) -> None:
    text = (
        '{"_step": 1, "train": {"loss": 2.0}, "ok": true}\n{"_step": 2, "train": {"loss": NaN}}\n'
    )
    series = read(tmp_path, text)
    assert list(series) == ["train/loss"]
    assert math.isnan(series["train/loss"].values[1])
    table = "step,val_loss,lr-AdamW\n0,1.5,1e-4\n100,,1e-4\n200,1.25,1e-4\n"
    series = read(tmp_path, table, "metrics.csv")
    assert series["val_loss"].values == (1.5, 1.25)
    assert series["val_loss"].points[-1].step == 200


def test_an_export_of_wandb_has_a_curve_once_with_its_steps(tmp_path: Path) -> None:
    table = (
        '"Step","run - loss","run - loss__MIN","run - loss__MAX"\n0,3.5,3.5,3.5\n10,2.5,2.5,2.6\n'
    )
    (series,) = read(tmp_path, table, "wandb_export.csv").values()
    assert (series.name, series.values, series.points[1].step) == ("run - loss", (3.5, 2.5), 10)
    history = '{"_step": 5, "loss": 3.0, "_runtime": 2.5}\n{"_step": 6, "loss": 2.0}\n'
    (series,) = read(tmp_path, history, "wandb-history.jsonl").values()
    assert [point.step for point in series.points] == [5, 6]


def test_whole_files_of_json_as_flashy_and_transformers_write_them(tmp_path: Path) -> None:
    history = '[{"train": {"ppl": 900.5, "ce": 6.8}, "valid": {"ce": 6.9}}, {"train": {"ppl": 1.0, "ce": 5.5}}]'
    series = read(tmp_path, history, "history.json")
    assert {name: row.values for name, row in series.items()} == {
        "train/ppl": (900.5, 1.0),
        "train/ce": (6.8, 5.5),
    }
    assert str(series["train/ce"].points[1]) == "epoch 2"
    state = '{"epoch": 2, "log_history": [{"loss": 2.0, "step": 10}, {"loss": 1.0, "step": 20}]}'
    (row,) = read(tmp_path, state, "trainer_state.json").values()
    assert [(point.step, point.value) for point in row.points] == [(10, 2.0), (20, 1.0)]


def test_the_command_takes_the_folder_of_a_run(tmp_path: Path) -> None:
    metrics = tmp_path / "run" / "metrics"
    metrics.mkdir(parents=True)
    (metrics / "loss").write_text("1700000000 0.5 10\n1700000001 nan 20\n")
    assert run_command_line(["preflight", "--log", str(tmp_path / "run")]) == 1


def test_an_mlflow_run(tmp_path: Path) -> None:
    metrics = tmp_path / "run" / "metrics" / "train"
    metrics.mkdir(parents=True)
    (metrics / "loss").write_text("1700000000 0.5 10\n1700000001 0.25 20\n")
    (series,) = read_log(tmp_path / "run").series
    assert (series.name, series.values, series.points[0].step) == ("train/loss", (0.5, 0.25), 10)


def test_event_files_of_tensorboard(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(tmp_path / "events"))
    for step in range(3):
        writer.add_scalar("training/mel_loss", 1.0 / (step + 1), step * 100)
    writer.close()
    (series,) = read_log(tmp_path / "events").series
    assert series.name == "training/mel_loss"
    assert series.values == pytest.approx((1.0, 0.5, 1 / 3))
    assert series.points[-1].step == 200


RIGHT_LOGS = {
    "a critic of hinge losses at 0 while the generator goes on": "".join(
        f"step {step}: d_loss = {0.0 if step > 300 else 1.5}, g_loss = {2.0 + step / 1000}\n"
        for step in range(0, 1000, 100)
    ),
    "a cosine that ends at 0": "".join(
        f"step: {step} loss: {1 / (step + 1):.5f} lr: {1e-4 * (1 + math.cos(math.pi * step / 900)) / 2}\n"
        for step in range(0, 1000, 100)
    ),
    "a language model's perplexity": "".join(
        f"step: {step} ppl: {1.2 + 50 / (step + 1)}\n" for step in range(0, 1000, 100)
    ),
    "a term that is switched off": "".join(
        f"step: {step} adv_loss: 0.00000 mel_loss: {10 / (step + 1):.4f}\n"
        for step in range(0, 5000, 500)
    ),
    "gaps written as NaN": "".join(
        f"step: {step} val_loss: {'nan' if step % 200 else 0.5 - step / 1e4}\n"
        for step in range(0, 1001, 100)
    ),
    "one skipped step of a loss scaler": (
        "step: 1 loss: inf\nstep: 2 loss: 9.5\nstep: 3 loss: 9.1\n"
    ),
}


@pytest.mark.parametrize("text", RIGHT_LOGS.values(), ids=RIGHT_LOGS.keys())
def test_right_logs_are_left_alone(tmp_path: Path, text: str) -> None:
    assert judge(tmp_path, text) == []


FAILED_LOGS = {
    "codebook-collapse": "".join(
        f"step: {step} vq/perplexity: {1.0007 if step > 200 else 300.0}\n"
        for step in range(0, 2000, 100)
    ),
    "schedule-decay": "".join(
        f"step: {step} loss: {9 - step / 1e6:.5f} lr: {2e-4 * 0.999**step}\n"
        for step in range(0, 100_000, 10_000)
    ),
    "training-diverged": "".join(
        f"step: {step} loss: {'nan' if step > 500 else 3.0 - step / 1000}\n"
        for step in range(0, 1000, 100)
    ),
    "critic-wins": "".join(
        f"step: {step} loss_disc_all: {0.001 if step > 700 else 3.1} loss_gen_all: {900.0 if step > 700 else 35}\n"
        for step in range(0, 1000, 100)
    ),
    "stuck-loss": "".join(
        f"step: {step} loss: {19770.25 if step > 300 else 2e4 - step}\n"
        for step in range(0, 3000, 300)
    ),
}


@pytest.mark.parametrize(("name", "text"), FAILED_LOGS.items())
def test_each_failure_by_its_name(tmp_path: Path, name: str, text: str) -> None:
    findings = judge(tmp_path, text)
    assert [finding.cause for finding in findings] == [name]
    assert "step" in findings[0].message


def test_a_report_says_which_series_were_read(tmp_path: Path) -> None:
    file = tmp_path / "train.log"
    file.write_text("step: 1 loss: 2.0\nstep: 2 loss: 1.5\n")
    report = preflight(log=file)
    assert report.section is not None
    assert report.to_json()["preflight"]["log"] == [{"name": "loss", "figures": 2, "last": 1.5}]
