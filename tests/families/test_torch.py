"""Build, save, detect, rebuild, load strictly; in every form of weight norm. As spandrel tests its architectures."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from auscult import families  # noqa: E402
from auscult.errors import CheckpointError  # noqa: E402
from auscult.families.hifigan.config import V1, V2, V3  # noqa: E402
from auscult.families.streamspeech_modified.config import Config as ModifiedConfig  # noqa: E402
from auscult.families.streamspeech_modified.signature import choices, variants  # noqa: E402
from tests.families.small import CONFIGS  # noqa: E402

FORMS = ("fused", "weight-norm-old", "weight-norm-new")
NORMED = ("hifigan", "codehifigan")

every_family = pytest.mark.parametrize("family", CONFIGS)


def code_of(family: str) -> Any:
    """The family's PyTorch module file."""
    return importlib.import_module(f"{families.import_family(family).__name__}.torch")


def build(family: str, config: Any, form: str = "fused") -> Any:
    """A module in evaluation mode, its weights lifted so that they matter to the output."""
    torch.manual_seed(0)
    module = (
        code_of(family).build(config, form) if family in NORMED else code_of(family).build(config)
    )
    with torch.no_grad():
        for name, buffer in module.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                buffer.uniform_(0.5, 1.5)
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return module.eval()


def run(family: str, module: Any, frames: int = 6) -> Any:
    """The module's output on a fixed input: [1, channels, samples]."""
    config = module.config
    draw = torch.Generator().manual_seed(1)
    with torch.no_grad():
        if family == "codehifigan":
            return module(torch.arange(frames)[None] % config.units)[0]
        mel = torch.randn(1, config.mel_bins, frames, generator=draw).to(
            next(module.parameters()).dtype
        )
        if family == "hifigan":
            return module(mel)
        return module(
            mel,
            torch.randn(1, config.speaker_dim, generator=draw),
            torch.randn(1, config.emotion_dim, generator=draw),
        )


@every_family
@given(data=st.data())
@settings(max_examples=12, deadline=None)
def test_save_detect_rebuild_load(family: str, data: st.DataObject) -> None:
    config = data.draw(CONFIGS[family])
    form = data.draw(st.sampled_from(FORMS)) if family in NORMED else "fused"
    original = build(family, config, form)
    state = original.state_dict()
    detection = families.detect_families(
        {name: tuple(value.shape) for name, value in state.items()}
    )[0]
    assert detection.family == family
    assert detection.score == 1.0
    assert detection.config == config
    rebuilt = build(family, detection.config, form)
    rebuilt.load_state_dict(state, strict=True)
    assert torch.equal(run(family, rebuilt), run(family, original))


@every_family
@given(data=st.data())
@settings(max_examples=6, deadline=None)
def test_expected_names_and_shapes_are_the_modules(family: str, data: st.DataObject) -> None:
    config = data.draw(CONFIGS[family])
    state = build(family, config).state_dict()
    assert {name: tuple(value.shape) for name, value in state.items()} == families.signature(
        family
    ).expected(config)


@pytest.mark.parametrize("family", NORMED)
@pytest.mark.parametrize("source", FORMS)
@pytest.mark.parametrize("target", FORMS)
def test_any_weight_norm_form_loads_into_any_other(family: str, source: str, target: str) -> None:
    config = V3 if family == "hifigan" else _small_code()
    original = build(family, config, source).double()
    state = {f"generator.{name}": value for name, value in original.state_dict().items()}
    module = build(family, config, target).double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
    code_of(family).load(module, state, "generator.")
    torch.testing.assert_close(run(family, module), run(family, original), rtol=1e-9, atol=1e-11)
    same = {
        name: value for name, value in module.state_dict().items() if f"generator.{name}" in state
    }
    assert all(torch.equal(value, state[f"generator.{name}"]) for name, value in same.items())


