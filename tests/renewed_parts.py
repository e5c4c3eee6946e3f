"""A process that renews its part of a model: ``python renewed_parts.py RANK COUNT MEETING_POINT RESULT``."""

import sys
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel

from warmstart.basics import generator_for, seeded_globals
from warmstart.strategies import Cold, KeepLayers, Noise, NormMatched, ShrinkPerturb, Warm, renew_

STRATEGIES = (Cold(), Warm(), ShrinkPerturb(), ShrinkPerturb(noise=Noise.GAUSSIAN), NormMatched(), KeepLayers())


class Net(nn.Module):
    """Sizes that two processes cannot share evenly, a frozen layer, tied weights and a buffer."""

    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Linear(3, 5), nn.BatchNorm1d(5)
        self.second, self.third = nn.Linear(5, 5), nn.Linear(5, 5)
        self.third.weight = self.second.weight
        self.frozen = nn.Linear(5, 5).requires_grad_(False)
        self.head = nn.Linear(5, 3)

    def forward(self, inputs):
        hidden = self.norm(self.first(inputs)).relu()
        return self.head(self.frozen(self.third(self.second(hidden).tanh()).tanh()))


def trained():
    """The same model in every process, as if a round had trained it."""
    with seeded_globals(generator_for("trained")):
        return Net()


def whole(model):
    """The state of a model, with whole tensors."""
    state = {
        name: getattr(value, "full_tensor", lambda value=value: value)() for name, value in model.named_parameters()
    }
    return {name: value.detach().clone() for name, value in [*state.items(), *model.named_buffers()]}


def step(model, inputs):
    """Take a step of Adam, for a state that has to be cleared."""
    optimizer = torch.optim.Adam([parameter for parameter in model.parameters() if parameter.requires_grad], lr=1e-3)
    model(inputs).square().mean().backward()
    optimizer.step()
    return optimizer


def sharded(strategy):
    """Renew a sharded model and its averaged copy, before and after a step; return what there is to compare."""
    mesh = init_device_mesh("cpu", (dist.get_world_size(),))
    model = trained()
    for layer in (model.first, model.head):
        fully_shard(layer, mesh=mesh)
    fully_shard(model, mesh=mesh, reshard_after_forward=False)
    with torch.no_grad():
        model(torch.ones(4, 3))  # leaves whole weights behind
    statistics = {name: value.clone() for name, value in model.named_buffers()}
    kinds = {name: (type(value), value.placements) for name, value in sharded_parameters(model).items()}
    renew_(model, strategy, Net, seed=7, round=3)
    now = {name: (type(value), value.placements) for name, value in sharded_parameters(model).items()}
    state = whole(model)
    assert all(torch.equal(state[name], value) for name, value in statistics.items())
    optimizer = step(model, torch.ones(4, 3))
    filled = len(optimizer.state)
    renew_(model, strategy, Net, seed=7, round=4, optimizer=optimizer)
    return {
        "state": state,
        "same_kinds": kinds == now,
        "tied": model.second.weight is model.third.weight,
        "cleared": (filled > 0, len(optimizer.state)),
        "gradients": [name for name, parameter in model.named_parameters() if parameter.grad is not None],
        "runs": bool(model(torch.ones(4, 3)).isfinite().all()),
    }


def sharded_parameters(model):
    for module in model.modules():
        if hasattr(module, "reshard"):
            module.reshard()
    return dict(model.named_parameters())


def distributed(strategy):
    """Renew a model in DistributedDataParallel, with an average of it."""
    model = DistributedDataParallel(trained())
    averaged = AveragedModel(model.module)
    averaged.update_parameters(model.module)
    optimizer = step(model, torch.ones(4, 3) * (1 + dist.get_rank()))
    model.module.load_state_dict(trained().state_dict())
    renew_(model, strategy, Net, seed=7, round=3, optimizer=optimizer, averaged=averaged)
    return {"state": whole(model.module), "cleared": len(optimizer.state), "count": int(averaged.n_averaged)}


def main(rank, count, meeting_point, result):
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{meeting_point}", rank=rank, world_size=count, timeout=timedelta(seconds=60)
    )
    found = [(sharded(strategy), distributed(strategy)) for strategy in STRATEGIES]
    torch.save(found, f"{result}-{rank}")
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
