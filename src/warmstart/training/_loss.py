"""What a step minimizes."""

import torch
import torch.nn.functional as F
from torch import nn

from warmstart.penalties import Penalty

from ._parallel import unwrapped


def loss_of(
    model: nn.Module, inputs: torch.Tensor, labels: torch.Tensor, penalty: Penalty | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the logits of a batch and its loss: mean cross-entropy, plus the penalty where there is one."""
    logits = model(inputs)
    loss = F.cross_entropy(logits, labels)
    return logits, loss if penalty is None else loss + penalty(unwrapped(model), inputs, labels, logits)
