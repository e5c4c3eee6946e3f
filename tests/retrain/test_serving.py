"""The champion serves from its pointer alone, also while it is replaced."""

import json
import shutil
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

import warmstart.retrain._serving as module
from retrained import COLUMNS, LEARNER, TRIAL, VALUES, Loop, Stump, images, plain, table, values
from warmstart.basics import InputError, StorageError
from warmstart.learners import adapted
from warmstart.models import ConvNet
from warmstart.retrain._scoring import score_rows
from warmstart.retrain._serving import load_champion
from warmstart.retrain._training import train_candidate
from warmstart.strategies import Cold

NAMED = ("size", "weight")


def promote(folder, learner=LEARNER, rows=None, *, number=1, tables=None, former=None, **said):
    """Train a model, store it as a project does, and let the pointer lead to it."""
    rows = table() if rows is None else rows
    one = train_candidate(replace(TRIAL, learner=learner, strategy=Cold()), rows, number=number, tables=tables)
    digest = one.save(folder / "draft")
    place = f"models/{digest[:2]}/{digest}.safetensors"
    (folder / place).parent.mkdir(parents=True, exist_ok=True)
    (folder / "draft").replace(folder / place)
    pointer = {"id": digest, "path": place, "round": number, "manifest": dict(one.manifest), **said}
    point(folder, pointer | ({} if former is None else {"former": former}))
    return one, pointer


def point(folder, pointer):
    (folder / "new").write_text(json.dumps(pointer))
    (folder / "new").replace(folder / "champion.json")


@pytest.mark.parametrize(
    ("learner", "rows"),
    [
        (LEARNER, table()),
        (LEARNER, table(columns=COLUMNS)),
        (replace(LEARNER, architecture=ConvNet(width=2)), images()),
    ],
    ids=["numbers", "encoded", "images"],
)
def test_it_predicts_what_it_is_scored_by(learner, rows, tmp_path):
    one, pointer = promote(tmp_path, learner, rows, promoted="2026-01-02T03:04:05Z", pinned=True)
    found = load_champion(tmp_path)
    assert (found.id, found.round, found.strategy) == (pointer["id"], 1, "cold")
    assert (found.promoted, found.is_pinned) == ("2026-01-02T03:04:05Z", True)
    predicted = found.predict(rows.inputs)
    assert predicted.outputs.argmax(1).tolist() == score_rows(one.loaded, learner, plain(rows)).predictions.tolist()
    assert set(predicted.labels) <= set(rows.classes)


@pytest.mark.parametrize("targets", [1, 2])
def test_values_come_in_the_unit_of_the_targets(targets, tmp_path):
    rows = values(targets=targets)
    one, _ = promote(tmp_path, VALUES, rows)
    errors = (load_champion(tmp_path).predict(rows.inputs).outputs - rows.labels) ** 2
    scored = score_rows(one.loaded, VALUES, plain(rows)).values
    assert errors.reshape(80, -1).mean(1) == pytest.approx(scored, rel=1e-3)


def test_it_reads_files_frames_arrays_and_tensors(tmp_path):
    import pandas as pd

    rows = table(columns=COLUMNS)
    promote(tmp_path, LEARNER, rows, tables={"data": {"separator": ";", "label": "bought"}})
    served = load_champion(tmp_path)
    names = [("blue", "green", "red")[int(code)] for code in rows.inputs[:, 1]]
    frame = pd.DataFrame({"other": 1, "color": names, "size": rows.inputs[:, 0]})
    frame.to_csv(tmp_path / "tomorrow.csv", sep=";", index=False)
    expected = served.predict(rows.inputs).outputs
    for given in (frame, served.read(frame), served.read(tmp_path / "tomorrow.csv"), torch.tensor(rows.inputs)):
        assert served.predict(given).outputs == pytest.approx(expected, abs=1e-6)


def test_a_table_of_numbers_is_read_by_the_names_of_its_columns(tmp_path):
    rows = table(features=NAMED)
    promote(tmp_path, LEARNER, rows)
    (tmp_path / "new.csv").write_text("weight,id,size\n1.5,7,3.25\n")
    assert load_champion(tmp_path).read(tmp_path / "new.csv").tolist() == [[3.25, 1.5]]


class Predicting(Loop):
    """Says how its model predicts."""

    def predict(self, model, data):
        with torch.no_grad():
            return model(data.inputs)


