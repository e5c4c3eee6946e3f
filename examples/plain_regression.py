"""Regression with a plain PyTorch loop: what does a warm start save, and what does it cost?

python examples/plain_regression.py
warmstart compare --learner plain_regression:Bikes --data plain_regression:rides    # in this folder
"""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import warmstart as ws

RMSE = ws.Metric("rmse", "bikes", higher_is_better=False)


def rides(count=600):
    """Made-up bike rides: hour, temperature and weekend decide how many bikes are out, with noise."""
    generator = torch.Generator().manual_seed(0)
    hour, warmth, weekend = (torch.rand(count, generator=generator) for _ in range(3))
    bikes = 60 + 40 * torch.sin(2 * torch.pi * hour) * (weekend < 0.7) + 30 * warmth
    bikes += 3 * torch.randn(count, generator=generator)
    return TensorDataset(torch.stack([hour, warmth, weekend], 1), bikes)


class Bikes:
    """A learner: three methods, nothing to inherit from."""

    def __init__(self, epochs: int = 30):
        self.epochs = epochs

    def build(self, data, seed):
        return nn.Sequential(nn.Linear(3, 32), nn.ReLU(), nn.Linear(32, 1))

    def train(self, model, round):
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        for epoch in range(self.epochs):
            total = 0.0
            for inputs, bikes in DataLoader(round.data, batch_size=32, shuffle=True):
                loss = nn.functional.mse_loss(model(inputs).squeeze(1), bikes / 100)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total += loss.item() * len(bikes)
            round.count(samples=len(round.data))
            round.report(epoch=epoch + 1, train_loss=total / len(round.data))

    @torch.no_grad()
    def evaluate(self, model, data):
        inputs, bikes = next(iter(DataLoader(data, batch_size=len(data))))
        errors = 100 * model(inputs).squeeze(1) - bikes
        return ws.Scores(errors.square(), RMSE, {"mae": errors.abs().mean().item()}, root=True)


if __name__ == "__main__":
    study = ws.Study([ws.Cold(), ws.Warm(), ws.ShrinkPerturb()], learner=Bikes(), stream=ws.Growing(rounds=3), seeds=4)
    records = ws.run_study(study, sys.argv[1] if len(sys.argv) > 1 else "runs/bikes", dataset=rides())
    print(ws.summarize(records).verdict)
