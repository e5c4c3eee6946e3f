"""The head of a model is the last layer that leads to its logits, wherever it is defined."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from rounds import same, state
from small_models import HeadFirst, context
from warmstart.basics import InputError
from warmstart.strategies import KeepLayers, Scope, head_of, layers_of, scale_


class Measured(HeadFirst):
    """Cannot be traced: it looks at a value."""

    def forward(self, inputs):
        hidden = self.body(inputs)
        return self.head(torch.relu(hidden if len(hidden) < 10**6 and hidden.sum() < 10**9 else 2 * hidden))


class WithAuxiliary(HeadFirst):
    def __init__(self):
        super().__init__()
        self.auxiliary = nn.Linear(5, 3)

    def forward(self, inputs):
        hidden = torch.relu(self.body(inputs))
        return self.head(hidden), self.auxiliary(hidden)


class MeasuredWithAuxiliary(WithAuxiliary):
    def forward(self, inputs):
        hidden = torch.relu(self.body(inputs))
        if hidden.sum() > 10**9:
            hidden = 2 * hidden
        return self.head(hidden), self.auxiliary(hidden)


class InDictionary(HeadFirst):
    def __init__(self):
        super().__init__()
        self.auxiliary = nn.Linear(5, 3)

    def forward(self, inputs):
        hidden = torch.relu(self.body(inputs))
        return {"loss": None, "logits": self.head(hidden), "other": self.auxiliary(hidden)}


class WithToken(HeadFirst):
    """Has a parameter of its own."""

    def __init__(self):
        super().__init__()
        self.token = nn.Parameter(torch.zeros(4))

    def forward(self, inputs):
        return super().forward(inputs + self.token)


class WithTemperature(HeadFirst):
    def __init__(self):
        super().__init__()
        self.temperature = nn.Parameter(torch.ones(()))

    def forward(self, inputs):
        return super().forward(inputs) * self.temperature


class WithNorm(HeadFirst):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(3)

    def forward(self, inputs):
        return self.norm(super().forward(inputs))


class WithNormedHead(HeadFirst):
    def __init__(self):
        super().__init__()
        self.head = nn.utils.parametrizations.weight_norm(self.head)


class Signals(nn.Module):
    def __init__(self):
        super().__init__()
        self.head, self.body = nn.Linear(5, 3), nn.Conv1d(2, 5, 3)

    def forward(self, inputs):
        hidden = self.body(inputs).mean(2)
        return self.head(hidden if hidden.sum() < 10**9 else 2 * hidden)


class Pictures(nn.Module):
    def __init__(self, side=16):
        super().__init__()
        self.head, self.body = nn.Linear(2 * side * side, 3), nn.Conv2d(1, 2, 3, padding=1)

    def forward(self, inputs):
        hidden = self.body(inputs).flatten(1)
        return self.head(hidden if hidden.sum() < 10**9 else 2 * hidden)


class Bags(nn.Module):
    def __init__(self):
        super().__init__()
        self.head, self.body = nn.Linear(5, 3), nn.EmbeddingBag(9, 5)

    def forward(self, inputs):
        hidden = self.body(inputs)
        return self.head(hidden if hidden.sum() < 10**9 else 2 * hidden)


class Attending(nn.Module):
    def __init__(self):
        super().__init__()
        self.head, self.body = nn.Linear(4, 3), nn.TransformerEncoderLayer(4, 1, 8, batch_first=True)

    def forward(self, inputs):
        return self.head(self.body(inputs[:, None])[:, 0])


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.head, self.body = nn.Linear(5, 3), nn.GRU(4, 5, batch_first=True)

    def forward(self, inputs):
        return self.head(self.body(inputs[:, None])[0][:, 0])


class Language(nn.Module):
    """The output layer has the weight of the embedding."""

    def __init__(self):
        super().__init__()
        self.words, self.middle = nn.Embedding(9, 4), nn.Linear(4, 4)
        self.out = nn.Linear(4, 9, bias=False)
        self.out.weight = self.words.weight

    def forward(self, inputs):
        return self.out(self.middle(self.words(inputs).mean(1)))


class FunctionalLanguage(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.middle = nn.Embedding(9, 4), nn.Linear(4, 4)

    def forward(self, inputs):
        return F.linear(self.middle(self.words(inputs).mean(1)), self.words.weight)


class BiasedLanguage(FunctionalLanguage):
    """Its output has a bias that belongs to the model as a whole."""

    def __init__(self):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(9))

    def forward(self, inputs):
        return super().forward(inputs) + self.bias


class MeasuredLanguage(FunctionalLanguage):
    def forward(self, inputs):
        hidden = self.middle(self.words(inputs).mean(1))
        return F.linear(hidden if hidden.sum() < 10**9 else 2 * hidden, self.words.weight)


class Classifying(Measured):
    def get_classifier(self):
        return self.head


class Embedding(Measured):
    def get_output_embeddings(self):
        return self.head


class Abstract(Measured):
    def get_output_embeddings(self):
        raise NotImplementedError


class Block(nn.Module):
    """A block with a parameter of its own, and the last layer within."""

    def __init__(self):
        super().__init__()
        self.gain, self.first, self.last = nn.Parameter(torch.ones(5)), nn.Linear(5, 5), nn.Linear(5, 3)

    def forward(self, inputs):
        return self.last(self.first(inputs) * self.gain)


class Blocks(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks, self.body = Block(), nn.Linear(4, 5)

    def forward(self, inputs):
        return self.blocks(torch.relu(self.body(inputs)))


OWN_HEAD = {"head.weight", "head.bias"}
HEADS = {
    HeadFirst: OWN_HEAD,
    Measured: OWN_HEAD,
    WithAuxiliary: OWN_HEAD,
    MeasuredWithAuxiliary: OWN_HEAD,
    InDictionary: OWN_HEAD,
    WithToken: OWN_HEAD,
    WithTemperature: OWN_HEAD,
    WithNorm: OWN_HEAD,
    WithNormedHead: OWN_HEAD,
    Signals: OWN_HEAD,
    Pictures: OWN_HEAD,
    Bags: OWN_HEAD,
    Attending: OWN_HEAD,
    Recurrent: OWN_HEAD,
    Classifying: OWN_HEAD,
    Embedding: OWN_HEAD,
    Abstract: OWN_HEAD,
    Language: {"words.weight"},
    FunctionalLanguage: {"words.weight"},
    BiasedLanguage: {"words.weight"},
    MeasuredLanguage: {"words.weight"},
    Blocks: {"blocks.last.weight", "blocks.last.bias"},
}


@pytest.mark.parametrize("kind", HEADS, ids=lambda kind: kind.__name__)
def test_the_head_is_the_last_layer_that_leads_to_the_logits(kind):
    model = kind()
    before = state(model)
    assert head_of(model) == HEADS[kind]
    assert same(before, model.state_dict())


def test_a_head_that_is_named_is_that_one_and_the_body_the_rest():
    model = WithAuxiliary()
    before = state(model)
    scale_(model, 0.5, scope=Scope.HEAD, head="auxiliary")
    assert {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])} == {
        "auxiliary.weight",
        "auxiliary.bias",
    }
    with pytest.raises(InputError, match="Unknown head 'auxilary': did you mean 'auxiliary'"):
        scale_(model, 0.5, scope=Scope.BODY, head="auxilary")


def test_the_head_comes_last_among_the_layers():
    assert layers_of(HeadFirst()) == [["body.weight", "body.bias"], ["head.weight", "head.bias"]]
    previous, fresh = HeadFirst(), HeadFirst()
    found = KeepLayers("first", -1)(previous, fresh, context(fresh))
    assert torch.equal(found.body.weight, previous.body.weight)
    assert torch.equal(found.head.weight, fresh.head.weight)
