"""`compare` as a library: what the verdict is, what it rests on, and that nothing passes in silence."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import torch
from torch import nn

from auscult.errors import UsageError
from auscult.report.html import render as page
from auscult.report.json_ import render as as_json
from auscult.runtime.runner import make_runner
from auscult.traces.file import FileStore
from auscult.traces.records import Trace
from auscult.verbs.compare.compare import compare
from auscult.verbs.diff.diff import diff
from auscult.verdict import Report, Verdict
from tests.traced_ports import MEL, SIGNAL, FoldedNet, Net, channels_last, hifigan, in_mlx

BUCKETS = ("identical", "close", "born", "grown", "different", "only_in_a", "only_in_b", "skipped")


def checked(report: Report) -> dict[str, Any]:
    """The JSON that a user gets, after it was held against the schema; the buckets add up."""
    schema = json.loads((resources.files("auscult") / "schemas" / "report.schema.json").read_text())
    envelope: dict[str, Any] = json.loads(as_json(report))
    jsonschema.validate(envelope, schema)
    coverage = envelope["coverage"]
    assert coverage["unit"] == "layers"
    assert coverage["total"] == sum(coverage[name] for name in BUCKETS)
    return envelope


def born(envelope: dict[str, Any]) -> list[str]:
    return [layer["a"] for layer in envelope["layers"] if layer["born"]]


def test_the_same_model_passes() -> None:
    envelope = checked(compare(Net(), Net(), inputs=SIGNAL))
    assert envelope["verdict"] == "PASS"
    assert envelope["first_divergence"] is None
    assert envelope["floor"]["how"] == "measured"
    assert all(layer["error"] == 0 for layer in envelope["layers"])


def test_a_right_port_in_another_order_of_axes_is_equivalent() -> None:
    """The candidate refuses channels first, and is given channels last."""
    model = hifigan()
    envelope = checked(compare(model, in_mlx(model), inputs=MEL))
    assert (envelope["verdict"], envelope["findings"]) == ("EQUIVALENT", [])
    assert envelope["alignment"]["axes"] == {"3": [0, 2, 1]}


def test_another_granularity_is_equivalent() -> None:
    net = Net()
    envelope = checked(compare(net, FoldedNet(net), inputs=SIGNAL))
    assert (envelope["verdict"], envelope["findings"]) == ("EQUIVALENT", [])
    assert {"a": ["encoder.conv", "encoder.norm"], "b": ["first.layer"]} in envelope["alignment"][
        "groups"
    ]


def test_a_planted_slope_between_torch_and_mlx_is_named_at_its_layer() -> None:
    model = hifigan()
    port = in_mlx(model)
    port.resblocks[1].slope = 0.01
    report = compare(model, port, inputs=MEL)
    envelope = checked(report)
    assert report.verdict is Verdict.DIVERGENT
    assert envelope["first_divergence"]["a"] == "resblocks.1.convs1.0"
    assert envelope["first_divergence"]["parent"] == "resblocks.1"
    assert report.findings[0].cause == "leaky-slope"
    assert all(name.startswith("resblocks.1.") for name in born(envelope))
    assert "ups.1" in [layer["a"] for layer in envelope["layers"] if layer["grown"]]
    html = page(report)
    assert 'id="layers-table"' in html
    assert "resblocks.1.convs1.0" in html


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Traces of a net and of a wrong port of it."""
    paths = tmp_path / "ref.safetensors", tmp_path / "cand.safetensors"
    for path, net in zip(paths, (Net(), Net(shortcuts=(True, False), tanh=False)), strict=True):
        make_runner(net).run({"input": SIGNAL}, store=FileStore(path))
    return paths


