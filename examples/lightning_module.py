"""A Lightning module in the lab: its own training step and optimizer, cold against warm and shrink-perturb.

python examples/lightning_module.py        # needs: pip install lightning
"""

import logging
import sys

import lightning
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import warmstart as ws


def points(count=400):
    """Two interleaved half circles with noise, and which of them each point is on."""
    generator = torch.Generator().manual_seed(0)
    angle, label = torch.pi * torch.rand(count, generator=generator), torch.arange(count) % 2
    across = torch.where(label == 0, angle.cos(), 1 - angle.cos())
    up = torch.where(label == 0, angle.sin(), 0.5 - angle.sin())
    return TensorDataset(torch.stack([across, up], 1) + 0.15 * torch.randn(count, 2, generator=generator), label)


class Moons(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 2))

    def training_step(self, batch, _):
        inputs, labels = batch
        return nn.functional.cross_entropy(self.layers(inputs), labels)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=0.02)


class MoonLearner:
    def build(self, data, seed):
        return Moons()

    def train(self, model, round):
        logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
        silent: dict = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
        trainer = lightning.Trainer(max_epochs=15, accelerator="cpu", enable_model_summary=False, **silent)
        trainer.fit(model, DataLoader(round.data, batch_size=32, shuffle=True))
        round.count(samples=15 * len(round.data))

    def evaluate(self, model, data):
        inputs, labels = next(iter(DataLoader(data, batch_size=len(data))))
        found = model.layers(inputs).argmax(1)
        return ws.Scores((found == labels).double(), predictions=found)


if __name__ == "__main__":
    study = ws.Study([ws.Cold(), ws.Warm(), ws.ShrinkPerturb()], learner=MoonLearner(), stream=ws.TwoPhase(), seeds=4)
    records = ws.run_study(study, sys.argv[1] if len(sys.argv) > 1 else "runs/moons", dataset=points())
    print(ws.summarize(records).verdict)
