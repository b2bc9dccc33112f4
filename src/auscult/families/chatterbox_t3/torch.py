"""Chatterbox's T3 in PyTorch, on transformers' Llama."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from auscult.errors import UsageError
from auscult.facts.install import format_install_command
from auscult.families import _torch
from auscult.families.chatterbox_t3.config import Config
from auscult.families.chatterbox_t3.decoding import Memory, product
from auscult.families.chatterbox_t3.generate import Condition, Ids, checked, framed
from auscult.families.chatterbox_t3.naming import released, runnable
from auscult.families.chatterbox_t3.sampling import Logits

__all__ = ["T3", "Decoder", "build", "load"]

UNUSED = "tfmr.embed_tokens.weight"


class Positions(nn.Module):
    """One learned row per place."""

    def __init__(self, places: int, width: int) -> None:
        super().__init__()
        self.emb = nn.Embedding(places, width)

    def forward(self, start: int, length: int) -> Tensor:
        """[length, width]"""
        return self.emb.weight[start : start + length]


class Attention(nn.Module):
    """Queries of one sequence to another, both normed by the same norm, added to the first: [batch, length, width]."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.heads = config.perceiver_heads
        self.norm = nn.LayerNorm(config.width)
        self.to_q = nn.Linear(config.width, config.width)
        self.to_k = nn.Linear(config.width, config.width)
        self.to_v = nn.Linear(config.width, config.width)
        self.proj_out = nn.Linear(config.width, config.width)

    def forward(self, x: Tensor, heard: Tensor) -> Tensor:
        inner = self.norm(heard)
        projected = (self.to_q(self.norm(x)), self.to_k(inner), self.to_v(inner))
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in projected)
        mixed = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        added: Tensor = x + self.proj_out(mixed)
        return added


class Perceiver(nn.Module):
    """A prompt of any length to a fixed number of positions: the same attention to the prompt, then to the result itself."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        bound = (3.0 / config.queries) ** 0.5
        self.pre_attention_query = nn.Parameter(
            torch.empty(1, config.queries, config.width).uniform_(-bound, bound)
        )
        self.attn = Attention(config)

    def forward(self, prompt: Tensor) -> Tensor:
        seen: Tensor = self.attn(self.pre_attention_query.expand(len(prompt), -1, -1), prompt)
        result: Tensor = self.attn(seen, seen)
        return result


class Conditioning(nn.Module):
    """Speaker, prompt and emotion as the first positions: [batch, 1 + queries + 1, width]."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.spkr_enc = nn.Linear(config.speaker_dim, config.width)
        self.emotion_adv_fc = nn.Linear(1, config.width, bias=False)
        self.perceiver = Perceiver(config)

    def forward(self, speaker: Tensor, prompt: Tensor, emotion: Tensor) -> Tensor:
        """`speaker` [batch, speaker_dim], embedded `prompt` [batch, tokens, width], `emotion` [batch, 1]."""
        return torch.cat(
            (
                self.spkr_enc(speaker)[:, None],
                self.perceiver(prompt),
                self.emotion_adv_fc(emotion)[:, None],
            ),
            dim=1,
        )


