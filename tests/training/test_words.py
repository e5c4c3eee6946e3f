"""Models of words: tokens reach them as they are, and sparse gradients train or are refused."""

import pytest
import torch
from torch import nn

from small_models import trained
from warmstart.basics import InputError, copy_model
from warmstart.training import Recipe, TensorData, predict


class Words(nn.Module):
    def __init__(self, *, sparse=False, kind=nn.Embedding):
        super().__init__()
        self.words, self.head = kind(9, 4, sparse=sparse), nn.Linear(4, 3)

    def forward(self, inputs):
        found = self.words(inputs)
        return self.head(found.mean(1) if found.ndim == 3 else found)


TOKENS = torch.arange(160).reshape(32, 5) % 9


@pytest.mark.parametrize("kind", [nn.Embedding, nn.EmbeddingBag])
@pytest.mark.parametrize(
    ("options", "refused"),
    [
        ({"optimizer": "sgd"}, False),
        ({"optimizer": "sgd", "momentum": 0.9}, False),
        ({"optimizer": "sgd", "weight_decay": 0.1}, True),
        ({"optimizer": "adam"}, True),
    ],
    ids=["sgd", "momentum", "weight decay", "adam"],
)
def test_sparse_gradients_train_or_are_refused(kind, options, refused):
    model, data = Words(sparse=True, kind=kind), TensorData(TOKENS, torch.arange(32) % 3)
    dense = copy_model(model)
    dense.words.sparse = False
    recipe = Recipe(learning_rate=0.1, batch_size=16, **options)
    if refused:
        with pytest.raises(InputError, match="model must have dense gradients"):
            trained(model, data, recipe=recipe)
        return
    trained(model, data, recipe=recipe)
    trained(dense, data, recipe=recipe)
    torch.testing.assert_close(model.head.weight, dense.head.weight)


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64])
@pytest.mark.parametrize("kind", [nn.Embedding, nn.EmbeddingBag])
@pytest.mark.parametrize("way", ["tensors", "batches"])
def test_tokens_reach_the_model_as_they_are(dtype, kind, way):
    inputs, labels = TOKENS.to(dtype), torch.arange(32) % 3
    data = TensorData(inputs, labels) if way == "tensors" else [(inputs, labels)]
    model = Words(kind=kind)
    trained(model, data)
    torch.testing.assert_close(predict(model, data), model(inputs).detach())
