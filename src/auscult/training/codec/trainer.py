"""One training step, and everything that it depends on.

Accelerate places the model, casts for mixed precision and averages the gradients under `torchrun`;
everything else is written out here, so that it can be read and changed. A step depends on the seed,
its number and the state alone, and the state is in the checkpoint: a run that is killed and resumed
goes on bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import cos, isfinite, pi
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor, nn

from auscult.families.codec.storage import write_codec, write_tensors
from auscult.families.codec.torch import Codec
from auscult.training.codec.balancer import Balancer
from auscult.training.codec.checkpoint import flatten_optimizer, restore_optimizer, select_prefix
from auscult.training.codec.codebooks import Codebooks
from auscult.training.codec.config import Device, TrainConfig
from auscult.training.codec.critics import CodecCritics
from auscult.training.codec.initial import start_codec
from auscult.training.codec.losses import CodecLosses, commitment_loss
from auscult.training.codec.monitor import Monitor, MonitorReading
from auscult.training.codec.segments import Segments
from auscult.training.codec.speech import Speech

RESUME, RELEASE = "resume.safetensors", "codec.safetensors"
START_SEGMENTS = 256  # whose latents place the codebooks before the first step
FINAL_DEAD_SHARE = 1e-3  # share of the mean use below which a code is moved even at the end
_START_STEP = (
    2**31
)  # no step of a run: the segments that place the codebooks are drawn under its number


def find_learning_rate(step: int, config: TrainConfig) -> float:
    """A linear warm-up, a plateau, and a cosine over the last `decay_share` of the steps."""
    if step < config.warmup:
        return config.learning_rate * (step + 1) / config.warmup
    start = config.steps * (1 - config.decay_share)
    done = min(max((step - start) / max(1.0, config.steps - start), 0.0), 1.0)
    return config.learning_rate * (
        config.final_rate + (1 - config.final_rate) * 0.5 * (1 + cos(pi * done))
    )


class Trainer:
    """The state of a run, and its steps."""

    def __init__(self, config: TrainConfig, speech: Speech, codec: Codec | None = None) -> None:
        """
        Args:
            codec: To be trained instead of a fresh one of the config: one of another architecture,
                say.
        """
        if config.threads:
            torch.set_num_threads(config.threads)
        self.config, self.speech = config, speech
        AcceleratorState._reset_state()  # the precision of an earlier run in this process would stay otherwise
        self.accelerator = Accelerator(
            mixed_precision=config.precision, cpu=_is_on_processor(config.device)
        )
        device = self.accelerator.device
        torch.manual_seed(config.seed)
        self.codec: Codec = (
            start_codec(config.codec, config.start) if codec is None else codec
        ).to(device)
        self.model, self.optimizer = self.accelerator.prepare(
            self.codec, _build_optimizer(self.codec, config.learning_rate, 0.9)
        )
        self.losses = CodecLosses(
            config.codec.sample_rate, mel=config.mel_weight > 0, spectral=config.spectral_weight > 0
        ).to(device)
        self.books = Codebooks(
            self.codec.quantizer,
            decay=config.codebook_decay,
            dead=config.dead_share,
            seed=config.seed,
        )
        self.segments = Segments(
            speech, round(config.segment * config.codec.sample_rate), config.seed
        )
        self.balancer = Balancer() if config.balance else None
        self.monitor = Monitor(config.codec.sample_rate)
        self.critics: CodecCritics | None = None
        if config.adversarial_weight > 0 or config.matching_weight > 0:
            self.critics = CodecCritics(config.critic_channels).to(device)
            optimizer = _build_optimizer(self.critics, config.critic_rate, 0.8)
            self.critic_model, self.critic_optimizer = self.accelerator.prepare(
                self.critics, optimizer
            )
        self.step = self.bad_steps = 0

    @torch.no_grad()
    def place_codebooks(self) -> None:
        """K-means over the latents of the first segments."""
        audio = self._draw_share(self.segments.draw, _START_STEP, START_SEGMENTS)
        self.books.start(
            torch.cat([self.codec.encoder(self.codec.padded(piece)) for piece in audio.split(16)])
        )

    def _draw_share(self, draw: Callable[..., Any], *arguments: Any) -> Any:
        """This process's share of what is drawn for a step."""
        drawn = draw(
            *arguments,
            rank=self.accelerator.process_index,
            processes=self.accelerator.num_processes,
        )
        if drawn is None:
            return None
        return drawn.to(self.accelerator.device)

    def train_step(self) -> dict[str, float]:
        """One update; the loss terms and a few figures by name.

        A step without a finite gradient changes nothing.
        """
        config = self.config
        target = self._draw_share(self.segments.draw, self.step, config.batch)
        depths = self._draw_share(
            self.segments.depths, self.step, config.batch, config.codec.books, config.dropout
        )
        for group in self.optimizer.param_groups:
            group["lr"] = find_learning_rate(self.step, config)
        output, quantized = self.model(target, depths)
        output = output.float()
        critic = self._train_critics(output, target)
        terms = self.terms(output, target)
        commitment = commitment_loss(output, target, quantized.power, quantized.distance)
        loss = self._sum_terms(terms, output) + config.commitment_weight * commitment
        self.optimizer.zero_grad(set_to_none=True)
        self.accelerator.backward(loss)
        norm = float(self.accelerator.clip_grad_norm_(self.codec.parameters(), config.clip))
        if isfinite(norm):
            self.optimizer.step()
            if self.step < config.revive_until * config.steps:
                self.books.dead = config.dead_share
            else:
                self.books.dead = FINAL_DEAD_SHARE
            self.books.update(quantized)
        self.bad_steps = 0 if isfinite(norm) else self.bad_steps + 1
        self.step += 1
        error = (output.detach() - target).square().sum().clamp_min(1e-12)
        figures = {
            name: float(value.detach())
            for name, value in {**terms, **critic, "commitment": commitment}.items()
        }
        return {
            **figures,
            "gradient": norm,
            "snr": float(10 * torch.log10(target.square().sum() / error)),
        }

    def _train_critics(self, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        if self.critics is None or self.step < self.config.critic_start:
            return {}
        loss = self.critic_model(output.detach()[:, 0], target[:, 0])
        self.critic_optimizer.zero_grad(set_to_none=True)
        self.accelerator.backward(loss)
        if isfinite(
            float(self.accelerator.clip_grad_norm_(self.critics.parameters(), self.config.clip))
        ):
            self.critic_optimizer.step()
        return {"critic": loss}

    def terms(self, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The losses of [batch, 1, time] that have a weight, by name."""
        terms: dict[str, Tensor] = self.losses(output, target)
        if self.critics is not None and self.step >= self.config.critic_start:
            terms |= self.critics.requires_grad_(False).generator_loss(output[:, 0], target[:, 0])
            self.critics.requires_grad_(True)
        return {name: value for name, value in terms.items() if self._find_weight(name) > 0}

    def _sum_terms(self, terms: Mapping[str, Tensor], output: Tensor) -> Tensor:
        if self.balancer is not None:
            return self.balancer.surrogate(
                terms, {name: self._find_weight(name) for name in terms}, output
            )
        return sum(
            (self._find_weight(name) * value for name, value in terms.items()), output.new_zeros(())
        )

    def _find_weight(self, name: str) -> float:
        weight: float = getattr(self.config, f"{name}_weight")
        return weight

    def look(self) -> MonitorReading:
        """What the monitor sees on the next step's segments."""
        target = self._draw_share(self.segments.draw, self.step, self.config.batch)
        return self.monitor.look(self.codec, target, self.terms)

    def state(self) -> dict[str, Tensor]:
        """All that a resumed run needs."""
        state = {
            **{f"codec.{name}": value for name, value in self.codec.state_dict().items()},
            **{f"books.{name}": value for name, value in self.books.state().items()},
            **flatten_optimizer(self.optimizer, "optimizer."),
        }
        if self.critics is not None:
            state |= {f"critics.{name}": value for name, value in self.critics.state_dict().items()}
            state |= flatten_optimizer(self.critic_optimizer, "critic_optimizer.")
        if self.balancer is not None:
            state |= {f"balancer.{name}": value for name, value in self.balancer.state().items()}
        if self.accelerator.scaler is not None:
            scaler = self.accelerator.scaler.state_dict()
            state |= {
                f"scaler.{name}": torch.tensor(float(value), dtype=torch.float64)
                for name, value in scaler.items()
            }
        return state

    def restore(self, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
        """Go on from `state`. Critics that the earlier run did not have start fresh."""
        self.codec.load_state_dict(select_prefix(tensors, "codec."))
        self.books.restore(select_prefix(tensors, "books."))
        restore_optimizer(self.optimizer, tensors, "optimizer.")
        if self.critics is not None and select_prefix(tensors, "critics."):
            self.critics.load_state_dict(select_prefix(tensors, "critics."))
            restore_optimizer(self.critic_optimizer, tensors, "critic_optimizer.")
        if self.balancer is not None:
            self.balancer.restore(select_prefix(tensors, "balancer."))
        if self.accelerator.scaler is not None and select_prefix(tensors, "scaler."):
            scaler = {
                name: value.item() for name, value in select_prefix(tensors, "scaler.").items()
            }
            integer_keys = ("growth_interval", "_growth_tracker")
            self.accelerator.scaler.load_state_dict(
                {k: int(v) if k in integer_keys else v for k, v in scaler.items()}
            )
        self.step = int(about["step"])

    def save(self, out: Path, **about: Any) -> bool:
        """Both checkpoints, by the first process.

        False if the disk did not take them; the ones before are then still whole.
        """
        if not self.accelerator.is_main_process:
            return True
        facts = {"step": self.step, "training": self.config.to_dict(), **about}
        try:
            write_tensors(self.state(), facts, out / RESUME)
            write_codec(self.codec, self.config.codec, out / RELEASE, facts)
        except OSError:
            return False
        return True


def _is_on_processor(device: Device) -> bool:
    """Whether a training of that setting computes on the processor."""
    if device == "auto":
        return not torch.cuda.is_available()
    return device == "cpu"


def _build_optimizer(module: nn.Module, rate: float, beta: float) -> torch.optim.Optimizer:
    return torch.optim.AdamW(module.parameters(), rate, betas=(beta, 0.99), weight_decay=0.0)
