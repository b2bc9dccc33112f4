"""`run codec CHECKPOINT`: tiny EnCodec, DAC and Mimi through transformers, SNAC through its package."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auscult.errors import CheckpointError, UsageError
from auscult.sound.recording import read_recording
from auscult.verbs.run.foreign_codec import decode_foreign, encode_foreign, is_foreign_codec
from auscult.verdict import Verdict

os.environ.setdefault("HF_HUB_OFFLINE", "1")
torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

ENCODEC: dict[str, Any] = {
    "target_bandwidths": [1.5, 3.0],
    "sampling_rate": 24000,
    "num_filters": 4,
    "upsampling_ratios": [8, 5, 4, 2],
    "codebook_size": 1024,
    "hidden_size": 8,
    "num_lstm_layers": 1,
}
DAC: dict[str, Any] = {
    "encoder_hidden_size": 4,
    "decoder_hidden_size": 16,
    "downsampling_ratios": [2, 4],
    "upsampling_ratios": [4, 2],
    "hidden_size": 16,
    "n_codebooks": 3,
    "codebook_size": 32,
    "codebook_dim": 4,
    "sampling_rate": 16000,
}
MIMI: dict[str, Any] = {
    "num_filters": 4,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "intermediate_size": 16,
    "codebook_size": 32,
    "codebook_dim": 8,
    "vector_quantization_hidden_dimension": 8,
    "num_quantizers": 4,
    "num_semantic_quantizers": 1,
    "upsampling_ratios": [8, 6, 5, 4],
    "upsample_groups": 16,
}
MODELS = {
    "encodec": ("EncodecConfig", "EncodecModel", ENCODEC),
    "dac": ("DacConfig", "DacModel", DAC),
    "mimi": ("MimiConfig", "MimiModel", MIMI),
}


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import soundfile

    path = tmp_path_factory.mktemp("sound") / "in.wav"
    time = np.arange(24000) / 24000
    samples = 0.3 * np.sin(2 * np.pi * 220 * time) * np.sin(2 * np.pi * 3 * time)
    soundfile.write(path, samples, 24000)
    return path


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Any]]:
    """Random tiny codecs as transformers saves them, and the models themselves."""
    saved = {}
    for name, (config, model_name, sizes) in MODELS.items():
        torch.manual_seed(0)
        model = getattr(transformers, model_name)(getattr(transformers, config)(**sizes)).eval()
        with torch.no_grad():
            for buffer_name, buffer in model.named_buffers():
                if buffer_name.endswith("embed"):
                    buffer.normal_()
        folder = tmp_path_factory.mktemp(name)
        model.save_pretrained(folder)
        saved[name] = (folder, model)
    return saved


@pytest.mark.parametrize("name", MODELS)
def test_codes_and_sound_are_transformers_own(
    name: str, folders: dict[str, tuple[Path, Any]], speech: Path, tmp_path: Path
) -> None:
    folder, model = folders[name]
    codes, once, again = (tmp_path / file for file in ("codes.npz", "once.wav", "again.wav"))
    report = encode_foreign(folder, speech, codes=codes, output=once)
    assert report.extra["run"]["family"] == name
    assert report.verdict is not Verdict.PASS  # random weights: no speech comes out
    decode_foreign(folder, codes, again)
    first, second = (read_recording(path).samples for path in (once, again))
    np.testing.assert_array_equal(first, second[:, : first.shape[1]])
    rate = model.config.sampling_rate
    samples = torch.from_numpy(read_recording(speech).resample(rate).samples)[None]
    with torch.no_grad():
        if name == "encodec":
            expected = model.encode(samples, bandwidth=3.0).audio_codes[:, 0]
        else:
            expected = model.encode(samples).audio_codes[0]
    np.testing.assert_array_equal(np.load(codes)["codes"], expected.numpy())


def test_fewer_kilobits_are_fewer_books(
    folders: dict[str, tuple[Path, Any]], speech: Path, tmp_path: Path
) -> None:
    folder, _ = folders["encodec"]
    codes = tmp_path / "codes.npy"
    report = encode_foreign(folder, speech, codes=codes, kbits=1.5)
    assert report.verdict is Verdict.PASS
    assert np.load(codes).shape == (2, 75)
    assert report.extra["run"]["settings"]["kbit/s"] == pytest.approx(1.5)


def test_weights_of_another_codec_are_refused(
    folders: dict[str, tuple[Path, Any]], speech: Path, tmp_path: Path
) -> None:
    folder, _ = folders["dac"]
    config = json.loads((folder / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "codebook_size": 64}))
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    with pytest.raises(CheckpointError, match="not those of the config"):
        encode_foreign(tmp_path, speech, output=tmp_path / "out.wav")


def test_what_is_no_codec_is_told(speech: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    assert is_foreign_codec(tmp_path)
    with pytest.raises(UsageError, match=r"no codec that auscult runs .*found bert"):
        encode_foreign(tmp_path, speech, output=tmp_path / "out.wav")
    with pytest.raises(UsageError, match="nothing to write"):
        encode_foreign(tmp_path, speech)


@pytest.mark.slow
def test_snac_is_its_packages_own(speech: Path, tmp_path: Path) -> None:
    """With `pip install --no-deps --target DIR snac==1.2.1` and PYTHONPATH=DIR."""
    snac = pytest.importorskip("snac")
    config = {
        "sampling_rate": 24000,
        "encoder_dim": 4,
        "encoder_rates": [2, 4],
        "decoder_dim": 16,
        "decoder_rates": [4, 2],
        "attn_window_size": None,
        "codebook_size": 32,
        "codebook_dim": 4,
        "vq_strides": [4, 2, 1],
        "noise": False,
        "depthwise": True,
    }
    torch.manual_seed(0)
    model = snac.SNAC(**config).eval()
    (tmp_path / "config.json").write_text(json.dumps(config))
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    codes, output = tmp_path / "codes.npz", tmp_path / "out.wav"
    encode_foreign(tmp_path, speech, codes=codes, output=output)
    samples = torch.from_numpy(read_recording(speech).samples)[None]
    with torch.no_grad():
        expected, books = model(samples)
    for book, values in enumerate(books):
        np.testing.assert_array_equal(np.load(codes)[f"codes.{book}"], values[0].numpy())
    peak = float(expected.abs().max())
    np.testing.assert_allclose(
        read_recording(output).samples, expected[0].numpy(), atol=1e-5 * peak
    )
