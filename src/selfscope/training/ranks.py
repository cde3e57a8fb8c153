"""Several processes that train one thing, as `accelerate launch` and `torchrun` start them: they split every batch.

Gradients are sums over the batch, so that processes differ from one in the order of additions alone. Only the first
writes, and only the first is told of steps.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import torch

T = TypeVar("T")


@dataclass(frozen=True)
class Ranks:
    """rank: which of them this process is, from 0. count: how many there are."""

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes and tells."""
        return self.rank == 0

    def part(self, batch: Sequence[T]) -> list[T]:
        """What this process computes of a batch."""
        return list(batch[self.rank :: self.count])

    def summed(self, loss: float, parameters: Sequence[torch.nn.Parameter]) -> float:
        """The loss of the whole batch; gradients are those of the whole batch from then on, in every process."""
        if self.count == 1:
            return loss
        import torch
        from torch import distributed

        for p in parameters:
            if p.grad is None:
                p.grad = torch.zeros_like(p)
            distributed.all_reduce(p.grad)
        device = parameters[0].device if parameters else "cpu"
        together = torch.tensor(loss, dtype=torch.float64 if str(device) != "mps" else torch.float32, device=device)
        distributed.all_reduce(together)
        return float(together)

    def wait(self) -> None:
        """Until all are here."""
        if self.count > 1:
            from torch import distributed

            distributed.barrier()

    def in_turn(self, make: Callable[[], T]) -> T:
        """What the first makes and keeps, and the others then find: it is called in every process, the first before
        the others."""
        if self.first:
            made = make()
            self.wait()
            return made
        self.wait()
        return make()


def joined() -> Ranks:
    """The processes of this run. Started by itself a process is alone; started by a launcher it joins the others, and
    takes the accelerator of its number."""
    count = int(os.environ.get("WORLD_SIZE", "1") or 1)
    if count < 2:
        return Ranks()
    import torch
    from torch import distributed

    if not distributed.is_initialized():
        on_gpu = torch.cuda.is_available() and os.environ.get("ACCELERATE_USE_CPU", "").lower() not in ("true", "1")
        if on_gpu:
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        distributed.init_process_group("nccl" if on_gpu else "gloo")
        atexit.register(_leave)
    return Ranks(distributed.get_rank(), distributed.get_world_size())


def _leave() -> None:
    from torch import distributed

    if distributed.is_initialized():
        distributed.destroy_process_group()
