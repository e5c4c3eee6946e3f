"""Training one model in several processes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from warmstart.basics import unwrapped, wrapper_chain


def distributed_in(model: nn.Module) -> DistributedDataParallel | None:
    """Return the ``DistributedDataParallel`` among a model's wrappers, at any depth; None if there is none."""
    return next((each for each in wrapper_chain(model) if isinstance(each, DistributedDataParallel)), None)


@dataclass(frozen=True)
class Shard:
    """This process's part of every batch; of a model that is not distributed, all of it.

    Args:
        rank: Number of the process in its group.
        count: Processes in the group.
        group: The group; None where there is none.
    """

    rank: int = 0
    count: int = 1
    group: dist.ProcessGroup | None = None

    @classmethod
    def of_model(cls, model: nn.Module) -> Shard:
        """Return the shard that the model's process group gives this process."""
        distributed = distributed_in(model)
        if distributed is None:
            return cls()
        group = distributed.process_group
        return cls(dist.get_rank(group), dist.get_world_size(group), group)

    def part(self, batch: torch.Tensor) -> torch.Tensor:
        """Return this process's part of a batch's indices."""
        return batch if self.group is None else batch.tensor_split(self.count)[self.rank]

    def weight(self, own: int, whole: int) -> float:
        """Return the factor on this process's mean loss that makes the mean over processes that of the whole batch."""
        # DistributedDataParallel averages gradients over processes as if their parts were of one size.
        return own * self.count / whole

    def broadcast_(self, values: torch.Tensor) -> torch.Tensor:
        """Give every process the values of the first one, in place, and return them."""
        if self.group is not None:
            dist.broadcast(values, dist.get_global_rank(self.group, 0), self.group)
        return values

    def all_reduce_(self, values: torch.Tensor) -> torch.Tensor:
        """Sum the values over all processes, in place, and return them."""
        if self.group is not None:
            dist.all_reduce(values, group=self.group)
        return values

    def broadcast_buffers_(self, model: nn.Module) -> None:
        """Give every process the first one's buffers: running statistics are of each process's own samples."""
        for buffer in unwrapped(model).buffers():
            self.broadcast_(buffer)
