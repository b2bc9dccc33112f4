"""How the codebooks learn: running means of what each code is chosen for, a start by k-means, and
new places for dead codes.

Nothing else moves the codes: they get no gradient. The running counts and sums start from the
k-means clusters themselves. A start at zero counts beside random sums would throw every unused code
to sums / epsilon after one update, out of reach of all items for ever.
Sources: van den Oord et al. (arXiv 1711.00937, appendix A.1) for the running means; Dhariwal et
al., Jukebox (arXiv 2005.00341) for restarting codes.
"""

from __future__ import annotations

import torch
from torch import Tensor, distributed

from auscult.families.codec.quantizer import Book, Quantized, ResidualQuantizer
from auscult.training.losses import count_processes

KMEANS_ROUNDS = 6
LEVEL_RATE = 0.02  # per step, of the level's logarithm per relative excess of books
REVIVAL_MIX = 0.25  # of the way from a code in use to the item at which a dead code takes over a part of its work
KMEANS_ITEMS = 16  # per code, at most


class Codebooks:
    """The learning side of a quantiser's books.

    Attributes:
        usage: [books, codes], running count of items per code and step.
        sums: [books, codes, width], running sum of those items.
    """

    def __init__(
        self,
        quantizer: ResidualQuantizer,
        *,
        decay: float = 0.99,
        dead: float = 0.05,
        revive_interval: int = 10,
        seed: int = 0,
    ) -> None:
        """
        Args:
            decay: Of the running counts and sums, per step.
            dead: A code whose running count is below this share of the mean takes over a part of
                another's work.
            every: Steps between looks for dead codes.
        """
        self.quantizer = quantizer
        self.books: list[Book] = list(quantizer.books)  # type: ignore[arg-type]
        self.decay, self.dead, self.every = decay, dead, revive_interval
        self.generator = torch.Generator().manual_seed(seed)
        shape = (len(self.books), *self.books[0].codes.shape)
        device = self.books[0].codes.device
        self.usage = torch.ones(shape[:2], device=device)
        self.sums = torch.stack([book.codes.detach().clone() for book in self.books])
        self.steps = 0
        self.replaced = 0

    @torch.no_grad()
    def start(self, latent: Tensor) -> None:
        """Place every book by k-means over what the books before it leave of [batch, latent,
        frames].

        Where the number of books varies, the level is found with a first placing, and the books are
        placed for what is above it.
        """
        if self.quantizer.average:
            self._place(latent, KMEANS_ROUNDS // 2)
            self.quantizer.level.copy_(self.quantizer.fit(gather_items(latent)))
        self._place(latent, KMEANS_ROUNDS)
        if self.quantizer.average:
            self.quantizer.level.copy_(self.quantizer.fit(gather_items(latent)))

    def _place(self, latent: Tensor, rounds: int) -> None:
        total = torch.zeros_like(latent)
        is_used = torch.ones(
            latent.shape[0], latent.shape[2], dtype=torch.bool, device=latent.device
        )
        for number, book in enumerate(self.books):
            if self.quantizer.average:
                is_used = is_used & self.quantizer.above(latent - total, self.quantizer.level)
            projected = book.project(latent - total).transpose(1, 2)[is_used]
            items = gather_items(projected)
            if len(items):
                codes, counts = kmeans(items, len(book.codes), self.generator, rounds)
                book.codes.copy_(codes)
                self.usage[number] = counts * (len(book.codes) / counts.sum())
                self.sums[number] = codes * self.usage[number, :, None]
            chosen = torch.full(is_used.shape, -1, device=latent.device)
            chosen[is_used] = book.nearest(projected)
            total = total + book.lookup(chosen)

    @torch.no_grad()
    def update(self, quantized: Quantized) -> None:
        """Take in one step's choices, of all processes where there are several."""
        counts, sums = torch.zeros_like(self.usage), torch.zeros_like(self.sums)
        for number, items in enumerate(quantized.inputs):
            chosen = quantized.codes[:, number].flatten()
            chosen = chosen[chosen >= 0]
            counts[number].index_add_(0, chosen, torch.ones_like(chosen, dtype=counts.dtype))
            sums[number].index_add_(0, chosen, items.to(sums.dtype))
        if count_processes() > 1:
            distributed.all_reduce(counts)
            distributed.all_reduce(sums)
        if self.quantizer.average:
            frames = quantized.codes.shape[0] * quantized.codes.shape[2] * count_processes()
            self.quantizer.level *= (
                LEVEL_RATE * (counts.sum() / frames / self.quantizer.average - 1)
            ).exp()
        self.usage.lerp_(counts, 1 - self.decay)
        self.sums.lerp_(sums, 1 - self.decay)
        self.steps += 1
        for number, book in enumerate(self.books):
            alive = self.usage[number] > 1e-3 * self.usage[number].mean()
            book.codes[alive] = self.sums[number, alive] / self.usage[number, alive, None]
        if self.steps % self.every == 0:
            self._revive(quantized)

    def _revive(self, quantized: Quantized) -> None:
        """Give codes that are hardly used a part of the work of those that are used much.

        A random item is drawn, and with it, as often as it is used, a code. The dead code moves
        near that code, a little towards the item. On the item itself it would be further from all
        others than the old code is: in many dimensions it would win nothing.
        """
        self.replaced = 0
        for number, (book, items) in enumerate(zip(self.books, quantized.inputs, strict=True)):
            dead = (self.usage[number] < self.dead * self.usage[number].mean()).nonzero()[:, 0]
            pool = gather_items(items)
            if not len(dead) or not len(pool):
                continue
            picked = torch.randint(len(pool), (len(dead),), generator=self.generator).to(
                pool.device
            )
            source = book.nearest(pool[picked])
            split = torch.lerp(book.codes[source], pool[picked].to(book.codes.dtype), REVIVAL_MIX)
            self.usage[number, source] *= 0.5
            self.sums[number, source] *= 0.5
            self.usage[number, dead] = self.usage[number, source].clamp_min(
                self.dead * self.usage[number].mean()
            )
            book.codes[dead] = split
            self.sums[number, dead] = split * self.usage[number, dead, None]
            self.replaced += len(dead)

    def perplexity(self) -> list[float]:
        """exp(entropy) of each book's running counts as a share of its codes: 1 when all are used
        equally.
        """
        shares = self.usage / self.usage.sum(1, keepdim=True)
        entropy = -torch.special.xlogy(shares, shares).sum(1)
        return [float(value) for value in entropy.exp() / self.usage.shape[1]]

    def state(self) -> dict[str, Tensor]:
        """All that a resumed run needs."""
        counters = torch.tensor([self.steps, self.replaced])
        return {
            "usage": self.usage,
            "sums": self.sums,
            "counters": counters,
            "generator": self.generator.get_state(),
        }

    def restore(self, state: dict[str, Tensor]) -> None:
        self.usage.copy_(state["usage"])
        self.sums.copy_(state["sums"])
        self.steps, self.replaced = (int(value) for value in state["counters"])
        self.generator.set_state(state["generator"].cpu())


def gather_items(items: Tensor) -> Tensor:
    """The items of all processes in the order of their ranks; each may have another number of
    them.
    """
    if count_processes() == 1:
        return items
    gathered: list[Tensor | None] = [None] * count_processes()
    distributed.all_gather_object(gathered, items.cpu())
    return torch.cat([part for part in gathered if part is not None]).to(items.device)


def kmeans(
    items: Tensor, count: int, generator: torch.Generator, rounds: int = KMEANS_ROUNDS
) -> tuple[Tensor, Tensor]:
    """Lloyd's algorithm from random items: centres [count, width] and how many items each has
    [count].

    A centre that loses all its items moves to a random item. Fewer items than centres: the rest are
    items with a little noise.
    """
    order = torch.randperm(len(items), generator=generator).to(items.device)
    items = items[order[: KMEANS_ITEMS * count]]
    spread = items.square().mean().sqrt().clamp_min(1e-6)
    noise = torch.randn((count, items.shape[1]), generator=generator).to(items) * 1e-3 * spread
    centres = items[torch.arange(count, device=items.device) % len(items)] + noise
    counts = torch.ones(count, device=items.device, dtype=items.dtype)
    for _ in range(rounds):
        nearest = torch.addmm((-0.5 * centres.square().sum(1))[None], items, centres.t()).argmax(1)
        counts = torch.bincount(nearest, minlength=count).to(items.dtype)
        sums = torch.zeros_like(centres).index_add_(0, nearest, items)
        empty = counts == 0
        centres = torch.where(empty[:, None], centres, sums / counts.clamp_min(1)[:, None])
        if bool(empty.any()):
            picked = torch.randint(len(items), (int(empty.sum()),), generator=generator).to(
                items.device
            )
            centres[empty] = items[picked]
    return centres, counts