def test_with_files_alone_the_report_says_what_it_cannot_separate(files: tuple[Path, Path]) -> None:
    envelope = checked(compare(*files))
    assert envelope["verdict"] == "DIVERGENT"
    assert envelope["floor"]["how"] == "estimated"
    assert born(envelope) == ["decoder"]
    assert envelope["coverage"]["grown"] == 0
    assert (
        envelope["coverage"]["different"] == 2
    )  # the head, and the whole model, whose missing tanh waits behind
    assert {skip["where"] for skip in envelope["skips"]} >= {"head", ""}


@pytest.mark.parametrize("side", ["ref_model", "cand_model"])
def test_a_live_model_behind_either_trace_tells_born_from_grown(
    files: tuple[Path, Path], side: str
) -> None:
    live: dict[str, Any] = {
        side: Net() if side == "ref_model" else Net(shortcuts=(True, False), tanh=False)
    }
    envelope = checked(compare(*files, **live))
    assert born(envelope) == ["decoder", ""]
    assert envelope["coverage"]["grown"] == 1
    assert envelope["coverage"]["different"] == 0
    left = checked(compare(*files, substitute=False, **live))
    assert born(left) == ["decoder"]


@pytest.mark.parametrize("detail", ["sketch", "sample", "statistics"])
def test_less_than_full_traces_are_compared_by_what_they_hold(detail: str) -> None:
    ref, right, wrong = (
        make_runner(net).run({"input": SIGNAL}, detail=detail)
        for net in (Net(), Net(), Net(tanh=False))
    )
    assert compare(ref, right).verdict is Verdict.PASS
    envelope = checked(compare(ref, wrong))
    assert envelope["verdict"] == "DIVERGENT"
    assert born(envelope) == [""]
    assert {layer["measured_on"] for layer in envelope["layers"]} == {detail}


def test_runs_on_other_inputs_are_not_compared_as_if_they_were_equal() -> None:
    ref, cand = (
        make_runner(Net()).run({"input": SIGNAL}),
        make_runner(Net()).run({"input": SIGNAL + 1}),
    )
    envelope = checked(compare(ref, cand))
    assert envelope["verdict"] == "INCONCLUSIVE"
    assert any("did not get the same inputs" in skip["reason"] for skip in envelope["skips"])


def test_traces_with_nothing_in_common_are_inconclusive() -> None:
    ref = make_runner(nn.Linear(8, 4)).run({"input": SIGNAL.transpose(0, 2, 1)})
    empty = Trace(ref.manifest, (), ref.values)
    assert compare(ref, empty).verdict is Verdict.INCONCLUSIVE


def test_stages_first_then_layers_inside_the_guilty_one() -> None:
    cand = Net(shortcuts=(True, False))
    envelope = checked(compare(Net(), cand, inputs=SIGNAL, stages=("encoder", "decoder", "head")))
    assert [(stage["a"], stage["guilty"]) for stage in envelope["stages"]] == [
        ("encoder", False),
        ("decoder", True),
        ("head", False),
    ]
    left = {stage["a"]: stage["left"] for stage in envelope["stages"]}
    assert left["decoder"] < 1e-6 < left["encoder"]
    assert born(envelope) == ["decoder"]
    with pytest.raises(UsageError, match="no module of the reference"):
        compare(Net(), cand, inputs=SIGNAL, stages=("vocoder",))


def test_the_floor_may_be_given() -> None:
    ref, cand = Net(), Net(scale=0.5005)
    assert compare(ref, cand, inputs=SIGNAL).verdict is Verdict.DIVERGENT
    assert compare(ref, cand, inputs=SIGNAL, floor=0.01).verdict is Verdict.PASS
    second = make_runner(Net()).at("float64").run({"input": SIGNAL})
    assert compare(ref, Net(), inputs=SIGNAL, floor=second).verdict is Verdict.PASS
    for wrong in (0.0, 2.0):
        with pytest.raises(UsageError, match="no relative error"):
            compare(ref, cand, inputs=SIGNAL, floor=wrong)


