"""Figures from logs as people write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from auscult.errors import UsageError
from auscult.preflight_checks.log import read_log


def claims(
    tmp_path: Path, text: str, name: str = "train.log"
) -> list[tuple[str, float | None, float | None, float | None]]:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    return [
        (claim.where, claim.snr_db, claim.rms_ratio, claim.correlation)
        for claim in read_log(file).claims
    ]


def test_lines_of_text(tmp_path: Path) -> None:
    text = "Epoch 20/100 | loss 0.31 | SNR: -3.74 dB | RMS ratio: 0.42 | corr=0.13\nnothing here\nEpoch 21 snr=-3.1 ratio=.5\n"
    assert claims(tmp_path, text) == [
        ("epoch 20", -3.74, 0.42, 0.13),
        ("epoch 21", -3.1, 0.5, None),
    ]


def test_figures_on_several_lines_of_an_epoch(tmp_path: Path) -> None:
    text = "Epoch 1\n  val_snr_db: 2.5\n  amplitude ratio: 0.8\n  correlation: 0.7\nEpoch 2\n  snr (dB): 3\n  ρ: 0.75\n"
    assert claims(tmp_path, text) == [("epoch 1", 2.5, 0.8, 0.7), ("epoch 2", 3.0, None, 0.75)]


def test_json_lines_and_csv(tmp_path: Path) -> None:
    lines = '{"step": 10, "snr_db": 1.5, "rms_ratio": 0.9}\n{"step": 20, "loss": 1}\n'
    assert claims(tmp_path, lines) == [("step 10", 1.5, 0.9, None)]
    assert claims(tmp_path, "epoch,snr,rms_ratio,corr\n1,2.0,0.7,0.6\n2,,0.7,\n", "a.csv") == [
        ("line 2", 2.0, 0.7, 0.6)
    ]


def test_si_sdr_and_words_are_not_snr(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="reports no figures"):
        claims(tmp_path, "si-snr: 5.0 ratio 0.5\nthe snr was good\n")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_log(tmp_path / "none.log")
