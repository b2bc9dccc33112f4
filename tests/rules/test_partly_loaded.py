"""The classic buzz: weight norm removed before `load_state_dict(strict=False)`, so that only the biases are loaded."""

from __future__ import annotations

import pytest
import torch

from auscult.finding import Severity
from auscult.report.text import render
from auscult.verbs.diff.diff import diff
from auscult.verbs.diff.template import holds_loaded_vectors
from auscult.verdict import Report, Verdict
from auscult.weights import Checkpoint

pytestmark = pytest.mark.filterwarnings("ignore")
weight_norm, remove_weight_norm = torch.nn.utils.weight_norm, torch.nn.utils.remove_weight_norm
CHANNELS = 16
State = dict[str, torch.Tensor]


class Generator(torch.nn.Module):
    """Convolutions under weight norm, one of them transposed and drawn as HiFi-GAN draws it, and a window that all copies share."""

    def __init__(self) -> None:
        super().__init__()
        convs = [torch.nn.Conv1d(CHANNELS, CHANNELS, kernel) for kernel in (3, 5, 7)]
        up = torch.nn.ConvTranspose1d(CHANNELS, CHANNELS, 8)
        up.weight.data.normal_(0, 0.01)
        self.layers = torch.nn.ModuleList([weight_norm(layer) for layer in (*convs, up)])
        self.register_buffer("window", torch.hann_window(32))
        self.register_buffer("table", torch.linspace(0, 1, 24))

    def strip(self) -> Generator:
        for layer in self.layers:
            remove_weight_norm(layer)
        return self


def build(seed: int = 1) -> Generator:
    torch.manual_seed(seed)
    return Generator()


def train(model: Generator) -> Generator:
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.mul_(1 + 0.4 * noise).add_(0.1 * noise**3)
    return model


STATE: State = {n: v.detach().clone() for n, v in train(build(0)).state_dict().items()}
FILE = Checkpoint.of({name: value.numpy() for name, value in STATE.items()}, "g.pth")


def load_too_late() -> Generator:
    model = build().strip()
    model.load_state_dict(STATE, strict=False)
    return model


def load_right() -> Generator:
    model = build()
    model.load_state_dict(STATE)
    return model.strip()


def first_finding(report: Report) -> tuple[str, Severity]:
    return report.findings[0].cause, report.findings[0].severity


@pytest.mark.parametrize("file_first", [True, False])
def test_only_the_biases_were_loaded(*, file_first: bool) -> None:
    sides = (FILE, load_too_late()) if file_first else (load_too_late(), FILE)
    report = diff(*sides)
    assert report.verdict is Verdict.DIVERGENT
    assert first_finding(report) == ("partial-load", Severity.ERROR)
    finding = report.findings[0]
    assert set(finding.where) == {f"layers.{index}.weight" for index in range(4)}
    assert finding.evidence["dropped"] == 8
    assert "load first, then call remove_weight_norm()" in finding.message
    assert "other-weights" not in [other.cause for other in report.findings]


def test_the_right_order_is_equivalent() -> None:
    assert diff(FILE, load_right()).verdict is Verdict.EQUIVALENT


def test_fused_weights_into_a_model_with_weight_norm() -> None:
    fused = {name: value.numpy() for name, value in load_right().state_dict().items()}
    model = build()
    model.load_state_dict(load_right().state_dict(), strict=False)
    report = diff(Checkpoint.of(fused, "fused.pth"), model)
    assert first_finding(report) == ("partial-load", Severity.ERROR)
    assert "remove_weight_norm() on the model first" in report.findings[0].message


def test_fresh_code_shares_only_its_buffers() -> None:
    from auscult.checkpoint.target import state_of

    assert not holds_loaded_vectors(state_of(build()), FILE)
    assert not holds_loaded_vectors(state_of(build().strip()), FILE)
    assert holds_loaded_vectors(state_of(load_too_late()), FILE)
    assert diff(FILE, build()).verdict is Verdict.INCONCLUSIVE


def test_half_precision_files_count_too() -> None:
    half = {name: value.half() for name, value in STATE.items()}
    model = build().strip()
    model.load_state_dict(half, strict=False)
    file = Checkpoint.of({name: value.numpy() for name, value in half.items()}, "half.pth")
    assert first_finding(diff(file, model)) == ("partial-load", Severity.ERROR)


def test_the_table_of_what_was_loaded() -> None:
    report = diff(FILE, load_too_late())
    facts = report.to_json()["loading"]
    assert facts["counts"] == {"loaded": 6, "random": 4}
    assert facts["not_in"] == 8
    row = next(row for row in facts["rows"] if row["model"] == ["layers.0.weight"])
    assert row == {
        "state": "random",
        "model": ["layers.0.weight"],
        "model_shapes": [[16, 16, 3]],
        "file": ["layers.0.weight_g", "layers.0.weight_v"],
        "file_shapes": [[16, 1, 1], [16, 16, 3]],
    }
    assert len([name for row in facts["rows"] for name in row["file"]]) == len(FILE)
    text = render(report)
    assert "of the model's 10 tensors: 6 loaded, 4 random, never loaded" in text
    assert "layers.0.weight_g [16, 1, 1], layers.0.weight_v [16, 16, 3]" in text


def test_a_loaded_model_and_a_fresh_one_have_no_table() -> None:
    for model in (load_right(), build()):
        assert "loading" not in diff(FILE, model).to_json()


def test_where_only_names_were_compared_the_words_say_so() -> None:
    assert "no value was compared" in render(diff(FILE, build()))
    assert "no value was compared" not in render(diff(FILE, load_right()))
