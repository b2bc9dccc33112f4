"""Exported graphs against the modules they were exported from: right ones raise no alarm, wrong ones are found at their place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from auscult.comparison.locate.forced import view_own_outputs
from auscult.runtime.runner import make_runner
from auscult.verbs.compare.compare import compare
from auscult.verdict import Verdict
from corpus.computation.exports import EXPORTABLE, export_to_onnx, judge_export
from corpus.computation.judge import find_alarm
from corpus.computation.networks import build_network, make_inputs
from corpus.computation.plants import PLANTS, PlantedMistake

WRONG = [
    plant
    for plant in PLANTS
    if (plant.network, plant.cause)
    in {
        ("hifigan", "leaky-slope"),
        ("hifigan", "dilation"),
        ("transformer", "attention-scale"),
        ("transformer", "rope-convention"),
        ("transformer", "padding-mode"),  # its batch norm is folded into the convolution
        ("flow", "cfg-formula"),  # ten steps, one behind the other in the graph
        ("flow", "group-norm-convention"),  # eight operators
        ("recurrent", "time-reversed"),
    }
]


@pytest.mark.parametrize("name", EXPORTABLE)
def test_a_right_export_raises_no_alarm(name: str, tmp_path: Path) -> None:
    given = make_inputs(name)
    file = export_to_onnx(build_network(name, {}), given, tmp_path / "model.onnx")
    report = compare(build_network(name, {}), file, inputs=given)
    assert find_alarm(report) == ""
    assert report.verdict in (Verdict.PASS, Verdict.EQUIVALENT)


@pytest.mark.parametrize("plant", WRONG, ids=[plant.label for plant in WRONG])
def test_a_wrong_export_is_named_at_its_place(plant: PlantedMistake) -> None:
    judged = judge_export(plant, 0)
    assert judged.top1, judged.answer
    assert judged.place, judged.answer


def test_a_replaced_node_shows_what_it_gives_itself(tmp_path: Path) -> None:
    given = make_inputs("hifigan")
    runner = make_runner(
        export_to_onnx(build_network("hifigan", {}), given, tmp_path / "model.onnx")
    )
    plain = runner.run(given)
    node = next(
        record.path
        for record in plain.records
        if record.path.startswith("ups.0") and record.role == "output"
    )
    before = plain.tensor(next(r for r in plain.records if r.path == node and r.role == "output"))
    with runner.replace(node, {"output": np.zeros_like(before)}):
        changed = runner.run(given)
    by_role = {
        record.role: changed.tensor(record) for record in changed.records if record.path == node
    }
    assert not by_role["output"].any()
    np.testing.assert_array_equal(by_role["own"], before)
    end, same_end = (trace.find("", "output") for trace in (plain, changed))
    assert end is not None
    assert same_end is not None
    assert not np.array_equal(plain.tensor(end), changed.tensor(same_end))
    seen = view_own_outputs(changed).find(node, "output")
    assert seen is not None
