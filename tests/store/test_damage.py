"""Every changed byte of a store is found, or is harmless."""

import random
import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

from trial_logs import HISTORY, KEY, OTHER, RUN, add_rounds, checkpoints, log_path, record, write_checkpoint, writing
from warmstart.basics import InputError, StorageError
from warmstart.store import (
    TrialStore,
    checkpoint_file,
    load_round_state,
    read_study_index,
    save_round_state,
    write_study_index,
)
from warmstart.trial import RoundState

INDEX = {"rounds": 3, "keys": [KEY, OTHER]}


def model(weight=0.0):
    made = nn.Linear(2, 2)
    nn.init.constant_(made.weight, weight)
    return made


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    directory = tmp_path_factory.mktemp("original")
    for key, rounds in ((KEY, 3), (OTHER, 1)):
        with writing(directory, key) as writer:
            for number in range(1, rounds + 1):
                path = directory / checkpoint_file(key, number)
                digest = save_round_state(RoundState(number, model(number)), path)
                writer.append(record(number), history=HISTORY, run=RUN, checkpoint_digest=digest)
    write_study_index(directory, INDEX)
    return directory


def read_all(directory):
    """Read a whole store, resume its trials, and return all values."""
    store, found = TrialStore(directory), {}
    for key in store.stored_keys():
        trial = store.read(key)
        with store.lock(key):
            assert store.open(key, trial.header).rounds == len(trial.rounds)
        last = trial.rounds[-1]
        state = load_round_state(directory / last.checkpoint, [model()], digest=last.checkpoint_digest)
        found[key] = (trial, state.round, state.model.weight.tolist(), state.model.bias.tolist())
    return found, read_study_index(directory)


def change(content, generator):
    """Return a file's content with a random change, and what was done."""
    place, kind = generator.randrange(len(content)), generator.choice(["flip", "insert", "delete", "truncate", "zero"])
    if kind == "flip":
        changed = bytes([content[place] ^ 1 << generator.randrange(8)])
        return content[:place] + changed + content[place + 1 :], kind
    if kind == "insert":
        return content[:place] + generator.randbytes(generator.randint(1, 5)) + content[place:], kind
    if kind == "delete":
        return content[:place] + content[place + generator.randint(1, 5) :], kind
    if kind == "zero":  # as some file systems do after a power failure
        return content[:place] + b"\0" * (len(content) - place), kind
    return content[:place], kind


def files_of(directory):
    return sorted(path.relative_to(directory) for path in directory.rglob("*") if path.is_file())


@pytest.mark.parametrize("seed", range(30))
def test_reading_and_resuming_find_every_change(seed, original, tmp_path):
    generator, expected = random.Random(seed), read_all(original)
    names = [name for name in files_of(original) if name.parts[0] != ".locks"]
    assert len(names) == 5
    for number in range(20):
        directory = tmp_path / str(number)
        shutil.copytree(original, directory)
        path = directory / generator.choice(names)
        content, kind = change(path.read_bytes(), generator)
        path.write_bytes(content)
        try:
            found = read_all(directory)
        except (InputError, StorageError) as error:
            found = str(error)
        assert found == expected or str(path) in found, (kind, found)


@pytest.mark.parametrize("cut", [1, 2, 50, 150])
def test_a_torn_last_line_is_left_out_and_dropped_by_the_next_writer(cut, tmp_path):
    add_rounds(tmp_path, 1, 2, 3, checkpoints=False)
    path = log_path(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    assert [found.record.round for found in TrialStore(tmp_path).read(KEY).rounds] == [1, 2]
    assert path.read_bytes() == whole[:-cut]  # reading writes nothing
    with writing(tmp_path) as writer:
        assert writer.rounds == 2
        assert whole.startswith(path.read_bytes())
    add_rounds(tmp_path, 3, checkpoints=False)
    assert [found.record.round for found in TrialStore(tmp_path).read(KEY).rounds] == [1, 2, 3]


def cut_lines(directory, lines):
    path = log_path(directory)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-lines]))


@pytest.mark.parametrize("keep_first", [False, True])
@pytest.mark.parametrize("lines", [1, 2, 3])
def test_missing_last_lines_are_found_by_the_checkpoints(lines, keep_first, tmp_path):
    add_rounds(tmp_path, 1, 2, 3, 4, keep_first=keep_first)
    cut_lines(tmp_path, lines)
    sentence = rf"damaged \(its last line is of round {4 - lines}, but there is a checkpoint of round 4\); restore it"
    with pytest.raises(InputError, match=sentence):
        TrialStore(tmp_path).read(KEY)
    with pytest.raises(InputError, match=sentence), writing(tmp_path):
        pass
    TrialStore(tmp_path).sweep()
    assert "round-0004.safetensors" in checkpoints(tmp_path)


