"""Nights of a net of skorch: each partial_fit on all data so far starts from a shrunk and perturbed copy of the last.

python examples/skorch_rounds.py        # needs: pip install "warmstart[skorch]"
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from skorch import NeuralNetClassifier
from torch import nn

import warmstart as ws
from warmstart.integrations.skorch import NewRound


class Network(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10))

    def forward(self, inputs):
        return self.layers(inputs)


if __name__ == "__main__":
    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype(np.float32)
    net = NeuralNetClassifier(
        Network,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=0.003,
        max_epochs=20,
        batch_size=32,
        train_split=None,
        verbose=0,
        callbacks=[NewRound(ws.ShrinkPerturb(), seed=0)],
    )
    for night in range(1, 4):
        net.partial_fit(images[: 400 * night], labels[: 400 * night])
        print(f"night {night}: accuracy {net.score(images[1200:], labels[1200:]):.3f}")