class T3(nn.Module):
    """`forward(embedded [rows, length, width])` gives logits [rows, length, speech_tokens]; `Decoder` decodes a sentence."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.cond_enc = Conditioning(config)
        self.tfmr = llama(config)
        self.text_emb = nn.Embedding(config.text_tokens, config.width)
        self.speech_emb = nn.Embedding(config.speech_tokens, config.width)
        self.text_pos_emb = Positions(config.positions, config.width)
        self.speech_pos_emb = Positions(config.speech_positions, config.width)
        self.text_head = nn.Linear(config.width, config.text_tokens, bias=False)
        self.speech_head = nn.Linear(
            config.width, config.speech_tokens, bias=config.speech_head_bias
        )

    def speech(self, tokens: Tensor, start: int = 0) -> Tensor:
        """Embedded speech tokens [tokens] that stand from `start` on: [1, tokens, width]."""
        embedded: Tensor = self.speech_emb(tokens) + self.speech_pos_emb(start, len(tokens))
        return embedded[None]

    def prefix(self, text: Tensor, condition: Condition, *, with_guidance: bool) -> Tensor:
        """What stands before the first token that is drawn: condition, text [tokens], and twice the start of speech.

        [rows, length, width]; with guidance the second row's text has no tokens, only positions. The start token has the first
        position both times, as in the released model.
        """
        like = self.speech_head.weight
        speaker = torch.from_numpy(condition.speaker).to(like)[None]
        prompt = self.speech(torch.from_numpy(condition.prompt).to(like.device))
        given = self.cond_enc(speaker, prompt, like.new_tensor([[condition.emotion]]))
        places = self.text_pos_emb(0, len(text))
        begin = self.speech(torch.tensor([self.config.start_speech], device=like.device))
        rows = (
            [self.text_emb(text) + places, places]
            if with_guidance
            else [self.text_emb(text) + places]
        )
        return torch.cat([torch.cat((given, row[None], begin, begin), dim=1) for row in rows])

    def forward(self, embedded: Tensor, memory: Any = None) -> Tensor:
        """`memory` is a cache of transformers, which is added to."""
        hidden = self.tfmr(
            inputs_embeds=embedded, past_key_values=memory, use_cache=memory is not None
        ).last_hidden_state
        logits: Tensor = self.speech_head(hidden)
        return logits


class Decoder:
    """See `auscult.families.chatterbox_t3.generate.Decoding`.

    The backbone's layers are run here and not by transformers, one sentence with its keys and values in one piece of memory: a
    token is a dozen matrix products a layer and next to nothing else.
    """

    def __init__(
        self, model: T3, text: Ids, condition: Condition, *, with_guidance: bool = True
    ) -> None:
        """`text` are a tokenizer's ids [tokens], without start and stop.

        Raises:
            UsageError: If the text is too long, or the condition is another model's.
        """
        self.model, self.text, self.condition = (
            model,
            framed(text, model.config),
            checked(condition, model.config),
        )
        self.with_guidance, self.place = with_guidance, 0
        self.memory = Memory(model)

    @torch.inference_mode()
    def first(self) -> Logits:
        text = torch.from_numpy(self.text).to(self.model.speech_head.weight.device)
        return self._logits(
            self.model.prefix(text, self.condition, with_guidance=self.with_guidance)
        )

    @torch.inference_mode()
    def next(self, token: int) -> Logits:
        self.place += 1
        embedded = self.model.speech(
            torch.tensor([token], device=self.model.speech_head.weight.device), self.place
        )
        return self._logits(embedded.expand(2 if self.with_guidance else 1, -1, -1))

    def _logits(self, embedded: Tensor) -> Logits:
        hidden = self.memory.hidden(embedded)[:, -1]
        head = self.model.speech_head
        logits = (
            product(hidden, head.weight)
            if head.bias is None
            else product(hidden, head.weight) + head.bias
        )
        return np.asarray(logits.float().numpy(force=True), np.float32)


def llama(config: Config) -> Any:
    """transformers' `LlamaModel` of these sizes; its own embedding is in the released file and never used.

    Raises:
        UsageError: If transformers is not installed.
    """
    try:
        from transformers import LlamaConfig, LlamaModel
    except ImportError as error:
        raise UsageError(
            "T3 in PyTorch needs transformers", hint=format_install_command("run")
        ) from error
    return LlamaModel(
        LlamaConfig(
            vocab_size=max(config.tokens, 1),
            hidden_size=config.width,
            intermediate_size=config.hidden,
            num_hidden_layers=config.layers,
            num_attention_heads=config.width // config.head_width,
            num_key_value_heads=config.width // config.head_width,
            head_dim=config.head_width,
            max_position_embeddings=131_072,
            rms_norm_eps=config.norm_eps,
            rope_theta=config.rope_theta,
            rope_scaling={
                "rope_type": "llama3",
                "factor": config.rope_factor,
                "low_freq_factor": config.rope_low,
                "high_freq_factor": config.rope_high,
                "original_max_position_embeddings": config.rope_original,
            },
            tie_word_embeddings=False,
        )
    )


def build(config: Config) -> T3:
    """A freshly initialised model in evaluation mode.

    Raises:
        UsageError: If it is Turbo, or transformers is not installed.
    """
    return T3(runnable(config)).eval()


def load(module: T3, state: Mapping[str, Tensor], prefix: str = "") -> None:
    """Fill a model strictly, from the released names or mlx-audio's. Files may lack the backbone's unused embedding.

    Raises:
        CheckpointError: If a tensor is missing, of another shape, or not the model's. The module is then unchanged.
    """
    _torch.load(module, {UNUSED: module.state_dict()[UNUSED]} | released(state, prefix))
