"""An error is found in the layer, or in the code, where it is born; right ports raise none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from auscult.comparison.compare_runs import compare_runs
from auscult.comparison.measure.distance import measure_array_distance
from auscult.comparison.measure.floor import estimate_floor, measure_floor
from auscult.comparison.modules import ModuleTree
from auscult.comparison.start_noise import (
    compute_median_peak,
    find_noise_moments,
    is_plausible_peak,
)
from auscult.comparison.unloaded import compare_owned_weights
from auscult.runtime.runner import make_runner
from auscult.traces.statistics import summarise_tensor
from tests.traced_ports import (
    MEL,
    SIGNAL,
    Attention,
    FoldedNet,
    Net,
    born,
    channels_last,
    compared,
    hifigan,
    in_mlx,
    runs_of,
)

LAST = channels_last(SIGNAL)


def mlx_with(change: Callable[[object], None]) -> object:
    port = in_mlx(hifigan())
    change(port)
    return port


PORTS: dict[str, Callable[[], tuple[object, object, np.ndarray, np.ndarray]]] = {
    "the same": lambda: (Net(), Net(), SIGNAL, SIGNAL),
    "float16": lambda: (
        hifigan(form="fused"),
        make_runner(hifigan(form="fused")).at("float16"),
        MEL,
        MEL,
    ),
    "bfloat16": lambda: (
        hifigan(form="fused"),
        make_runner(hifigan(form="fused")).at("bfloat16"),
        MEL,
        MEL,
    ),
    "fused weight norm": lambda: (hifigan(), hifigan(form="fused"), MEL, MEL),
    "new weight norm": lambda: (hifigan(), hifigan(form="weight-norm-new"), MEL, MEL),
    "mlx": lambda: (hifigan(), in_mlx(hifigan()), MEL, channels_last(MEL)),
    "mlx float16": lambda: (
        hifigan(form="fused"),
        make_runner(in_mlx(hifigan())).at("float16"),
        MEL,
        channels_last(MEL),
    ),
    "folded norm": lambda: (Net(), FoldedNet(Net()), SIGNAL, SIGNAL),
    "fused projections": lambda: (Attention(fused=False), Attention(fused=True), LAST, LAST),
    "split projections": lambda: (Attention(fused=True), Attention(fused=False), LAST, LAST),
}


def opened(model: object) -> object:
    return model.model if hasattr(model, "model") else model


@pytest.mark.parametrize("name", PORTS)
def test_a_right_port_raises_no_alarm(name: str) -> None:
    ref, cand, inputs, inputs_cand = PORTS[name]()
    found = compared(ref, opened(cand), inputs, inputs_cand)
    assert born(found) == []
    assert found.outputs_agree
    assert not any(reading.differs for reading in found.comparisons.all)
    margin = max(reading.error / reading.limit for reading in found.comparisons.all)
    assert margin < 0.5, "the limit must lie well above what right ports show"


FAULTS = {
    "slope of one block": (
        lambda m: setattr(m.resblocks[1], "slope", 0.2),
        ("resblocks.1.convs1.0", "input"),
    ),
    "slope of the end": (
        lambda m: setattr(m, "config", replaced(m.config, final_slope=0.1)),
        ("conv_post", "input"),
    ),
    "no tanh": (
        lambda m: setattr(m, "config", replaced(m.config, final_tanh=False)),
        ("", "output"),
    ),
    "a bias": (lambda m: m.ups[1].update({"bias": m.ups[1].bias * 1.01}), ("ups.1", "output")),
    "a dilation": (
        lambda m: dilate(m.resblocks[2].convs1[1], 2),
        ("resblocks.2.convs1.1", "output"),
    ),
}


def dilate(layer: object, dilation: int) -> None:
    layer.dilation = layer.padding = dilation  # type: ignore[attr-defined]


def replaced(config: object, **changes: object) -> object:
    from dataclasses import replace

    return replace(config, **changes)  # type: ignore[type-var]


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found_at_its_layer_between_torch_and_mlx(name: str) -> None:
    change, place = FAULTS[name]
    found = compared(hifigan(), mlx_with(change), MEL, channels_last(MEL))
    assert born(found)[0] == place
    # Nothing is blamed outside of the block that is wrong.
    block = place[0].rpartition(".convs")[0] or place[0]
    assert {path for path, _ in born(found)} == {
        path for path, _ in born(found) if path.startswith(block)
    }


def test_faults_that_follow_each_other_are_all_found_in_one_run() -> None:
    found = compared(Net(), Net(shortcuts=(False, True), scale=0.4, tanh=False))
    assert born(found) == [("encoder", "output"), ("decoder", "input"), ("", "output")]
    assert "head" in [result.path_ref for result in found.results if result.grown]


def test_a_module_that_is_handed_something_else_is_not_judged_in_silence() -> None:
    """Its layers are, one by one; what its own code does between them waits until it is fed right."""
    found = compared(Net(), Net(shortcuts=(True, False), scale=0.4))
    assert born(found) == [("decoder", "input")]
    assert "decoder" in [skip.where for skip in found.skips]
    fixed = compared(Net(), Net(shortcuts=(True, False)))
    assert born(fixed) == [("decoder", "output")]


def test_without_a_live_model_the_first_is_found_and_the_rest_is_left_open() -> None:
    runs = runs_of(Net(), Net(shortcuts=(False, True), tanh=False), live="none")
    found = compare_runs(runs)
    assert born(found) == [("encoder", "output")]
    assert not found.separated
    assert found.floor.how == "estimated"
    assert not any(result.grown for result in found.results)


def test_with_the_reference_alone_live_the_candidates_tensors_are_run_through_it() -> None:
    runs = runs_of(
        hifigan(), mlx_with(FAULTS["slope of one block"][0]), MEL, channels_last(MEL), live="ref"
    )
    found = compare_runs(runs)
    assert found.separated
    assert born(found)[0] == ("resblocks.1.convs1.0", "input")
    assert all(path.startswith("resblocks.1") for path, _ in born(found))


def test_another_length_is_born_where_it_arises() -> None:
    class Cut(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv1d(8, 8, 5, padding=2)
            self.out = nn.Conv1d(8, 2, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.out(torch.relu(self.conv(x)))

    torch.manual_seed(0)
    ref = Cut()
    torch.manual_seed(0)
    cand_cut = Cut()
    cand_cut.conv.padding = (1,)
    found = compared(ref, cand_cut)
    assert born(found) == [("conv", "output")]
    assert found.results[0].error == float("inf")


def test_a_layer_that_is_fed_wrong_and_wrong_itself_is_named_twice() -> None:
    cand = Net(scale=0.4)
    with torch.no_grad():
        cand.decoder.conv.bias.add_(0.5)  # type: ignore[union-attr]
    places = born(compared(Net(), cand))
    assert ("decoder", "input") in places
    assert ("decoder.conv", "output") in places


def test_the_measured_floor_follows_the_precision() -> None:
    model = hifigan(form="fused")
    runner = make_runner(model)
    ref = runner.run({"input": MEL})
    half = runner.at("float16").run({"input": MEL})
    last = ref.find("")
    assert last is not None
    single = measure_floor(ref, ref, runner, {"input": MEL}).at(last)
    coarse = measure_floor(ref, half, runner, {"input": MEL}).at(last)
    assert 6e-8 < single < 1e-5
    assert 4e-4 < coarse < 1e-2
    assert single / 10 < estimate_floor(ref, ref).at(last) < 100 * single


def test_the_statistics_of_start_noise_are_recognised() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        draw = rng.standard_normal((80, 136))
        assert find_noise_moments(summarise_tensor(draw).statistics, draw.size) is not None
    cut, flat, heavy = (
        np.clip(draw, -2.5, 2.5),
        rng.uniform(-1.73, 1.73, draw.shape),
        rng.laplace(0, 0.707, draw.shape),
    )
    others = [1.05 * draw, draw + 0.1, cut, flat, heavy, np.sign(draw)]
    assert [
        find_noise_moments(summarise_tensor(other).statistics, other.size) for other in others
    ] == [None] * len(others)
    # Seed: 10,880 values between -3.81 and 4.18, as a decoder gave back whose weights were not in use.
    assert is_plausible_peak(4.18, 10_880)
    assert not is_plausible_peak(11.5, 10_880)
    assert abs(compute_median_peak(10_880) - 4.0) < 0.05


def test_weights_that_were_not_loaded_are_told_from_the_manifests() -> None:
    torch.manual_seed(5)
    trained = nn.Sequential(*(nn.Linear(32, 32) for _ in range(4)))
    with torch.no_grad():
        for layer in trained:
            layer.weight.mul_(1.7)  # type: ignore[operator]
    partly = nn.Sequential(*(nn.Linear(32, 32) for _ in range(4)))
    partly[0], partly[1] = trained[0], trained[1]
    x = np.random.default_rng(0).standard_normal((4, 32)).astype(np.float32)
    for cand, cause in (
        (partly, "partial-load"),
        (nn.Sequential(*(nn.Linear(32, 32) for _ in range(4))), "untrained"),
    ):
        found = compared(trained, cand, x)
        sides = ModuleTree.of(found.runs.reference), ModuleTree.of(found.runs.candidate)
        told = compare_owned_weights(*sides, found.alignment)
        assert set(told.fresh) == set(told.other) == {path for path, _ in born(found)}
        assert {result.explanations[0].cause for result in found.results if result.born} == {cause}


def test_rows_that_guidance_repeats_are_no_other_shape() -> None:
    one = np.random.default_rng(0).standard_normal((42, 8))
    assert measure_array_distance(one, np.stack([one, one]), {}).error == 0
    assert measure_array_distance(np.stack([one, one]), one[None], {}).error == 0
    assert measure_array_distance(one, np.stack([one, one + 1]), {}).reason.startswith("shape")