def test_a_map_overrides_the_alignment() -> None:
    net = Net()
    envelope = checked(compare(net, FoldedNet(net), inputs=SIGNAL, map={"encoder.act": "first"}))
    assert (
        next(layer for layer in envelope["layers"] if layer["a"] == "encoder.act")["b"] == "first"
    )


def test_a_decoder_that_gives_back_its_start_noise() -> None:
    """Seed of the rule: the estimator's weights were not in use, so that the output is the noise that it started from."""

    class Decoder(nn.Module):
        def __init__(self, gain: float) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.estimator = nn.Conv1d(8, 8, 3, padding=1)
            with torch.no_grad():
                self.estimator.weight.mul_(gain)
                self.estimator.bias.mul_(gain)  # type: ignore[union-attr]

        def forward(self, mel: torch.Tensor) -> torch.Tensor:
            x = torch.randn(mel.shape)
            for _ in range(8):
                x = x + 0.4 * (torch.tanh(self.estimator(mel)) * 5 - x)
            return x if self.estimator.weight.abs().max() > 1e-3 else x / 0.6**8

    given = np.random.default_rng(0).standard_normal((1, 8, 200)).astype(np.float32)
    ref = make_runner(Decoder(1.0)).run({"mel": given})
    cand = make_runner(Decoder(1e-6)).run({"mel": given}, replay=ref)
    report = compare(ref, cand)
    whole = [finding for finding in report.findings if finding.cause == "velocity-zero"]
    assert report.verdict is Verdict.DIVERGENT
    assert len(whole) == 1


def test_a_model_without_inputs_cannot_be_run() -> None:
    with pytest.raises(UsageError, match="no inputs"):
        compare(Net(), Net())
    ref = make_runner(Net()).run({"input": SIGNAL})
    outputs = replace(ref, records=tuple(r for r in ref.records if not r.role.startswith("input")))
    with pytest.raises(UsageError, match="no inputs"):
        compare(outputs, Net())
    assert compare(outputs, make_runner(Net()).run({"input": SIGNAL})).verdict is Verdict.PASS


def test_channels_last_by_hand() -> None:
    model = hifigan()
    report = compare(
        model, in_mlx(model), inputs={"input": MEL}, inputs_cand={"input": channels_last(MEL)}
    )
    assert report.verdict is Verdict.EQUIVALENT


