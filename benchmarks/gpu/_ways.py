"""Ways of training, each as samples a second."""

import copy
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call, grad, replace_all_batch_norm_modules_, stack_module_state, vmap

from bench._loops import bare_loop
from bench._pictures import BATCH, arrays
from bench._released import released_way
from warmstart.basics import generator_for
from warmstart.training import Precision, Recipe, StoppingRule, TensorData, Work, fit, fitting, run_lanes

from ._place import Place, Subject

_RELEASED_SAMPLES = 2_048


def released(subject: Subject, place: Place) -> float:
    """Return the speed of the released code's way, on few samples: pictures are converted one by one."""
    count = place.some(_RELEASED_SAMPLES, 64)
    held, model = arrays(count), subject.model(place)
    return count / place.seconds(lambda: released_way(model, held, 1, place.device))


def bare(subject: Subject, place: Place) -> float:
    """Return the speed of gather, forward, backward and step, and nothing else."""
    data, model, passes = subject.data(place), subject.model(place), subject.passes(place)
    return passes * len(data) / place.seconds(lambda: bare_loop(model, data, passes, assembled=False))


def fitted(subject: Subject, place: Place, precision: Precision, *, recorded: bool) -> float:
    """Return the speed of `fit`, with steps recorded and replayed or taken plainly."""
    data, model, passes = subject.data(place), subject.model(place), subject.passes(place)

    def train() -> None:
        recipe, stop = Recipe(precision=precision), StoppingRule(None, patience=None, max_epochs=passes)
        fit(model, data, recipe=recipe, stop=stop, generator=generator_for(0), graphs=recorded)

    return passes * len(data) / place.seconds(train)


def in_lanes(subject: Subject, place: Place, precision: Precision, lanes: int) -> float:
    """Return the speed of as many trainings as there are lanes, all together, on the same data."""
    data, passes = subject.data(place), subject.passes(place)
    works = [_work(subject.model(place, seed), data, precision, passes, seed) for seed in range(lanes)]
    seconds = place.seconds(lambda: run_lanes(works, device=place.device, lanes=lanes))
    return lanes * passes * len(data) / seconds


def _work(model: nn.Module, data: TensorData, precision: Precision, passes: int, seed: int) -> Work[object]:
    stop = StoppingRule(None, patience=None, max_epochs=passes)
    recipe, generator = Recipe(precision=precision), generator_for(seed)
    return fitting(model, data, recipe=recipe, stop=stop, generator=generator, graphs=True)


def batched(subject: Subject, place: Place, lanes: int) -> float:
    """Return the speed of as many trainings in one batched job with vmap, all together: the other way of lanes.

    Running statistics are not updated, which saves it some work.
    """
    data = subject.data(place)
    models = [replace_all_batch_norm_modules_(subject.model(place, seed)) for seed in range(lanes)]
    step = _batched_step(models)
    orders = torch.stack([torch.randperm(len(data), generator=generator_for(seed)) for seed in range(lanes)])
    parts = orders.to(place.device).split(BATCH, dim=1)
    step(data, parts[0])  # creates its state, chooses its kernels
    return lanes * len(data) / place.seconds(lambda: [step(data, part) for part in parts])


def _batched_step(models: Sequence[nn.Module]):
    parameters, buffers = stack_module_state(list(models))
    skeleton = copy.deepcopy(models[0]).to("meta")
    optimizer = torch.optim.Adam(parameters.values(), fused=True)

    def loss(weights: dict, constants: dict, inputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(functional_call(skeleton, (weights, constants), (inputs,)), labels)

    gradients = vmap(grad(loss), randomness="different")

    def step(data: TensorData, part: torch.Tensor) -> None:
        inputs, labels = data.batch(part.flatten())
        shape = part.shape
        found = gradients(parameters, buffers, inputs.view(*shape, *inputs.shape[1:]), labels.view(shape))
        for name, parameter in parameters.items():
            parameter.grad = found[name]
        optimizer.step()

    return step
