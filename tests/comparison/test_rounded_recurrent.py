"""Rounded weights of recurrent layers whose two biases a port adds up."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from auscult.verbs.compare.compare import compare
from auscult.verdict import Verdict

X = {"x": np.random.default_rng(0).normal(size=(1, 20, 8)).astype(np.float32)}


class Recurrent(nn.Module):
    """An LSTM of two layers: as one module with two biases, or as two modules with their sum in one of them."""

    def __init__(self, *, is_split: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        whole = nn.LSTM(8, 8, 2, batch_first=True)
        self.post = nn.Linear(8, 4)
        self.lstm = _split_lstm(whole) if is_split else nn.ModuleList([whole])
        self.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.lstm:
            x = layer(x)[0]
        y: torch.Tensor = self.post(x)
        return y


def _split_lstm(whole: nn.LSTM) -> nn.ModuleList:
    layers = nn.ModuleList()
    with torch.no_grad():
        for index in range(2):
            layer = nn.LSTM(8, 8, 1, batch_first=True)
            for name in ("weight_ih", "weight_hh"):
                getattr(layer, f"{name}_l0").copy_(getattr(whole, f"{name}_l{index}"))
            biases = [getattr(whole, f"{name}_l{index}") for name in ("bias_ih", "bias_hh")]
            layer.bias_ih_l0 = nn.Parameter(biases[0] + biases[1])
            layer.bias_hh_l0 = nn.Parameter(torch.zeros(32))
            layers.append(layer)
    return layers


def test_an_lstm_whose_summed_biases_are_rounded() -> None:
    candidate = Recurrent(is_split=True)
    with torch.no_grad():
        for weight in candidate.parameters():
            weight.copy_(weight.bfloat16().float())
    report = compare(Recurrent(is_split=False), candidate, inputs=X)
    assert (report.verdict, report.findings) == (Verdict.EQUIVALENT, ())
    with torch.no_grad():
        candidate.post.bias.zero_()
    report = compare(Recurrent(is_split=False), candidate, inputs=X)
    assert [finding.cause for finding in report.findings] == ["bias-missing"]
