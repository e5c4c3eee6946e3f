"""Models as files: what comes back is what was stored, and anything else is refused in one sentence."""

import json
from dataclasses import replace

import pytest
import torch
from torch import nn

from retrained import COLUMNS, LEARNER, TRIAL, VALUES, Loop, Stump, digest, images, table, values
from warmstart.basics import InputError, StorageError
from warmstart.models import MLP, ConvNet
from warmstart.retrain._model_file import fresh_model, learner_of, load_model
from warmstart.retrain._training import train_candidate
from warmstart.training import CarryOver, OptimizerState

KEEP = CarryOver(optimizer_state=OptimizerState.KEEP)
TABLES = {"data": {"label": "bought", "drop": ["id"]}, "recipe": {"batch_size": 16}}


def trained(learner=LEARNER, rows=None, **options):
    return train_candidate(replace(TRIAL, learner=learner), table() if rows is None else rows, number=3, **options)


@pytest.mark.parametrize(
    ("learner", "rows"),
    [
        (replace(LEARNER, carry_over=KEEP), table(columns=COLUMNS)),
        (VALUES, values(targets=2)),
        (replace(LEARNER, architecture=ConvNet(width=2)), images()),
        (Loop(epochs=1), table()),
        (Stump(), table()),
    ],
    ids=["optimizer", "values", "images", "loop", "no tensors"],
)
def test_what_comes_back_is_what_was_stored(learner, rows, tmp_path):
    one = trained(learner, rows, tables=TABLES)
    path = tmp_path / "draft.123.part"
    written = one.save(path)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    # As a ledger and a pointer hold it.
    manifest = json.loads(json.dumps(one.manifest))
    found = load_model(path, manifest, digest=written)
    if learner != Stump():
        assert digest(found.model) == digest(one.loaded.model)
    else:
        assert found.model.rule == one.loaded.model.rule
    assert (found.optimizer is None) is (one.loaded.optimizer is None)
    assert manifest == dict(one.manifest)
    assert manifest["tables"] == TABLES


def test_a_manifest_says_what_the_model_is():
    manifest = trained(rows=table(features=("size", "weight"))).manifest
    assert {name: manifest[name] for name in ("strategy", "seed", "round", "classes", "features")} == {
        "strategy": "warm",
        "seed": 0,
        "round": 3,
        "classes": ["no", "yes"],
        "features": ["size", "weight"],
    }
    assert (manifest["input_shape"], manifest["input_type"], manifest["target_shape"]) == ([2], "float32", [])
    assert manifest["metric"] == {"name": "accuracy", "unit": "%", "higher_is_better": True}
    assert manifest["versions"]["torch"] == torch.__version__
    assert manifest["learner"] == {"name": "classifier"}
    assert manifest["model"]["width"] == 8


@pytest.mark.parametrize("learner", [LEARNER, VALUES, Loop(epochs=7)])
def test_a_manifest_leads_back_to_what_builds_and_evaluates(learner):
    rows = values() if learner is VALUES else table()
    manifest = json.loads(json.dumps(trained(learner, rows).manifest))
    found = learner_of(manifest)
    own = getattr(found, "learner", found)
    assert type(own) is type(learner)
    assert own == learner if learner == Loop(epochs=7) else own.architecture == learner.architecture
    shapes = [one.shape for one in fresh_model(found, manifest).parameters()]
    assert shapes == [one.shape for one in trained(learner, rows).loaded.model.parameters()]


@pytest.mark.parametrize("damage", ["missing", "cut", "flipped", "another"])
@pytest.mark.parametrize("with_digest", [True, False])
def test_a_damaged_file_is_refused_in_one_sentence(damage, with_digest, tmp_path):
    one, path = trained(), tmp_path / "model"
    written = one.save(path)
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(content[:-20])
    elif damage == "flipped":
        path.write_bytes(bytes([*content[:-1], content[-1] ^ 1]))
    else:
        trained(replace(LEARNER, architecture=MLP(width=9))).save(path)
    if damage == "flipped" and not with_digest:
        load_model(path, one.manifest)  # only a digest can tell
        return
    with pytest.raises(
        StorageError, match=r"^The model \S+ (cannot be read|is damaged).*`warmstart retrain rollback`\.$"
    ):
        load_model(path, one.manifest, digest=written if with_digest else None)


def test_a_learner_that_builds_another_model_now_is_said_so(tmp_path):
    one = trained()
    written = one.save(tmp_path / "model")
    other = replace(LEARNER, architecture=MLP(width=9))
    with pytest.raises(InputError, match="does not fit what the learner builds now; put the learner and the model"):
        load_model(tmp_path / "model", one.manifest, digest=written, learner=other)


def test_a_manifest_of_another_format_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"another version of warmstart \(format 9; this one reads 1\)"):
        load_model(tmp_path / "model", {**trained().manifest, "format": 9})


class Hidden(Loop):
    """Keeps something in the model that no file can hold."""

    def train(self, model, round):
        super().train(model, round)
        model.seen = {object()}


class Rebuilt(Hidden):
    """Builds it with the model, but changes it in training."""

    def build(self, data, seed):
        model = nn.Linear(data.sample_shape[0], data.classes)
        model.seen = {0}
        return model


def test_what_training_leaves_in_a_model_does_not_reach_the_file(tmp_path):
    """The model that a round passes on is built anew from its ``state_dict``."""
    one = trained(Hidden())
    assert not hasattr(one.loaded.model, "seen")
    assert load_model(tmp_path / "m", one.manifest, digest=one.save(tmp_path / "m")).model.weight.isfinite().all()


def test_state_that_no_file_can_hold_is_refused(tmp_path):
    one = trained(Rebuilt())
    one.loaded.model.seen = {1}
    with pytest.raises(InputError, match=r"state outside of its state_dict that no file can hold, seen \(set\)"):
        one.save(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_a_storage_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        trained().save(tmp_path / "file" / "model")


def test_an_existing_file_is_replaced(tmp_path):
    path = tmp_path / "model"
    path.write_text("before")
    one = trained()
    load_model(path, one.manifest, digest=one.save(path))