def _small_code() -> Any:
    from auscult.families.codehifigan.config import Config

    return Config(
        mel_bins=6,
        channels=(16, 8),
        upsample_kernel_sizes=(4,),
        upsample_rates=(2,),
        units=9,
        unit_dim=6,
        duration_hidden=5,
    )


def test_fusing_a_transposed_convolution_takes_the_norm_over_all_axes_but_the_first() -> None:
    from auscult.families._torch import fuse_weight_norm

    gain, direction = torch.rand(4, 1, 1) + 0.5, torch.randn(4, 3, 5)
    layer = torch.nn.ConvTranspose1d(4, 3, 5)
    torch.nn.utils.parametrizations.weight_norm(layer)
    layer.parametrizations.weight.original0.data.copy_(gain)
    layer.parametrizations.weight.original1.data.copy_(direction)
    torch.testing.assert_close(
        fuse_weight_norm(gain, direction), layer.weight, rtol=1e-6, atol=1e-7
    )


@pytest.mark.parametrize("break_it", ["missing", "foreign", "shape"])
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(break_it: str) -> None:
    module = build("hifigan", V2)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    state = {name: value + 1 for name, value in before.items()}
    if break_it == "missing":
        del state["conv_post.bias"]
    elif break_it == "foreign":
        state["extra.weight"] = torch.zeros(1)
    else:
        state["ups.0.weight"] = torch.zeros(3, 3, 3)
    with pytest.raises(CheckpointError, match=r"conv_post.bias|extra.weight|ups.0.weight"):
        code_of("hifigan").load(module, state)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


@pytest.mark.parametrize(("config", "values"), [(V1, 13_936_130), (V2, 928_514), (V3, 1_464_322)])
def test_full_size_hifigan_has_the_published_number_of_values(config: Any, values: int) -> None:
    with torch.device("meta"):
        module = code_of("hifigan").build(config, "weight-norm-old")
    assert sum(value.numel() for value in module.state_dict().values()) == values


def test_one_unit_is_exactly_320_samples() -> None:
    from auscult.families.codehifigan.config import Config

    config = Config(channels=(16, 16, 8, 8, 4, 4))
    wave, durations = build("codehifigan", config)(
        torch.tensor([[3, -1, 5, 7, -1]]), predict_durations=False
    )
    assert durations.tolist() == [[1, 1, 1]]
    assert wave.shape == (1, 1, 3 * 320)


def test_predicted_durations_repeat_the_units() -> None:
    module = build("codehifigan", _small_code())
    with torch.no_grad():
        module.dur_predictor.proj.weight.zero_()
        module.dur_predictor.proj.bias.fill_(1.5)  # exp(1.5) - 1 = 3.48
        wave, durations = module(torch.tensor([[1, 2]]))
        assert durations.tolist() == [[3, 3]]
        module.dur_predictor.proj.bias.fill_(-9.0)  # never less than one
        assert module(torch.tensor([[1, 2]]))[1].tolist() == [[1, 1]]
        repeated = module(torch.tensor([[1, 1, 1, 2, 2, 2]]), predict_durations=False)[0]
    torch.testing.assert_close(wave, repeated)


SMALL = ModifiedConfig(
    mel_bins=8,
    channels=(16, 8, 8),
    upsample_kernel_sizes=(8, 4),
    upsample_rates=(4, 2),
    mrf_count=2,
)


def test_every_declared_choice_changes_the_sound_and_no_tensor() -> None:
    base = build("streamspeech-modified", SMALL)
    reference = run("streamspeech-modified", base, 20)
    # between norm and activation the order matters only where there is a norm; every default has one
    for choice in choices(SMALL, hop=8):
        assert choice.default in choice.values
        assert getattr(SMALL, choice.field) == choice.default
        for value in choice.values:
            if value == choice.default:
                continue
            changed = build(
                "streamspeech-modified", type(SMALL)(**{**vars(SMALL), choice.field: value})
            )
            changed.load_state_dict(base.state_dict(), strict=True)
            output = run("streamspeech-modified", changed, 20)
            assert output.shape != reference.shape or not torch.allclose(
                output, reference, rtol=1e-3
            ), (choice.field, value)


