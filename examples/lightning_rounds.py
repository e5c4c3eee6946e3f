"""Nights of a Lightning module: every night starts from a shrunk and perturbed copy of the last model.

python examples/lightning_rounds.py        # needs: pip install "warmstart[lightning]"
"""

import logging

import lightning
import torch
from torch import nn
from torch.utils.data import ConcatDataset, DataLoader, TensorDataset

import warmstart as ws
from warmstart.integrations.lightning import NewRound


class Moons(lightning.LightningModule):
    def __init__(self, width=32):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, width), nn.ReLU(), nn.Linear(width, 2))

    def training_step(self, batch, _):
        inputs, labels = batch
        return nn.functional.cross_entropy(self.layers(inputs), labels)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=0.02)


def arrival(night, count=200):
    """Two interleaved half circles with noise, and which of them each point is on."""
    generator = torch.Generator().manual_seed(night)
    angle, label = torch.pi * torch.rand(count, generator=generator), torch.arange(count) % 2
    across = torch.where(label == 0, angle.cos(), 1 - angle.cos())
    up = torch.where(label == 0, angle.sin(), 0.5 - angle.sin())
    return TensorDataset(torch.stack([across, up], 1) + 0.15 * torch.randn(count, 2, generator=generator), label)


if __name__ == "__main__":
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    module, seen = Moons(), []
    for night in range(1, 4):
        seen.append(arrival(night))
        # A callback and a trainer for every night: a trainer that has reached its max_epochs takes no further step.
        rounds = [NewRound(ws.ShrinkPerturb(), Moons, seed=0, round=night)] if night > 1 else []
        silent: dict = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
        silent["enable_model_summary"] = False
        trainer = lightning.Trainer(max_epochs=10, accelerator="cpu", callbacks=rounds, **silent)
        trainer.fit(module, DataLoader(ConcatDataset(seen), batch_size=32, shuffle=True))
        inputs, labels = arrival(99).tensors
        right = (module.layers(inputs).argmax(1) == labels).double().mean()
        print(f"night {night}: {trainer.global_step} steps, accuracy {right:.3f}")
