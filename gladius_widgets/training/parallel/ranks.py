"""What ranks tell each other: sums, objects, gradients."""

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import torch
import torch.distributed as dist

from gladius_widgets.core.errors import GladiusError

_BUCKET_BYTES = 64 * 2**20
_T = TypeVar("_T")


class Ranks:
    """This process among all of the run.

    Args:
        device: where this rank computes; NCCL sums only tensors that are there.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.together = dist.is_available() and dist.is_initialized()
        self.index = dist.get_rank() if self.together else 0
        self.size = dist.get_world_size() if self.together else 1

    @property
    def is_main(self) -> bool:
        """Whether this is rank 0, which alone reads requests and writes the run directory."""
        return self.index == 0

    def check_size(self, expected: int) -> None:
        """Assert that the launcher started what the config asks for.

        Raises:
            GladiusError: `accelerate launch` started another number (`--cpu --num_processes 2`
                starts one, for example); training on would change the batch size in silence.
        """
        launched = int(os.environ.get("WORLD_SIZE", "1"))
        if not expected == self.size == launched:
            raise GladiusError(
                f"The config asks for {expected} processes, but {max(self.size, launched)} "
                "were started.",
                "Check resources.processes and the accelerate config.",
            )

    def sum(self, values: Sequence[float]) -> list[float]:
        """Element-wise sums over all ranks."""
        if not self.together:
            return list(values)
        tensor = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(tensor)
        return tensor.tolist()

    def broadcast(self, value: Any) -> Any:
        """Rank 0's object, on every rank."""
        if not self.together:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0, device=self.device)
        return box[0]

    def on_main(self, work: Callable[[], _T]) -> _T:
        """Let rank 0 do `work`; every rank gets its result, or its GladiusError."""
        result: Any = None
        error: GladiusError | None = None
        if self.is_main:
            try:
                result = work()
            except GladiusError as raised:
                error = raised
        result, error = self.broadcast((result, error))
        if error is not None:
            raise error
        return result

    def wait_for_all(self) -> None:
        """Go on only when every rank is here."""
        if self.together:
            self.sum([0.0])

    def sum_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Add every gradient over all ranks, in flat buckets.

        Done by hand after the last backward instead of inside it (DDP), so that a rank that ran
        out of memory can say so first, and no other waits for it for ever.
        """
        if not self.together:
            return
        bucket: list[torch.Tensor] = []
        used = 0
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            size = parameter.grad.numel() * parameter.grad.element_size()
            if bucket and (used + size > _BUCKET_BYTES or parameter.grad.dtype != bucket[0].dtype):
                _sum_bucket(bucket)
                bucket, used = [], 0
            bucket.append(parameter.grad)
            used += size
        if bucket:
            _sum_bucket(bucket)


def _sum_bucket(gradients: list[torch.Tensor]) -> None:
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
    dist.all_reduce(flat)
    at = 0
    for gradient in gradients:
        gradient.copy_(flat[at : at + gradient.numel()].view_as(gradient))
        at += gradient.numel()
