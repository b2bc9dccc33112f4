"""S3Gen's flow in MLX: speech tokens to mel, by solving an ordinary differential equation from noise."""

from __future__ import annotations

import mlx.core as mx
from mlx import nn

from auscult.families.chatterbox_s3gen.config import Flow as Config
from auscult.families.chatterbox_s3gen.mlx.encoder import Encoder
from auscult.families.chatterbox_s3gen.mlx.estimator import Estimator
from auscult.families.chatterbox_s3gen.positions import times

NORM_FLOOR = 1e-12


class Decoder(nn.Module):
    """The solver around the estimator: noise to mel."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.estimator = Estimator(config)

    def __call__(
        self,
        noise: mx.array,
        mu: mx.array,
        speaker: mx.array,
        condition: mx.array,
        mask: mx.array | None = None,
        *,
        steps: int | None = None,
    ) -> mx.array:
        """Euler's method over the configured times: all [batch, frames, mel_bins], `speaker` [batch, mel_bins].

        The guided velocity takes one call with both rows, conditional first; the unconditional row has zeros for mu,
        speaker and condition. Meanflow is distilled and takes no guidance.
        """
        meanflow = self.config.meanflow
        grid = mx.array(times(steps or self.config.steps, meanflow=meanflow))
        x = noise
        given = (
            (mu, speaker, condition)
            if meanflow
            else (with_zeros(mu), with_zeros(speaker), with_zeros(condition))
        )
        both = mask if meanflow or mask is None else mx.concatenate([mask, mask])
        for step in range(len(grid) - 1):
            start, end = grid[step : step + 1], grid[step + 1 : step + 2]
            if meanflow:
                velocity = self.estimator(x, *given, start, mask=both, until=end)
            else:
                conditional, unconditional = mx.split(
                    self.estimator(mx.concatenate([x, x]), *given, start, mask=both), 2
                )
                velocity = (
                    1.0 + self.config.guidance
                ) * conditional - self.config.guidance * unconditional
            x = x + (end - start) * velocity
            mx.eval(
                x
            )  # a step at a time: the whole graph of all steps would hold every layer's memory
        return x


def with_zeros(rows: mx.array) -> mx.array:
    """The rows, and below them as many of zeros."""
    return mx.concatenate([rows, mx.zeros_like(rows)])


class Flow(nn.Module):
    """Tokens [batch, tokens] to mel [batch, frames, mel_bins], two frames a token."""

    def __init__(self, config: Config, embedding: int = 192) -> None:
        super().__init__()
        self.config = config
        self.input_embedding = nn.Embedding(config.tokens, config.width)
        self.spk_embed_affine_layer = nn.Linear(embedding, config.mel_bins)
        self.encoder = Encoder(config)
        self.encoder_proj = nn.Linear(config.width, config.mel_bins)
        self.decoder = Decoder(config)

    def mu(self, tokens: mx.array, lengths: mx.array | None = None) -> mx.array:
        """What the tokens say about the mel: [batch, frames, mel_bins]."""
        x = self.input_embedding(tokens)
        if lengths is not None:
            x = x * (mx.arange(tokens.shape[1]) < lengths[:, None])[..., None]
        return self.encoder_proj(self.encoder(x, lengths))

    def speaker(self, xvector: mx.array) -> mx.array:
        """The x-vector [batch, embedding], of any length, as the estimator takes it: [batch, mel_bins]."""
        length = mx.maximum(mx.linalg.norm(xvector, axis=1, keepdims=True), NORM_FLOOR)
        return self.spk_embed_affine_layer(xvector / length)

    def __call__(
        self,
        tokens: mx.array,
        prompt_tokens: mx.array,
        prompt_mel: mx.array,
        xvector: mx.array,
        *,
        lengths: mx.array | None = None,
        noise: mx.array | None = None,
        key: mx.array | None = None,
        steps: int | None = None,
        final: bool = True,
    ) -> mx.array:
        """The mel of `tokens` [batch, tokens] in the voice of a prompt.

        `prompt_tokens` [1 or batch, prompt], `prompt_mel` [1 or batch, 2 * prompt, mel_bins] and `xvector` [1 or batch,
        embedding] are of the reference. `lengths` [batch] are the rows' numbers of tokens, None where no row is padded.
        `noise` [batch, frames, mel_bins], the prompt's among them, is where the solver starts; drawn where it is None.
        Unless `final`, more tokens will follow, and the last ones that the encoder has not seen ahead of are left out.
        """
        batch, prompt = len(tokens), prompt_mel.shape[1]
        every = mx.concatenate(
            [mx.broadcast_to(prompt_tokens, (batch, prompt_tokens.shape[1])), tokens], axis=1
        )
        if lengths is not None:
            lengths = lengths + prompt_tokens.shape[1]
        mu = self.mu(every, lengths)
        mask = None
        if lengths is not None:
            frames = mx.arange(mu.shape[1])
            mask = (frames < lengths[:, None] * self.config.frames_per_token).astype(mu.dtype)[
                ..., None
            ]
        if not final:
            kept = mu.shape[1] - self.config.lookahead * self.config.frames_per_token
            mu, mask = mu[:, :kept], mask if mask is None else mask[:, :kept]
        if noise is None:
            noise = mx.random.normal(mu.shape, key=key)
        given = mx.broadcast_to(prompt_mel, (batch, *prompt_mel.shape[1:]))
        condition = mx.concatenate([given, mx.zeros_like(mu[:, prompt:])], axis=1)
        speaker = mx.broadcast_to(self.speaker(xvector), (batch, self.config.mel_bins))
        return self.decoder(noise, mu, speaker, condition, mask, steps=steps)[:, prompt:]
