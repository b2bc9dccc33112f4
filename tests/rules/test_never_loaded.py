"""A live model beside its file: what was loaded, what was never loaded because its names differ, and two spellings of weight norm."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from auscult.finding import Severity
from auscult.verbs.diff.diff import diff
from auscult.verdict import Report, Verdict
from auscult.weights import Checkpoint

old_norm = torch.nn.utils.weight_norm
new_norm = torch.nn.utils.parametrizations.weight_norm

pytestmark = pytest.mark.filterwarnings("ignore")
GAIN, DIRECTION = "parametrizations.weight.original0", "parametrizations.weight.original1"
State = dict[str, torch.Tensor]


def build(norm: Callable[..., torch.nn.Module], seed: int = 1) -> torch.nn.Sequential:
    torch.manual_seed(seed)
    layers = [norm(torch.nn.Conv1d(12, 12, 3)) for _ in range(4)]
    return torch.nn.Sequential(*layers, torch.nn.Linear(12, 12), torch.nn.LayerNorm(12))


def train(model: torch.nn.Module) -> torch.nn.Module:
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.mul_(1 + 0.4 * noise).add_(0.3 * noise**3)
    return model


def spell_anew(state: State) -> State:
    return {
        name.replace("weight_g", GAIN).replace("weight_v", DIRECTION): value
        for name, value in state.items()
    }


def file_of(state: State) -> Checkpoint:
    return Checkpoint.of({name: value.numpy() for name, value in state.items()}, "file")


def load(state: State) -> torch.nn.Sequential:
    model = build(old_norm)
    model.load_state_dict(state, strict=False)
    return model


STATE: State = {n: v.detach().clone() for n, v in train(build(old_norm, 0)).state_dict().items()}


def causes(report: Report) -> list[tuple[str, Severity]]:
    return [(finding.cause, finding.severity) for finding in report.findings]


def test_new_names_into_old_code_are_an_error() -> None:
    report = diff(file_of(spell_anew(STATE)), build(old_norm))
    finding = report.findings[0]
    assert (finding.cause, finding.severity) == ("renamed", Severity.ERROR)
    assert "original0 for 0.weight_g" in finding.message
    assert finding.count == 8


def test_torch_bridges_old_names_into_new_code() -> None:
    model = build(new_norm)
    model.load_state_dict(STATE, strict=True)
    assert ("renamed", Severity.ERROR) not in causes(diff(file_of(STATE), build(new_norm)))
    assert diff(file_of(STATE), model).verdict is Verdict.EQUIVALENT


@pytest.mark.parametrize("file_first", [True, False])
def test_what_strict_false_left_random_is_one_finding(*, file_first: bool) -> None:
    sides: list[Checkpoint | torch.nn.Module] = [
        file_of(spell_anew(STATE)),
        load(spell_anew(STATE)),
    ]
    if not file_first:
        sides.reverse()
    report = diff(sides[0], sides[1])
    finding = report.findings[0]
    assert finding.cause == "partial-load"
    assert set(finding.where) == {f"{i}.weight_{part}" for i in range(4) for part in "gv"}
    assert "rename" in finding.message
    assert not {"tensor-missing", "tensor-extra"} & {cause for cause, _ in causes(report)}


def test_two_files_in_two_spellings_are_equivalent() -> None:
    report = diff(file_of(STATE), file_of(spell_anew(STATE)))
    assert report.verdict is Verdict.EQUIVALENT
    assert causes(report) == [("renamed", Severity.INFO)]


def test_the_right_loader_is_equal() -> None:
    assert diff(file_of(STATE), load(STATE)).verdict is Verdict.PASS
    report = diff(file_of(spell_anew(STATE)), load(STATE))
    assert report.verdict is Verdict.EQUIVALENT


def test_trained_tensors_without_a_partner_are_not_called_unloaded() -> None:
    model = load(STATE)
    train(model)
    other = {f"other.{name}": value for name, value in STATE.items() if name.startswith("0")}
    rest = {name: value for name, value in STATE.items() if not name.startswith("0")}
    model = build(old_norm)
    model.load_state_dict(STATE)
    torch.manual_seed(9)
    train(model[0])
    report = diff(file_of(rest | {n: 2 * v**2 + 1 for n, v in other.items()}), model)
    assert "partial-load" not in [cause for cause, _ in causes(report)]
