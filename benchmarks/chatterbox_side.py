"""One implementation of S3Gen and HiFT, timed in a process of its own: `python -m benchmarks.chatterbox_side SIDE JOB`.

JOB is a folder with `weights.pt` and `job.json`; the output is saved there and the figures are printed as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

PROCESS = Path("/proc/self")


def main(side: str, folder: Path) -> None:
    """Load, warm up on a fraction of the job, run it, save the waveform."""
    import torch

    job = json.loads((folder / "job.json").read_text())
    torch.set_num_threads(job["threads"])
    inputs = torch.load(folder / "inputs.pt", weights_only=True)
    mel_of, samples_of = {"ours": load_ours, "chatterbox-tts": load_theirs}[side](
        folder / "weights.pt"
    )
    with torch.inference_mode():
        samples_of(inputs["prompt_mel"][..., :8], inputs["source"][..., : 8 * 480])
        (PROCESS / "clear_refs").write_text("5")  # the peak of memory counts from here
        resident = read_status("VmRSS")
        start = time.perf_counter(), time.process_time()
        mel = mel_of(inputs)
        middle = time.perf_counter(), time.process_time()
        samples = samples_of(mel, inputs["source"])
        end = time.perf_counter(), time.process_time()
    torch.save({"mel": mel.clone(), "samples": samples.clone()}, folder / f"{side}.pt")
    figures = {
        "flow": middle[0] - start[0],
        "vocoder": end[0] - middle[0],
        "flow_cpu": middle[1] - start[1],
        "vocoder_cpu": end[1] - middle[1],
        "weights_mib": resident,
        "peak_mib": read_status("VmHWM"),
    }
    sys.stdout.write(json.dumps(figures) + "\n")


def read_status(field: str) -> float:
    """A line of /proc/self/status in MiB."""
    lines = (PROCESS / "status").read_text().splitlines()
    return float(next(line for line in lines if line.startswith(f"{field}:")).split()[1]) / 1024


Stages = tuple[Callable[[Any], Any], Callable[[Any, Any], Any]]


def load_ours(weights: Path) -> Stages:
    """auscult's modules: tokens to mel, mel and source to samples."""
    import torch

    from auscult.families.chatterbox_s3gen.config import Config
    from auscult.families.chatterbox_s3gen.torch import build, load

    module = build(Config(tokenizer=None)).eval()
    load(module, torch.load(weights, weights_only=True, mmap=True))
    vocoder = module.mel2wav
    assert vocoder is not None

    def compute_mel(inputs: Any) -> Any:
        voice = inputs["prompt_tokens"], inputs["prompt_mel"], inputs["xvector"]
        return module.flow(inputs["tokens"], *voice, noise=inputs["noise"])

    return compute_mel, lambda spectrum, source: vocoder(spectrum, source=source)[:, 0]


def load_theirs(weights: Path) -> Stages:
    """chatterbox-tts' modules, with the start noise injected where it draws it."""
    import torch

    from tests.families.chatterbox import reference

    package = reference("models.s3gen.s3gen")
    module = package.S3Token2Wav().eval()
    del module.tokenizer
    module.load_state_dict(torch.load(weights, weights_only=True, mmap=True), strict=True)

    def compute_mel(inputs: Any) -> Any:
        with mock.patch.object(torch, "randn_like", return_value=inputs["noise"].clone()):
            lengths = (
                torch.tensor([inputs[name].shape[1]]) for name in ("tokens", "prompt_tokens")
            )
            tokens, prompt = zip((inputs["tokens"], inputs["prompt_tokens"]), lengths, strict=True)
            prompt_mel = inputs["prompt_mel"].transpose(1, 2)
            return module.flow.inference(
                *tokens, *prompt, prompt_mel, None, inputs["xvector"], finalize=True
            )[0]

    return compute_mel, module.mel2wav.decode


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