def test_an_onnx_export_is_aligned_as_the_modules_it_came_from(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    net, path = Net(), tmp_path / "net.onnx"
    torch.onnx.export(net, (torch.from_numpy(SIGNAL),), str(path), input_names=["x"], dynamo=False)
    given: dict[str, Any] = {"inputs": {"input": SIGNAL}, "inputs_cand": {"x": SIGNAL}}
    right = checked(compare(net, path, **given))
    assert (right["verdict"], right["findings"]) == ("EQUIVALENT", [])
    assert right["alignment"]["only_in_a"] == []
    assert {"a": ["decoder.conv", "decoder.norm"], "b": ["decoder.conv"]} in right["alignment"][
        "groups"
    ]
    # The graph adds a shortcut that this reference has not, and its scopes say in which module.
    wrong = checked(compare(Net(shortcuts=(False, True)), path, **given))
    first = wrong["first_divergence"]
    assert (first["a"], first["role"]) == ("encoder", "output")
    assert wrong["coverage"]["different"] == 0


def test_a_runtime_that_hides_what_replaced_layers_gave_proves_nothing() -> None:
    """Held against itself, a substitute would agree whatever the layer does."""

    class Hiding:
        def __init__(self, model: nn.Module) -> None:
            self.inner = make_runner(model)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

        def run(self, inputs: Any, **options: Any) -> Trace:
            trace = self.inner.run(inputs, **options)
            return replace(
                trace, records=tuple(r for r in trace.records if not r.role.startswith("own"))
            )

    ref = make_runner(Net()).run({"input": SIGNAL})
    envelope = checked(compare(ref, Hiding(Net(shortcuts=(True, False)))))
    assert envelope["verdict"] == "DIVERGENT"
    assert born(envelope) == ["decoder"]
    assert envelope["coverage"]["grown"] == 0
    assert any(
        "without a record of what it gave itself" in skip["reason"] for skip in envelope["skips"]
    )


class Pooling(nn.Module):
    """Queries that look at a longer input through one norm, which is called on either of them first."""

    def __init__(self, *, queries_first: bool, eps: float = 1e-5) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.queries = nn.Parameter(torch.randn(1, 4, 16))
        self.norm = nn.LayerNorm(16, eps=eps)
        self.to_q, self.to_v = nn.Linear(16, 16), nn.Linear(16, 16)
        self.queries_first = queries_first

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.queries_first:
            queries, values = self.norm(self.queries), self.norm(x)
        else:
            values, queries = self.norm(x), self.norm(self.queries)
        values = self.to_v(values)
        weights = torch.softmax(self.to_q(queries) @ values.mT, -1)
        return weights @ values


@pytest.mark.parametrize("eps", [1e-5, 1e-2])
def test_a_layer_that_serves_two_may_be_called_on_either_first(eps: float) -> None:
    inputs = {"x": np.random.default_rng(1).standard_normal((1, 9, 16), np.float32)}
    report = compare(
        Pooling(queries_first=True), Pooling(queries_first=False, eps=eps), inputs=inputs
    )
    if eps == 1e-5:
        assert report.verdict is Verdict.PASS
        assert not report.findings
    else:
        assert [(finding.cause, finding.where) for finding in report.findings] == [
            ("layer-norm-eps", ("norm",))
        ]


class Disturbed(nn.Module):
    """Two layers, whose output is changed a little by no known mistake."""

    def __init__(self, share: float) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.share = share
        self.first, self.second = nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.second(self.first(x))
        return y * (1 + self.share * torch.sin(17 * x))


@pytest.mark.parametrize(
    ("share", "verdict", "causes"),
    [
        (1e-6, Verdict.PASS, []),
        (4e-6, Verdict.INCONCLUSIVE, []),
        (1e-3, Verdict.DIVERGENT, ["unexplained"]),
    ],
)
def test_an_error_that_rounding_may_make_is_neither_right_nor_wrong(
    share: float, verdict: Verdict, causes: list[str]
) -> None:
    x = np.random.default_rng(0).standard_normal((1, 20, 8)).astype(np.float32)
    report = compare(Disturbed(0.0), Disturbed(share), inputs=x)
    assert report.verdict is verdict
    assert [finding.cause for finding in report.findings] == causes


def test_what_is_unexplained_ends_with_a_command_that_runs(tmp_path: Path) -> None:
    code = tmp_path / "nets.py"
    code.write_text(
        "import torch\n"
        "class Net(torch.nn.Module):\n"
        "    def __init__(self, odd):\n"
        "        super().__init__()\n"
        "        torch.manual_seed(0)\n"
        "        self.first, self.second = (torch.nn.Conv1d(4, 4, 3, padding=1) for _ in range(2))\n"
        "        self.odd = odd\n"
        "    def forward(self, x):\n"
        "        y = self.first(x)\n"
        "        y = torch.sin(3 * y * y.roll(3, 1)) + y.cumsum(-1) if self.odd else y.relu()\n"
        "        return self.second(y)\n"
        "def right(): return Net(False)\n"
        "def wrong(): return Net(True)\n"
    )
    sides = (f"{code}:right", f"{code}:wrong")
    noise = np.random.default_rng(0).standard_normal((1, 4, 30)).astype(np.float32)
    (finding,) = compare(*sides, inputs={"x": noise}).findings
    assert (finding.cause, finding.settled_by) == (
        "unexplained",
        f"auscult diff {sides[0]} {sides[1]}",
    )
    assert diff(*sides).verdict in (Verdict.PASS, Verdict.INCONCLUSIVE)
