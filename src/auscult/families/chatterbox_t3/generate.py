"""Speech tokens one after another, whatever framework computes the logits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from auscult.errors import UsageError
from auscult.facts.progress import Progress
from auscult.families.chatterbox_t3.config import Config
from auscult.families.chatterbox_t3.sampling import Logits, Sampling, draw, guided, probabilities

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Condition:
    """Whose voice and how: from one reference recording, for any number of sentences.

    Attributes:
        speaker: The voice encoder's vector [speaker_dim]; not S3Gen's x-vector.
        prompt: Speech tokens of the recording's start [at most `prompt_tokens`].
        emotion: Exaggeration; 0.5 is neutral.
    """

    speaker: NDArray[np.float32]
    prompt: Ids
    emotion: float = 0.5


class Decoding(Protocol):
    """One sentence being decoded, with what its attention has to remember. Logits are [rows, vocabulary].

    The rows are the sentence and, with guidance, the same without its text.
    """

    def first(self) -> Logits:
        """After the condition, the text and twice the start token, as the released model has it."""

    def next(self, token: int) -> Logits:
        """After one more speech token."""


@dataclass(frozen=True)
class Spoken:
    """What was decoded.

    Attributes:
        tokens: Those that are sound, [tokens].
        sampled: All that were drawn, the stop token among them.
        stopped: Whether the model ended the sentence, and not the limit.
    """

    tokens: Ids
    sampled: Ids
    stopped: bool


def speak(
    decoding: Decoding,
    config: Config,
    sampling: Sampling,
    uniforms: Iterator[float],
    progress: Progress | None = None,
) -> Spoken:
    """Draw tokens until the model stops or the limit is reached; each takes one of `uniforms` in [0, 1).

    Raises:
        UsageError: If the limit is more than the model has positions for.
    """
    sampled = np.array(list(draw_tokens(decoding, config, sampling, uniforms, progress)), np.int64)
    return Spoken(sound_only(sampled, config), sampled, bool(sampled[-1] == config.stop_speech))


def draw_tokens(
    decoding: Decoding,
    config: Config,
    sampling: Sampling,
    uniforms: Iterator[float],
    progress: Progress | None = None,
) -> Iterator[int]:
    """The same, one token after the other, the stop token among them.

    Raises:
        UsageError: If the limit is more than the model has positions for.
    """
    limit = sampling.max_tokens
    if not 1 <= limit <= config.speech_positions - 1:
        expected = f"1 to {config.speech_positions - 1}, the model's positions"
        raise UsageError(
            "cannot decode so many tokens", where="max_tokens", expected=expected, found=limit
        )
    said, logits = [config.start_speech], decoding.first()
    while True:
        said.append(
            draw(probabilities(guided(logits, sampling.guidance), said, sampling), next(uniforms))
        )
        if progress:
            progress(len(said) - 1, limit, "speech tokens")
        yield said[-1]
        if said[-1] == config.stop_speech or len(said) > limit:
            return
        logits = decoding.next(said[-1])


def sound_only(tokens: Ids, config: Config) -> Ids:
    """Without what is up to the first start token or from the first stop token on, and without other ids that are no sound."""
    starts, stops = (
        np.flatnonzero(tokens == mark) for mark in (config.start_speech, config.stop_speech)
    )
    kept = tokens[starts[0] + 1 if len(starts) else 0 : stops[0] if len(stops) else None]
    return np.asarray(kept[kept < config.start_speech], np.int64)


def framed(text: Ids, config: Config) -> Ids:
    """The ids of a text between its start and stop tokens, [tokens + 2].

    Raises:
        UsageError: If the text is too long, or has an id that the model does not know.
    """
    if len(text) + 2 > config.positions:
        raise UsageError(
            "the text is too long",
            expected=f"at most {config.positions - 2} tokens",
            found=len(text),
            hint="say it in several runs",
        )
    if len(text) and not 0 <= text.min() <= text.max() < config.text_tokens:
        raise UsageError(
            "the tokenizer is another model's",
            expected=f"ids below {config.text_tokens}",
            found=int(text.max()),
        )
    return np.concatenate(([config.start_text], text, [config.stop_text])).astype(np.int64)


def checked(condition: Condition, config: Config) -> Condition:
    """The condition, if it is one of this model.

    Raises:
        UsageError: If the speaker vector has another size (S3Gen's has 192 values, T3's 256), or a token is no sound.
    """
    if condition.speaker.shape != (config.speaker_dim,):
        raise UsageError(
            "is no speaker vector of this model",
            expected=[config.speaker_dim],
            found=list(condition.speaker.shape),
            hint="take the voice encoder's; the x-vector is S3Gen's",
        )
    prompt = condition.prompt
    if (
        prompt.ndim != 1
        or not len(prompt)
        or not 0 <= prompt.min() <= prompt.max() < config.speech_tokens
    ):
        raise UsageError(
            "is no prompt of speech tokens",
            expected=f"[tokens] below {config.speech_tokens}",
            found=prompt.shape,
        )
    return condition