def test_simple_grc_is_what_its_author_wrote() -> None:
    """conv1, ReLU, conv2, + input: no dilation, no norm; branches summed. By hand, on the module's own weights."""
    simple = {variant.name: variant.config for variant in variants(SMALL)}["simple-grc"]
    module = build("streamspeech-modified", simple)
    mrf = module.mrfs[0]
    x = torch.randn(2, 16, 30)
    total = torch.zeros_like(x)
    for kernel, block in zip(SMALL.mrf_kernel_sizes, mrf.convs, strict=True):
        y = torch.nn.functional.conv1d(x, block.conv1.weight, block.conv1.bias, padding=kernel // 2)
        y = torch.nn.functional.conv1d(
            y.relu(), block.conv2.weight, block.conv2.bias, padding=kernel // 2
        )
        total += y + x
    torch.testing.assert_close(mrf(x), total)


def test_the_training_script_block_is_what_was_written_down() -> None:
    """Twice conv (dilated 1, 2, 4), instance norm without affine, leaky ReLU 0.2; then + input."""
    module = build("streamspeech-modified", SMALL)
    x = torch.randn(2, 16, 30)
    total = torch.zeros_like(x)
    for dilation, block in zip((1, 2, 4), module.mrfs[0].convs, strict=True):
        y = x
        for conv in (block.conv1, block.conv2):
            padding = (conv.kernel_size[0] - 1) * dilation // 2
            y = torch.nn.functional.conv1d(
                y, conv.weight, conv.bias, padding=padding, dilation=dilation
            )
            y = torch.nn.functional.leaky_relu(torch.nn.InstanceNorm1d(16)(y), 0.2)
        total += y + x
    torch.testing.assert_close(module.mrfs[0](x), total)


@pytest.mark.parametrize("variant", ["training-script", "simple-grc"])
def test_a_fresh_generator_starts_near_silence_with_gradients_everywhere(variant: str) -> None:
    config = {entry.name: entry.config for entry in variants(SMALL)}[variant]
    torch.manual_seed(0)
    module = code_of("streamspeech-modified").build(config)
    mel = torch.randn(2, 8, 60) * 3 - 5
    wave = module(mel, torch.randn(2, 192), torch.randn(2, 256))
    assert wave.shape == (2, 1, 480)
    assert 0.005 < float(wave.detach().std()) < 0.5
    (wave - torch.randn_like(wave) * 0.1).square().mean().backward()
    normed = config.norm == "instance"  # a bias before an instance norm has no effect
    for name, parameter in module.named_parameters():
        if normed and name.startswith("mrfs.") and name.endswith(".bias"):
            continue
        assert float(parameter.grad.abs().max()) > 1e-8, name


def test_the_wrong_model_makes_sound_from_a_partly_loaded_checkpoint() -> None:
    """What the story did: load_state_dict raises, the exception is caught, 64 of 94 tensors are in; train mode stays."""
    from auscult.families.streamspeech_grc_lora.config import Config as WrongConfig

    right = build("streamspeech-modified", ModifiedConfig(channels=(32, 16, 8, 8, 8, 4)))
    wrong = code_of("streamspeech-grc-lora").build(WrongConfig(channels=(32, 16, 8, 8, 8, 4)))
    with pytest.raises(RuntimeError, match="size mismatch"):
        wrong.load_state_dict(right.state_dict(), strict=False)
    state = right.state_dict()
    loaded = [
        name
        for name, value in wrong.state_dict().items()
        if name in state and torch.equal(value.flatten()[:1], state[name].flatten()[:1])
    ]
    assert len(loaded) == 64
    wave = wrong(torch.randn(1, 80, 12) * 2 - 5)
    assert wave.shape == (1, 1, 12 * 512)
    assert torch.isfinite(wave).all()
    assert float(wave.detach().std()) > 1e-4