def test_a_worker_may_be_rounds_ahead_of_the_file(tmp_path):
    add_rounds(tmp_path, 1, 2)
    for number in (3, 4, 5):
        write_checkpoint(tmp_path, KEY, number)
    assert len(TrialStore(tmp_path).read(KEY).rounds) == 2
    with writing(tmp_path) as writer:
        assert writer.rounds == 2
    assert checkpoints(tmp_path) == ["round-0002.safetensors"]


@pytest.mark.parametrize("last", range(3, 9))
def test_a_trial_can_be_read_while_what_a_worker_was_ahead_is_removed(last, tmp_path, monkeypatch):
    add_rounds(tmp_path, 1)
    for number in range(2, last + 1):
        write_checkpoint(tmp_path, KEY, number)
    real_unlink, removed = Path.unlink, []

    def unlink(self, missing_ok=False):
        real_unlink(self, missing_ok=missing_ok)
        if self.suffix == ".safetensors":
            removed.append(self.name)
            assert len(TrialStore(tmp_path).read(KEY).rounds) == 1

    monkeypatch.setattr(Path, "unlink", unlink)
    with writing(tmp_path):
        assert len(removed) == last - 1


def test_rounds_added_while_the_file_is_read_are_no_damage(tmp_path, monkeypatch):
    add_rounds(tmp_path, 1)
    store, real_checkpoints = TrialStore(tmp_path), TrialStore._checkpoints

    def add_a_round_first(self, key):
        if (done := len(checkpoints(tmp_path)) and int(checkpoints(tmp_path)[-1][6:10])) < 4:
            with monkeypatch.context() as patch:
                patch.setattr(TrialStore, "_checkpoints", real_checkpoints)
                add_rounds(tmp_path, done + 1)
        return real_checkpoints(self, key)

    monkeypatch.setattr(TrialStore, "_checkpoints", add_a_round_first)
    assert len(store.read(KEY).rounds) == 4


def test_a_finished_trial_is_read_without_its_checkpoints(tmp_path):
    add_rounds(tmp_path, 1, 2)
    shutil.rmtree(tmp_path / "checkpoints")
    assert len(TrialStore(tmp_path).read(KEY).rounds) == 2


def test_a_file_under_another_key_is_damage(tmp_path):
    add_rounds(tmp_path, 1)
    log_path(tmp_path).rename(log_path(tmp_path, OTHER))
    with pytest.raises(InputError, match=rf"{OTHER}\.jsonl is damaged \(line 1, round 1: its digest does not match\)"):
        TrialStore(tmp_path).read(OTHER)


@pytest.mark.parametrize("order", [[0, 1, 3, 2, 4], [0, 1, 2, 4], [0, 1, 2, 2, 3], [1, 2, 3], [0, 2, 3], [0], [0, 1]])
def test_lines_out_of_order_are_damage(order, tmp_path):
    add_rounds(tmp_path, 1, 2, 3, checkpoints=False)
    path = log_path(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[index] for index in order))
    with pytest.raises(InputError, match=r"jsonl is damaged \(.*\); restore it from a copy, or delete it to train"):
        TrialStore(tmp_path).read(KEY)


def test_a_damaged_trial_can_be_forgotten_and_run_again(tmp_path):
    add_rounds(tmp_path, 1, 2)
    log_path(tmp_path).write_bytes(b"damaged\n")
    store = TrialStore(tmp_path)
    with store.lock(KEY):
        store.forget(KEY)
    add_rounds(tmp_path, 1)
    assert len(store.read(KEY).rounds) == 1


def test_a_nan_in_a_checkpoint_counts_if_it_was_stored(tmp_path):
    path = tmp_path / checkpoint_file(KEY, 1)
    digest = save_round_state(RoundState(1, model(float("nan"))), path)
    assert load_round_state(path, [model()], digest=digest).model.weight.isnan().all()
    other = save_round_state(RoundState(1, model(0.5)), tmp_path / "other.safetensors")
    with pytest.raises(
        InputError, match=r"round-0001\.safetensors cannot be read \(its digest is not the one that was"
    ):
        load_round_state(path, [model()], digest=other)


def test_every_part_of_a_checkpoint_counts_for_its_digest(tmp_path):
    states = [
        RoundState(1, model(1.0)),
        RoundState(2, model(1.0)),
        RoundState(1, model(1.0), None, torch.tensor([3])),
        RoundState(1, model(1.0).eval()),
        RoundState(1, model(2.0)),
    ]
    for state in states[:4]:
        nn.init.zeros_(state.model.bias)
    digests = [save_round_state(state, tmp_path / "round.safetensors") for state in states]
    assert len(set(digests)) == 5
    assert save_round_state(states[0], tmp_path / "round.safetensors") == digests[0]