def test_a_learner_of_your_own_serves_by_its_method(tmp_path):
    rows = table()
    one, _ = promote(tmp_path, Predicting(), rows)
    scored = score_rows(one.loaded, adapted(Predicting()), plain(rows))
    assert load_champion(tmp_path).predict(rows.inputs).outputs.argmax(1).tolist() == scored.predictions.tolist()


def test_without_that_method_it_is_loaded_and_says_what_is_missing(tmp_path):
    promote(tmp_path, Stump(), table())
    served = load_champion(tmp_path)
    assert served.model.rule["rounds"] == 1
    with pytest.raises(InputError, match=r"Stump must have a method predict\(model, data\) to serve"):
        served.predict(table().inputs)


def test_without_a_champion_the_way_to_one_is_said(tmp_path):
    with pytest.raises(InputError, match="has none yet: add data with `warmstart retrain add`"):
        load_champion(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"id": "a", "path": "b"}', '{"id": 1'])
def test_a_damaged_pointer_is_refused_and_the_way_out_is_said(text, tmp_path):
    (tmp_path / "champion.json").write_text(text)
    with pytest.raises(StorageError, match=r"champion\.json is damaged; `warmstart retrain status"):
        load_champion(tmp_path)


def damage(path):
    path.write_bytes(path.read_bytes()[:-1] + b"\0")


def test_a_damaged_model_is_never_served(tmp_path):
    _, pointer = promote(tmp_path)
    damage(tmp_path / pointer["path"])
    with pytest.raises(StorageError, match=r"is damaged: its digest .*restore it from a backup"):
        load_champion(tmp_path)


def test_the_model_before_serves_where_the_champion_is_damaged(tmp_path):
    _, before = promote(tmp_path, number=1)
    _, now = promote(tmp_path, number=2, former=before)
    damage(tmp_path / now["path"])
    with pytest.warns(UserWarning, match=f"is damaged.*the model of round 1 serves .{before['id'][:12]}"):
        served = load_champion(tmp_path)
    assert (served.id, served.round) == (before["id"], 1)
    damage(tmp_path / before["path"])
    with pytest.raises(StorageError, match="is damaged"):
        load_champion(tmp_path)


def test_a_model_that_was_replaced_between_two_readings_is_not_missed(tmp_path, monkeypatch):
    _, before = promote(tmp_path, number=1)
    _, now = promote(tmp_path, number=2)
    point(tmp_path, before)
    load = module.load_model

    def replaced(path, *arguments, **options):
        if path == tmp_path / before["path"] and path.exists():
            point(tmp_path, now)
            path.unlink()
        return load(path, *arguments, **options)

    monkeypatch.setattr(module, "load_model", replaced)
    assert load_champion(tmp_path).round == 2


def test_while_it_is_replaced_every_reading_is_of_one_model(tmp_path):
    pointers = [promote(tmp_path, number=number)[1] for number in (1, 2)]
    copies = [(tmp_path / pointer["path"]).read_bytes() for pointer in pointers]
    has_ended, found = threading.Event(), []

    def serve():
        while not has_ended.is_set():
            served = load_champion(tmp_path)
            found.append((served.id, served.round))

    readers = [threading.Thread(target=serve) for _ in range(2)]
    for reader in readers:
        reader.start()
    for turn in range(40):
        now, other = pointers[turn % 2], pointers[1 - turn % 2]
        # As a project does it: the object is durable before the pointer leads to it.
        (tmp_path / "draft").write_bytes(copies[turn % 2])
        (tmp_path / "draft").replace(tmp_path / now["path"])
        point(tmp_path, now)
        assert (tmp_path / other["path"]).exists()
    has_ended.set()
    for reader in readers:
        reader.join()
    assert found
    assert set(found) <= {(pointer["id"], pointer["round"]) for pointer in pointers}


def test_threads_may_predict_at_once(tmp_path):
    rows = table()
    promote(tmp_path, LEARNER, rows)
    served = load_champion(tmp_path)
    expected, found = served.predict(rows.inputs).outputs, []
    workers = [threading.Thread(target=lambda: found.append(served.predict(rows.inputs).outputs)) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(found) == 8
    assert all(np.array_equal(one, expected) for one in found)


def test_nothing_but_the_pointer_and_the_model_is_read(tmp_path):
    (tmp_path / "project").mkdir()
    _, pointer = promote(tmp_path / "project")
    bare = tmp_path / "bare"
    (bare / pointer["path"]).parent.mkdir(parents=True)
    for name in ("champion.json", pointer["path"]):
        shutil.copy(tmp_path / "project" / name, bare / name)
    assert load_champion(bare).id == pointer["id"]
