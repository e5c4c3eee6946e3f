"""A process that trains its part of a model: ``python one_of_several.py CASE RANK COUNT MEETING_POINT RESULT``."""

import sys
from dataclasses import replace

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

from samples import blobs, pictures
from warmstart.basics import InputError, generator_for, unwrapped
from warmstart.models import MLP, ResNet18
from warmstart.penalties import Adversarial, L2Init
from warmstart.training import Measure, OptimizerKind, Recipe, StoppingRule, fit

SGD = Recipe(optimizer=OptimizerKind.SGD, learning_rate=0.1, momentum=0.9, batch_size=16)


def mlp():
    return MLP(width=8).build((4,), 3, generator=generator_for(0))


def resnet():
    return ResNet18(width=2).build((1, 8, 8), 2, generator=generator_for(0))


def convolutional():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))


def trained(model, data, *, recipe=SGD, stop=None, **options):
    """Train in place, and return what there is to compare."""
    stop = stop or StoppingRule(None, max_epochs=3)
    result = fit(model, data, recipe=recipe, stop=stop, generator=generator_for(5), **options)
    inner = unwrapped(model)
    history = [(report.steps, report.train_score, report.train_loss) for report in result.history]
    cost = (result.cost.steps, result.cost.samples, result.cost.flops)
    return {"state": inner.state_dict(), "history": history, "cost": cost, "stop_reason": str(result.stop_reason)}


def uneven(wrap):
    return trained(wrap(mlp()), blobs(61))  # batches of 16 and 15: parts of 8 and 7


def noisy(wrap):
    return trained(wrap(mlp()), blobs(60), recipe=Recipe(batch_size=16, step_shrink=0.999, step_noise=0.01))


def penalized(wrap):
    return trained(wrap(mlp()), blobs(60), penalty=L2Init.toward(mlp(), strength=0.1))


def adversarial(wrap):
    return trained(wrap(mlp()), blobs(60), penalty=Adversarial(strength=1.0, epsilon=0.1))


def converged(wrap):
    return trained(wrap(mlp()), blobs(60), stop=StoppingRule(0.9))


def evaluated(wrap):
    return trained(wrap(mlp()), blobs(60), stop=StoppingRule(None, max_epochs=2, measure=Measure.EVALUATION))


def compiled(wrap):
    """In the order that PyTorch recommends: the distributed model is compiled."""
    return trained(torch.compile(wrap(mlp()), backend="eager"), blobs(60), stop=StoppingRule(0.9))


def images(wrap):
    """Normalization over a batch is over each process's part of it: the same everywhere, not the same as alone."""
    return trained(wrap(resnet()), pictures(48))


def augmented(wrap):
    """Draws are for whole batches: each process changes its images as one process would."""
    recipe = replace(SGD, augmentation=("flip", "crop", "cutout"), ema=0.9)
    return trained(wrap(convolutional()), pictures(47), recipe=recipe)


def stopped_early(wrap):
    recipe = replace(SGD, schedule="cosine", clip_norm=0.5, class_weights="balanced", label_smoothing=0.1)
    stop = StoppingRule(validation_patience=2, max_epochs=12, early_stopping="on")
    uneven = blobs(60).take(torch.cat([torch.arange(0, 60, 3), torch.arange(1, 60)]))
    return trained(wrap(mlp()), uneven, recipe=recipe, stop=stop, validation=blobs(40, seed=1))


def loaded(wrap):
    data = blobs(60)
    dataset = TensorDataset(data.inputs, data.labels)
    if not dist.is_initialized():
        return trained(mlp(), DataLoader(dataset, 20, sampler=interleaved(dataset)))
    return trained(wrap(mlp()), DataLoader(dataset, 10, sampler=DistributedSampler(dataset, shuffle=False)))


def interleaved(dataset):
    """The order in which two processes together go through the data, batch by batch."""
    return [index for start in range(0, len(dataset), 20) for index in range(start, start + 20)]


def loaded_and_evaluated(wrap):
    """Each process evaluates its own part: all must come to the same end."""
    data = blobs(60)
    dataset = TensorDataset(data.inputs, data.labels)
    loader = DataLoader(dataset, 10, sampler=DistributedSampler(dataset, shuffle=False))
    return trained(wrap(mlp()), loader, stop=StoppingRule(0.95, measure=Measure.EVALUATION))


def too_small(wrap):
    try:
        return trained(wrap(mlp()), blobs(60), recipe=Recipe(batch_size=1))
    except InputError as error:
        return {"error": str(error)}


CASES = (
    uneven,
    noisy,
    penalized,
    adversarial,
    converged,
    evaluated,
    compiled,
    augmented,
    stopped_early,
    images,
    loaded,
    loaded_and_evaluated,
    too_small,
)


def main(rank, count, meeting_point, result):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{meeting_point}", rank=rank, world_size=count)
    torch.save({case.__name__: case(DistributedDataParallel) for case in CASES}, f"{result}-{rank}")
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
