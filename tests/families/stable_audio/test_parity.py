"""Against stable-audio-tools 0.0.19 itself, with random weights: every part, whole trajectories, in float32."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from auscult.families.stable_audio import torch as ours  # noqa: E402
from auscult.families.stable_audio.config import OPEN_SMALL, TINY, Config  # noqa: E402
from auscult.families.stable_audio.generate import Tokens  # noqa: E402
from auscult.families.stable_audio.runtime_torch import TorchRuntime  # noqa: E402
from auscult.families.stable_audio.samplers import sample  # noqa: E402
from auscult.families.stable_audio.schedules import Shift, logsnr  # noqa: E402
from tests.families.stable_audio import reference  # noqa: E402
from tests.families.stable_audio.test_models import CONFIGS, OLDER, inputs, relative  # noqa: E402

pytestmark = pytest.mark.slow

TOLERANCE = 1e-4  # of the largest value
FLOW = replace(TINY, objective="rectified_flow", shift=(0.5, 1.15, 32, 512))


def pair(config: Config) -> tuple[Any, Any]:
    """The reference's model and ours with its weights."""
    theirs = reference.build(config)
    model = ours.build(config).eval()
    ours.load(model, theirs.state_dict())
    return theirs, model


@pytest.fixture(autouse=True)
def _no_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


def answer(theirs: Any, given: dict[str, Any], **options: Any) -> Any:
    return theirs.model(
        given["x"],
        given["t"],
        cross_attn_cond=given["cross"],
        global_cond=given["globals"],
        input_concat_cond=given.get("concat"),
        **options,
    )


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_one_call_and_the_autoencoder(config: Config) -> None:
    theirs, model = pair(config)
    given = inputs(config)
    assert relative(model(**given).numpy(), answer(theirs, given).numpy()) < TOLERANCE
    latent, audio = torch.randn(1, config.latent, 40), torch.randn(1, 2, 20 * config.hop)
    assert (
        relative(
            model.autoencoder.decode(latent, 9).numpy(), theirs.pretransform.decode(latent).numpy()
        )
        < TOLERANCE
    )
    torch.manual_seed(5)
    expected = theirs.pretransform.encode(audio)
    torch.manual_seed(5)
    found = model.autoencoder.encode(audio, torch.randn_like(expected))
    assert relative(found.numpy(), expected.numpy()) < TOLERANCE


@pytest.mark.parametrize("config", [TINY, OLDER], ids=["small", "older"])
def test_conditioners(config: Config) -> None:
    """T5 masked as the reference masks it, numbers, and how they are put together."""
    pytest.importorskip("transformers")
    from auscult.families.t5_encoder import torch as text
    from auscult.families.t5_encoder.signature import TINY as TEXT

    theirs, model = pair(config)
    torch.manual_seed(0)
    encoder = text.build(replace(TEXT, width=config.cond_dim))
    ids = np.zeros((1, config.prompt_tokens), np.int64)
    mask = np.zeros_like(ids)
    ids[0, :5], mask[0, :5] = [7, 99, 300, 12, 1], 1

    conditioner = reference.modules().conditioners.T5Conditioner.__new__(
        reference.modules().conditioners.T5Conditioner
    )
    torch.nn.Module.__init__(conditioner)
    conditioner.__dict__ |= {
        "model": encoder,
        "enable_grad": False,
        "max_length": config.prompt_tokens,
    }
    conditioner.tokenizer = lambda *_, **__: {
        "input_ids": torch.from_numpy(ids),
        "attention_mask": torch.from_numpy(mask),
    }
    conditioner.proj_out = torch.nn.Identity()
    numbers = {"seconds_start": 2.5, "seconds_total": 30.0}
    tensors = {
        name: embed([numbers[name]]) for name, embed in theirs.conditioner.conditioners.items()
    }
    expected = theirs.get_conditioning_inputs({"prompt": conditioner(["x"], "cpu"), **tensors})
    found = TorchRuntime(model, encoder).condition(Tokens(ids, mask), numbers)
    assert relative(found.cross.numpy(), expected["cross_attn_cond"].numpy()) < TOLERANCE
    assert relative(found.globals.numpy(), expected["global_cond"].numpy()) < TOLERANCE


