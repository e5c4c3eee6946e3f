import pytest
import torch
from torch import nn

from warmstart.basics import InputError, StorageError
from warmstart.studies._checkpoint import load_carried, save_carried
from warmstart.trial import Carried


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(3, 3), nn.Linear(3, 3)
        self.two.weight = self.one.weight
        self.norm = nn.BatchNorm1d(3)
        self.shift = nn.Parameter(torch.randn(2, dtype=torch.bfloat16))

    def forward(self, inputs):
        return self.norm(self.two(self.one(inputs))) + self.shift.sum()


def trained(make_optimizer):
    model = Tied()
    optimizer = make_optimizer(model.parameters())
    for _ in range(3):
        optimizer.zero_grad()
        model(torch.randn(8, 3)).square().sum().backward()
        optimizer.step()
    return model, optimizer


OPTIMIZERS = {
    "adam": lambda p: torch.optim.Adam(p),
    "fused adam": lambda p: torch.optim.Adam(p, fused=True),
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_model_and_optimizer_come_back_bit_for_bit(name, tmp_path):
    model, optimizer = trained(OPTIMIZERS[name])
    save_carried(Carried(4, model, optimizer.state_dict()), tmp_path / "deep" / "round.safetensors")
    found = load_carried(tmp_path / "deep" / "round.safetensors", Tied())
    assert found.round == 4
    assert found.model.one.weight is found.model.two.weight
    for key, value in model.state_dict().items():
        assert torch.equal(found.model.state_dict()[key], value)
        assert found.model.state_dict()[key].dtype is value.dtype
    other = OPTIMIZERS[name](found.model.parameters())
    other.load_state_dict(found.optimizer)
    inputs = torch.randn(8, 3)
    for module, stepper in ((model, optimizer), (found.model, other)):
        stepper.zero_grad()
        module(inputs).square().sum().backward()
        stepper.step()
    assert torch.equal(model.one.weight, found.model.one.weight)


def test_without_an_optimizer_there_is_none(tmp_path):
    save_carried(Carried(1, Tied()), tmp_path / "round.safetensors")
    assert load_carried(tmp_path / "round.safetensors", Tied()).optimizer is None


def test_a_failed_write_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "round.safetensors"
    save_carried(Carried(1, Tied()), path)
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("warmstart.studies._checkpoint.save_file", full)
    with pytest.raises(StorageError, match=r"cannot be stored in .* what was stored before is intact"):
        save_carried(Carried(2, Tied()), path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [None, b"", b"no tensors"])
def test_a_missing_or_damaged_file_is_one_sentence(content, tmp_path):
    path = tmp_path / "round.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"The checkpoint .*round\.safetensors cannot be read"):
        load_carried(path, Tied())


def test_another_model_is_one_sentence(tmp_path):
    save_carried(Carried(1, nn.Linear(2, 2)), tmp_path / "round.safetensors")
    with pytest.raises(InputError, match=r"cannot be read"):
        load_carried(tmp_path / "round.safetensors", nn.Linear(3, 3))
