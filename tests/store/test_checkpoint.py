import pytest
import torch
from torch import nn

from warmstart.basics import InputError, StorageError
from warmstart.store._checkpoint import load_round_state, save_round_state
from warmstart.trial import RoundState


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
    save_round_state(RoundState(4, model, optimizer.state_dict()), tmp_path / "deep" / "round.safetensors")
    found = load_round_state(tmp_path / "deep" / "round.safetensors", [Tied()])
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
    save_round_state(RoundState(1, Tied()), tmp_path / "round.safetensors")
    assert load_round_state(tmp_path / "round.safetensors", [Tied()]).optimizer is None


def test_a_failed_write_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "round.safetensors"
    save_round_state(RoundState(1, Tied()), path)
    before = path.read_bytes()

    def full(_, draft, *__):
        draft.write_bytes(before[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("warmstart.store._checkpoint.save_file", full)
    with pytest.raises(StorageError, match=r"cannot be stored in .* what was stored before is intact"):
        save_round_state(RoundState(2, Tied()), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [None, b"", b"no tensors"])
def test_a_missing_or_damaged_file_is_one_sentence(content, tmp_path):
    path = tmp_path / "round.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"The checkpoint .*round\.safetensors cannot be read"):
        load_round_state(path, [Tied()])


def test_another_model_is_one_sentence(tmp_path):
    save_round_state(RoundState(1, nn.Linear(2, 2)), tmp_path / "round.safetensors")
    with pytest.raises(InputError, match=r"cannot be read"):
        load_round_state(tmp_path / "round.safetensors", [nn.Linear(3, 3)])


@pytest.mark.parametrize("seen", [None, torch.tensor([5, 2, 9]), torch.zeros(0, dtype=torch.int64)])
@pytest.mark.parametrize("name", [None, "adam"])
def test_what_models_have_asked_for_comes_back(seen, name, tmp_path):
    model, optimizer = trained(OPTIMIZERS[name or "sgd"])
    state = optimizer.state_dict() if name else None
    save_round_state(RoundState(2, model, state, seen), tmp_path / "round.safetensors")
    found = load_round_state(tmp_path / "round.safetensors", [Tied()])
    assert found.round == 2
    assert (found.optimizer is None) == (name is None)
    if seen is None:
        assert found.seen is None
    else:
        assert found.seen is not None
        assert found.seen.dtype is torch.int64
        assert found.seen.tolist() == seen.tolist()


class Headed(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.body, self.head = nn.Linear(3, 4), nn.Linear(4, classes)
        self.seen = nn.Parameter(torch.zeros(2))  # a name that the file uses for something else, too


@pytest.mark.parametrize("classes", [2, 5])
def test_a_head_of_the_sources_classes_comes_back_as_it_was(classes, tmp_path):
    model = Headed(classes)
    save_round_state(RoundState(1, model, None, torch.tensor([1])), tmp_path / "round.safetensors")
    fresh = [Headed(2), Headed(5)]
    found = load_round_state(tmp_path / "round.safetensors", fresh)
    assert found.model is fresh[(2, 5).index(classes)]
    assert all(torch.equal(value, found.model.state_dict()[name]) for name, value in model.state_dict().items())
    assert found.seen.tolist() == [1]


def test_a_head_that_none_of_the_data_has_is_one_sentence(tmp_path):
    save_round_state(RoundState(1, Headed(3)), tmp_path / "round.safetensors")
    with pytest.raises(InputError, match=r"cannot be read .*Headed"):
        load_round_state(tmp_path / "round.safetensors", [Headed(2), Headed(5)])


@pytest.mark.parametrize("place", [0, 8, 100, -1])
def test_a_changed_byte_is_found_by_the_digest(place, tmp_path):
    path = tmp_path / "round.safetensors"
    digest = save_round_state(RoundState(1, Tied()), path)
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(
        InputError, match=r"round\.safetensors cannot be read \(its digest .*\); restore it from a copy, or"
    ):
        load_round_state(path, [Tied()], digest=digest)