def trajectory(
    theirs: Any, model: Any, name: str, steps: int, guidance: float, **options: Any
) -> tuple[Any, Any]:
    """The last state of our sampler and the reference's, on the same conditioning and the same injected noise."""
    config = model.config
    given = inputs(config, batch=1)
    start = torch.randn(1, config.latent, config.frames, generator=torch.Generator().manual_seed(2))
    initial = options.pop("initial", None)
    told = {
        "cross_attn_cond": given["cross"],
        "global_cond": given["globals"],
        "cfg_scale": guidance,
    }
    runner = theirs.model

    def asked(x: Any, t: Any, **extra: Any) -> Any:
        return runner(x, t, **extra)

    sampling = reference.modules().sampling
    torch.manual_seed(11)
    if config.objective == "v":
        expected = sampling.sample_k(
            asked, start, initial, steps, name, device="cpu", **options, **told
        )
    else:
        level = options.get("initial_noise", 1.0)
        expected = sampling.sample_rf(
            asked, start, init_data=initial, steps=steps, sampler_type=name, sigma_max=level, device="cpu",
            dist_shift=theirs.dist_shift, **told,
        )  # fmt: skip
    torch.manual_seed(11)
    runtime = TorchRuntime(model, torch.nn.Identity())
    conditioning = ours.Conditioning(given["cross"], given["globals"])
    velocity = runtime.model(conditioning, runtime.unconditioned(conditioning), guidance)
    own = {"v-ddim": "ddim"}.get(name, name)
    found = sample(
        own,
        velocity,
        start,
        lambda _: torch.randn_like(start),
        config,
        steps=steps,
        length=config.frames,
        initial=initial,
        initial_noise=options.get("initial_noise", 1.0),
    )
    return found.numpy(), expected.numpy()


@pytest.mark.parametrize(
    ("config", "name", "steps", "guidance"),
    [
        (TINY, "pingpong", 8, 1.0),
        (TINY, "pingpong", 8, 3.0),
        (TINY, "rk4", 4, 6.0),
        (FLOW, "euler", 8, 6.0),
        (FLOW, "rk4", 5, 1.0),
        (FLOW, "dpmpp", 8, 4.0),
        (OLDER, "v-ddim", 8, 7.0),
    ],
)
def test_whole_trajectories(config: Config, name: str, steps: int, guidance: float) -> None:
    theirs, model = pair(config)
    assert relative(*trajectory(theirs, model, name, steps, guidance)) < TOLERANCE


def test_an_initial_latent_is_varied_alike() -> None:
    theirs, model = pair(TINY)
    initial = torch.randn(1, TINY.latent, TINY.frames)
    assert (
        relative(*trajectory(theirs, model, "pingpong", 8, 1.0, initial=initial, initial_noise=0.6))
        < TOLERANCE
    )


@pytest.mark.parametrize("name", ["dpmpp-2m", "dpmpp-3m-sde"])
def test_the_samplers_of_the_v_objective(name: str) -> None:
    """k-diffusion's own, on the same noise levels and the same injected noise."""
    theirs, model = pair(OLDER)
    solvers = reference.modules().solvers
    given, start = inputs(OLDER, batch=1), torch.randn(1, OLDER.latent, OLDER.frames)
    noise = torch.randn(9, 1, OLDER.latent, OLDER.frames)
    levels = solvers.sampling.get_sigmas_polyexponential(9, 0.3, 500.0, 1.0)
    denoise = solvers.external.VDenoiser(
        lambda x, t: answer(theirs, {**given, "x": x, "t": t}, cfg_scale=5.0)
    )
    draw = iter(noise)
    method = getattr(solvers.sampling, f"sample_{name.replace('-', '_')}")
    extra = {"noise_sampler": lambda *_: next(draw)} if name.endswith("sde") else {}
    expected = method(denoise, start * levels[0], levels, disable=True, **extra)
    runtime = TorchRuntime(model, torch.nn.Identity())
    conditioning = ours.Conditioning(given["cross"], given["globals"])
    velocity = runtime.model(conditioning, runtime.unconditioned(conditioning), 5.0)
    found = sample(
        name, velocity, start, lambda step: noise[step], OLDER, steps=9, length=OLDER.frames
    )
    assert relative(found.numpy(), expected.numpy()) < TOLERANCE


def test_schedule_and_shift_are_the_references() -> None:
    shift = reference.modules().sampling.DistributionShift(0.5, 1.15, 4096, 256)
    times = torch.linspace(1, 0, 9)
    for length in (64, 256, 2000):
        np.testing.assert_allclose(
            Shift().apply(times.numpy(), length), shift.time_shift(times, length), atol=1e-6
        )
    seen: list[float] = []

    def model(x: Any, t: Any) -> Any:
        seen.append(float(t))
        return x * 0

    reference.modules().sampling.sample_rf(
        model, torch.zeros(1, 1, 1), steps=8, sampler_type="pingpong", device="cpu"
    )
    np.testing.assert_allclose(seen, logsnr(8)[:-1], atol=1e-6)


@pytest.mark.timeout(1500)
def test_full_size_once() -> None:
    """One call of the transformer and a decoded second, at the released model's size with random weights."""
    config = replace(OPEN_SMALL, sample_size=32 * 2048)
    theirs, model = pair(config)
    given = inputs(config, batch=1)
    assert relative(model(**given).numpy(), answer(theirs, given).numpy()) < TOLERANCE
    latent = torch.randn(1, config.latent, 24)
    assert (
        relative(
            model.autoencoder.decode(latent, 300).numpy(),
            theirs.pretransform.decode(latent).numpy(),
        )
        < TOLERANCE
    )
