"""S3Gen's flow in PyTorch: speech tokens to mel, by solving an ordinary differential equation from noise."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from auscult.families.chatterbox_s3gen.config import Flow as Config
from auscult.families.chatterbox_s3gen.positions import times
from auscult.families.chatterbox_s3gen.torch.encoder import Encoder
from auscult.families.chatterbox_s3gen.torch.estimator import Estimator


class Decoder(nn.Module):
    """The solver around the estimator: noise to mel."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.estimator = Estimator(config)

    def forward(
        self,
        noise: Tensor,
        mu: Tensor,
        speaker: Tensor,
        condition: Tensor,
        mask: Tensor | None = None,
        *,
        steps: int | None = None,
    ) -> Tensor:
        """Euler's method over the configured times: all [batch, mel_bins, frames], `speaker` [batch, mel_bins].

        The guided velocity takes one call with both rows, conditional first; the unconditional row has zeros for mu,
        speaker and condition. Meanflow is distilled and takes no guidance.
        """
        meanflow = self.config.meanflow
        grid = torch.from_numpy(times(steps or self.config.steps, meanflow=meanflow)).to(noise)
        x = noise
        given = (
            (mu, speaker, condition)
            if meanflow
            else (with_zeros(mu), with_zeros(speaker), with_zeros(condition))
        )
        both = mask if meanflow or mask is None else torch.cat((mask, mask))
        for start, end in zip(grid[:-1, None], grid[1:, None], strict=True):
            if meanflow:
                velocity = self.estimator(x, *given, start, mask=both, until=end)
            else:
                conditional, unconditional = self.estimator(
                    torch.cat((x, x)), *given, start, mask=both
                ).chunk(2)
                velocity = (
                    1.0 + self.config.guidance
                ) * conditional - self.config.guidance * unconditional
            x = x + (end - start) * velocity
        return x


def with_zeros(rows: Tensor) -> Tensor:
    """The rows, and below them as many of zeros."""
    return torch.cat((rows, torch.zeros_like(rows)))


class Flow(nn.Module):
    """Tokens [batch, tokens] to mel [batch, mel_bins, frames], two frames a token."""

    def __init__(self, config: Config, embedding: int = 192) -> None:
        super().__init__()
        self.config = config
        self.input_embedding = nn.Embedding(config.tokens, config.width)
        self.spk_embed_affine_layer = nn.Linear(embedding, config.mel_bins)
        self.encoder = Encoder(config)
        self.encoder_proj = nn.Linear(config.width, config.mel_bins)
        self.decoder = Decoder(config)

    def mu(self, tokens: Tensor, lengths: Tensor | None = None) -> Tensor:
        """What the tokens say about the mel: [batch, mel_bins, frames]."""
        x = self.input_embedding(tokens)
        if lengths is not None:
            x = (
                x
                * (torch.arange(tokens.shape[1], device=tokens.device) < lengths[:, None])[
                    ..., None
                ]
            )
        h: Tensor = self.encoder_proj(self.encoder(x, lengths))
        return h.transpose(1, 2)

    def speaker(self, xvector: Tensor) -> Tensor:
        """The x-vector [batch, embedding], of any length, as the estimator takes it: [batch, mel_bins]."""
        projected: Tensor = self.spk_embed_affine_layer(functional.normalize(xvector, dim=1))
        return projected

    def forward(
        self,
        tokens: Tensor,
        prompt_tokens: Tensor,
        prompt_mel: Tensor,
        xvector: Tensor,
        *,
        lengths: Tensor | None = None,
        noise: Tensor | None = None,
        generator: torch.Generator | None = None,
        steps: int | None = None,
        final: bool = True,
    ) -> Tensor:
        """The mel of `tokens` [batch, tokens] in the voice of a prompt.

        `prompt_tokens` [1 or batch, prompt], `prompt_mel` [1 or batch, mel_bins, 2 * prompt] and `xvector` [1 or batch,
        embedding] are of the reference. `lengths` [batch] are the rows' numbers of tokens, None where no row is padded.
        `noise` [batch, mel_bins, frames], the prompt's among them, is where the solver starts; drawn where it is None.
        Unless `final`, more tokens will follow, and the last ones that the encoder has not seen ahead of are left out.
        """
        batch, prompt = len(tokens), prompt_mel.shape[2]
        every = torch.cat((prompt_tokens.expand(batch, -1), tokens), dim=1)
        if lengths is not None:
            lengths = lengths + prompt_tokens.shape[1]
        mu = self.mu(every, lengths)
        mask = None
        if lengths is not None:
            frames = torch.arange(mu.shape[2], device=mu.device)
            mask = (frames < lengths[:, None] * self.config.frames_per_token).to(mu)[:, None]
        if not final:
            kept = mu.shape[2] - self.config.lookahead * self.config.frames_per_token
            mu, mask = mu[..., :kept], mask if mask is None else mask[..., :kept]
        if noise is None:
            noise = torch.randn(mu.shape, generator=generator).to(mu)
        condition = torch.zeros_like(mu)
        condition[..., :prompt] = prompt_mel
        speaker = self.speaker(xvector).expand(batch, -1)
        mel: Tensor = self.decoder(noise, mu, speaker, condition, mask, steps=steps)
        return mel[..., prompt:]
