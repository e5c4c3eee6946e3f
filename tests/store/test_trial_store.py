import errno
import json
import os
import shutil
import stat
import subprocess
import sys
import time
from types import MappingProxyType

import pytest

from trial_logs import (
    HEADER,
    HISTORY,
    KEY,
    OTHER,
    RUN,
    add_rounds,
    checkpoints,
    log_path,
    record,
    write_checkpoint,
    writing,
)
from warmstart.basics import InputError, StorageError
from warmstart.store import TrialStore, checkpoint_file, read_study_index
from warmstart.store._lines import seal


def files(directory):
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


def test_rounds_come_back_with_all_that_is_stored_of_them(tmp_path):
    add_rounds(tmp_path, 1, 2, 3)
    trial = TrialStore(tmp_path).read(KEY)
    assert (trial.key, trial.header, trial.runs) == (KEY, HEADER, (RUN,))
    assert [found.record for found in trial.rounds] == [record(1), record(2), record(3)]
    last = trial.rounds[-1]
    assert (last.history, last.content, last.run) == (HISTORY, f"{KEY} 3", RUN)
    assert last.checkpoint == checkpoint_file(KEY, 3) == f"checkpoints/{KEY}/round-0003.safetensors"
    assert last.checkpoint_digest == write_checkpoint(tmp_path, KEY, 3)


def test_a_round_without_a_model_has_no_checkpoint(tmp_path):
    add_rounds(tmp_path, 1, checkpoints=False)
    (found,) = TrialStore(tmp_path).read(KEY).rounds
    assert (found.checkpoint, found.checkpoint_digest) == (None, None)


def test_values_that_json_lacks_come_back_in_a_history(tmp_path):
    with writing(tmp_path) as writer:
        writer.append(record(1), history={"epochs": [[1, float("inf")]], "notes": ["é\n\ud800"]}, run=RUN)
    assert TrialStore(tmp_path).read(KEY).rounds[0].history == {"epochs": [[1, float("inf")]], "notes": ["é\n\ud800"]}


def test_reading_and_locking_make_no_trial(tmp_path):
    store = TrialStore(tmp_path / "new")
    assert store.read(KEY) is None
    assert store.stored_keys() == []
    store.sweep()
    assert not store.directory.exists()
    with store.lock(KEY):
        store.open(KEY, HEADER)
        assert store.read(KEY) is None
        assert store.stored_keys() == []
    assert files(store.directory) == [".locks/guard"]


def test_keys_are_those_of_trials_only(tmp_path):
    add_rounds(tmp_path, 1, key=OTHER)
    add_rounds(tmp_path, 1)
    for name in ("notes.jsonl", f"{KEY}.part", f"{KEY[:-1]}.jsonl", f"{KEY}0.jsonl"):
        (tmp_path / "trials" / name).write_text("")
    assert TrialStore(tmp_path).stored_keys() == [KEY, OTHER]


@pytest.mark.parametrize("key", ["", "../" + "0" * 29, "A" * 32, "0" * 31, "0" * 33, "0" * 32 + "\n"])
@pytest.mark.parametrize("method", ["read", "lock", "try_lock", "forget"])
def test_what_is_no_key_is_refused(key, method, tmp_path):
    with pytest.raises(InputError, match=r"key must be 32 hexadecimal digits, got "):
        getattr(TrialStore(tmp_path / "new"), method)(key)
    assert not (tmp_path / "new").exists()


def test_a_trial_is_resumed_where_it_ended(tmp_path):
    add_rounds(tmp_path, 1, 2)
    with writing(tmp_path) as writer:
        assert writer.rounds == 2
    add_rounds(tmp_path, 3)
    assert [found.record.round for found in TrialStore(tmp_path).read(KEY).rounds] == [1, 2, 3]


def test_provenance_is_stored_once_per_process_and_read_by_round(tmp_path):
    second = {**RUN, "device": "cuda"}
    add_rounds(tmp_path, 1, 2)
    add_rounds(tmp_path, 3, 4, run=second)
    add_rounds(tmp_path, 5)
    trial = TrialStore(tmp_path).read(KEY)
    assert trial.runs == (RUN, second)
    assert [found.run for found in trial.rounds] == [RUN, RUN, second, second, RUN]
    assert log_path(tmp_path).read_text().count('{"run":') == 2


@pytest.mark.parametrize("number", [1, 2, 4])
def test_rounds_are_appended_in_order(number, tmp_path):
    add_rounds(tmp_path, 1, 2)
    before = log_path(tmp_path).read_bytes()
    with pytest.raises(InputError, match=rf"Round 3 of trial {KEY} cannot be stored: round must be 3, got {number}\."):
        add_rounds(tmp_path, number)
    assert log_path(tmp_path).read_bytes() == before


NO_NUMBER = [float("nan"), float("inf"), "0.5", True]
WRONG = [
    *(("score", value) for value in NO_NUMBER),
    *(("train_score", value) for value in NO_NUMBER),
    *(("next_score", value) for value in NO_NUMBER),
    *((name, value) for name in ("churn", "negative_flips") for value in (*NO_NUMBER, -0.01, 1.01)),
    *(("next_baselines", value) for value in (None, [0.5], {"mean": None}, *({"mean": each} for each in NO_NUMBER))),
    *(("baselines", value) for value in (None, [{}], {"mean": 0.5}, {"mean": {"rmse": None}})),
    *(("baselines", {"mean": {"rmse": value}}) for value in NO_NUMBER),
    *((name, value) for name in ("epochs", "seed", "samples_seen") for value in (-1, 1.0, None, True)),
    *((name, value) for name in ("steps", "samples", "tokens") for value in (-1, 0.5, "1")),
    *(("seconds", value) for value in (-0.1, None, float("nan"))),
    ("flops", -1.0),
    ("flops", float("inf")),
    ("stop_reason", "bored"),
    ("stop_reason", None),
    ("arm", 3),
    ("metrics", {"loss": "low"}),
    ("metrics", [1.0]),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_values_out_of_range_are_not_stored(name, value, tmp_path):
    with writing(tmp_path) as writer, pytest.raises(InputError, match=rf"cannot be stored: {name} must be "):
        writer.append(record(1, **{name: value}), history={}, run=RUN)
    assert TrialStore(tmp_path).read(KEY) is None


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_values_out_of_range_are_found_behind_a_valid_digest(name, value, tmp_path):
    forge(tmp_path, {name: value})
    with pytest.raises(InputError, match=rf"{KEY}\.jsonl is damaged \(line 3, round 1: {name} must be "):
        TrialStore(tmp_path).read(KEY)


def forge(directory, changes, without=(), **line):
    """Write a trial whose chain is in order, whatever it says."""
    values = {name: value for name, value in vars(record(1)).items() if name not in without} | changes
    last = {"round": values, "history": {}, "checkpoint": None, "content": None, "run": 0} | line
    digest, content = KEY, b""
    for each in ({"format": 2, "header": HEADER}, {"run": RUN}, last):
        written, digest = seal(each, digest)
        content += written
    log_path(directory).parent.mkdir(exist_ok=True)
    log_path(directory).write_bytes(content)


def test_a_forged_trial_without_changes_is_read(tmp_path):
    forge(tmp_path, {})
    assert TrialStore(tmp_path).read(KEY).rounds[0].record == record(1)


MEASURED = {
    "churn": 0.1 + 0.2,
    "negative_flips": 0,
    "next_score": -1 / 3,
    "baselines": {"majority": {"accuracy": 2 / 3, "recall: no": 1.0}, "persistence": {}},
    "next_baselines": {"majority": 0.7},
}


def test_measures_against_baselines_and_the_model_before_are_read_as_they_were_stored(tmp_path):
    def frozen(value):
        return (
            MappingProxyType({key: frozen(held) for key, held in value.items()}) if isinstance(value, dict) else value
        )

    with writing(tmp_path) as writer:
        writer.append(record(1, **frozen(MEASURED)), history={}, run=RUN)
        writer.append(record(2), history={}, run=RUN)
    first, second = (found.record for found in TrialStore(tmp_path).read(KEY).rounds)
    assert first == record(1, **MEASURED)
    assert (second.churn, second.negative_flips, second.next_score) == (None, None, None)
    assert (second.baselines, second.next_baselines) == ({}, {})


def test_a_round_stored_before_there_were_such_measures_is_read_without_them(tmp_path):
    forge(tmp_path, {}, without=tuple(MEASURED))
    assert not MEASURED.keys() & json.loads(log_path(tmp_path).read_text().splitlines()[-1])["round"].keys()
    assert TrialStore(tmp_path).read(KEY).rounds[0].record == record(1)


@pytest.mark.parametrize(
    ("changes", "line", "reason"),
    [
        ({"mood": 1}, {}, "mood"),
        ({"round": 2}, {}, "round must be 1, got 2"),
        ({}, {"history": []}, "history must be dict"),
        ({}, {"run": 1}, "run must be the number of a run above, got 1"),
        ({}, {"run": -1}, "run must be the number of a run above, got -1"),
        ({}, {"checkpoint": 1}, "checkpoint must be str"),
        ({}, {"content": 1}, "content must be str"),
    ],
)
def test_a_line_of_another_form_is_damage(changes, line, reason, tmp_path):
    forge(tmp_path, changes, **line)
    with pytest.raises(InputError, match=rf"is damaged \(line 3, round 1: .*{reason}.*; restore it .* or delete it"):
        TrialStore(tmp_path).read(KEY)


def test_only_the_last_checkpoint_is_kept(tmp_path):
    add_rounds(tmp_path, 1, 2, 3)
    assert checkpoints(tmp_path) == ["round-0003.safetensors"]


def test_the_first_checkpoint_is_kept_where_others_may_need_it(tmp_path):
    add_rounds(tmp_path, 1, 2, 3, keep_first=True)
    assert checkpoints(tmp_path) == ["round-0001.safetensors", "round-0003.safetensors"]
    TrialStore(tmp_path).sweep()
    assert checkpoints(tmp_path) == ["round-0001.safetensors", "round-0003.safetensors"]
    with writing(tmp_path):
        pass
    assert checkpoints(tmp_path) == ["round-0003.safetensors"]


def test_an_equal_first_round_is_taken_over(tmp_path):
    add_rounds(tmp_path, 1)
    store = TrialStore(tmp_path)
    taken = store.read(KEY).rounds[0]
    with store.lock(OTHER):
        for _ in range(2):  # again, as after a kill
            store.copy_checkpoint(KEY, OTHER, 1)
        writer = store.open(OTHER, HEADER)
        assert checkpoints(tmp_path, OTHER) == []  # a leftover of no round
        store.copy_checkpoint(KEY, OTHER, 1)
        writer.append(
            taken.record, history=taken.history, run=taken.run, checkpoint_digest=taken.checkpoint_digest, content="c"
        )
    add_rounds(tmp_path, 2)
    assert checkpoints(tmp_path, OTHER) == ["round-0001.safetensors"]
    assert (tmp_path / store.read(OTHER).rounds[0].checkpoint).read_bytes() == b"round 1"


def test_a_file_system_without_links_gets_a_copy(tmp_path, monkeypatch):
    write_checkpoint(tmp_path, KEY, 1)

    def refuse(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    TrialStore(tmp_path).copy_checkpoint(KEY, OTHER, 1)
    assert files(tmp_path) == [checkpoint_file(KEY, 1), checkpoint_file(OTHER, 1)]


def test_a_missing_checkpoint_cannot_be_taken_over(tmp_path):
    with pytest.raises(StorageError, match="No such file"):
        TrialStore(tmp_path).copy_checkpoint(KEY, OTHER, 1)
    assert files(tmp_path) == []


def test_a_round_whose_checkpoint_is_gone_is_not_stored(tmp_path):
    digest = write_checkpoint(tmp_path, KEY, 1)
    with writing(tmp_path) as writer, pytest.raises(StorageError, match=r"round-0001.safetensors was deleted while"):
        writer.append(record(1), history={}, run=RUN, checkpoint_digest=digest)  # opening has removed it
    assert TrialStore(tmp_path).read(KEY) is None


def test_forgetting_a_trial_removes_it_and_no_other(tmp_path):
    add_rounds(tmp_path, 1)
    add_rounds(tmp_path, 1, key=OTHER)
    (tmp_path / "checkpoints" / KEY / "notes.txt").write_text("mine")
    store = TrialStore(tmp_path)
    with store.lock(KEY):
        store.forget(KEY)
        store.forget(KEY)
    assert store.read(KEY) is None
    assert store.stored_keys() == [OTHER]
    assert checkpoints(tmp_path) == ["notes.txt"]
    add_rounds(tmp_path, 1)
    assert store.stored_keys() == [KEY, OTHER]


# Deleted, changed and full


@pytest.mark.parametrize("rounds", [0, 2])
def test_a_directory_deleted_meanwhile_is_noticed_at_the_next_round(rounds, tmp_path):
    directory = tmp_path / "store"
    add_rounds(directory, *range(1, rounds + 1), checkpoints=False)
    with writing(directory) as writer:
        shutil.rmtree(directory)
        with pytest.raises(StorageError, match=r"stored in .*store: it, or the lock .* was deleted or replaced while"):
            writer.append(record(rounds + 1), history={}, run=RUN)
        assert not directory.exists()
    assert not directory.exists()


def test_a_directory_that_was_replaced_is_not_written(tmp_path):
    directory = tmp_path / "store"
    add_rounds(directory, 1, checkpoints=False)
    with writing(directory) as writer:
        shutil.copytree(directory, tmp_path / "copy")
        shutil.rmtree(directory)
        (tmp_path / "copy").rename(directory)
        with pytest.raises(StorageError, match=r"deleted or replaced"):
            writer.append(record(2), history={}, run=RUN)
    assert len(TrialStore(directory).read(KEY).rounds) == 1


def test_a_file_deleted_meanwhile_is_noticed_at_the_next_round(tmp_path):
    with writing(tmp_path) as writer:
        writer.append(record(1), history={}, run=RUN)
        log_path(tmp_path).unlink()
        with pytest.raises(StorageError, match=r"jsonl was deleted or changed while a study was writing"):
            writer.append(record(2), history={}, run=RUN)
    assert TrialStore(tmp_path).read(KEY) is None


@pytest.mark.parametrize("how", ["copy", "append", "link"])
def test_a_file_changed_meanwhile_is_not_appended_to(how, tmp_path):
    with writing(tmp_path) as writer:
        writer.append(record(1), history={}, run=RUN)
        path = log_path(tmp_path)
        if how == "append":
            path.write_bytes(path.read_bytes() + b"more\n")
        else:
            path.rename(tmp_path / "moved")
            shutil.copyfile(tmp_path / "moved", path) if how == "copy" else path.symlink_to(tmp_path / "moved")
        before = path.read_bytes()
        with pytest.raises(StorageError):
            writer.append(record(2), history={}, run=RUN)
        assert path.read_bytes() == before


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path):
    with writing(tmp_path / "one") as writer:
        writer.append(record(1), history={}, run=RUN)
    with writing(tmp_path / "two") as writer:
        shutil.copytree(tmp_path / "one" / "trials", tmp_path / "two" / "trials")
        with pytest.raises(StorageError, match=r"deleted or changed"):
            writer.append(record(1, epochs=9), history={}, run=RUN)
    assert TrialStore(tmp_path / "two").read(KEY).rounds[0].record == record(1)


def test_writing_needs_the_lock(tmp_path):
    store = TrialStore(tmp_path)
    with pytest.raises(AssertionError, match="must be locked"):
        store.open(KEY, HEADER)
    with store.lock(KEY):
        writer = store.open(KEY, HEADER)
        writer.append(record(1), history={}, run=RUN)
    with pytest.raises(StorageError, match=r"the lock of the trial was released"):
        writer.append(record(2), history={}, run=RUN)
    with pytest.raises(StorageError, match=r"the lock of the trial was released"):
        store.open(KEY, HEADER)
    assert len(store.read(KEY).rounds) == 1


def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("at", ["write", "fsync"])
def test_a_full_disk_leaves_the_file_as_it_was_and_the_round_can_be_stored_later(at, tmp_path, monkeypatch):
    add_rounds(tmp_path, 1)
    before, real_write = log_path(tmp_path).read_bytes(), os.write

    def write_a_part(handle, content):
        if len(content) < 100:
            full()
        return real_write(handle, content[:-50])

    with writing(tmp_path) as writer:
        with monkeypatch.context() as patch:
            patch.setattr(os, *(("write", write_a_part) if at == "write" else ("fsync", full)))
            with pytest.raises(StorageError, match=r"No space left.*; what was stored before is intact\."):
                writer.append(record(2), history=HISTORY, run=RUN)
        assert log_path(tmp_path).read_bytes() == before
        assert writer.rounds == 1
        writer.append(record(2), history=HISTORY, run=RUN)
    assert len(TrialStore(tmp_path).read(KEY).rounds) == 2


def test_a_full_disk_at_the_first_round_leaves_no_file(tmp_path, monkeypatch):
    with writing(tmp_path) as writer:
        monkeypatch.setattr("pathlib.Path.write_bytes", full)
        with pytest.raises(StorageError, match=r"cannot be stored in .*trials \(.*No space left on device\)\.$"):
            writer.append(record(1), history={}, run=RUN)
    assert files(tmp_path) == [".locks/guard"]


LIMITED = """
import pathlib, resource, sys
from trial_logs import record, writing
from warmstart.basics import StorageError
directory, limit = pathlib.Path(sys.argv[1]), int(sys.argv[2])
with writing(directory) as writer:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        writer.append(record(2), history={"text": "x" * 2000}, run={})
    except StorageError as error:
        print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits of processes")
@pytest.mark.parametrize("room", [0, 1, 1000])
def test_what_the_system_takes_of_a_round_before_it_refuses_is_taken_back(room, tmp_path):
    add_rounds(tmp_path, 1, checkpoints=False)
    before = log_path(tmp_path).read_bytes()
    command = [sys.executable, "-c", LIMITED, str(tmp_path), str(len(before) + room)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    assert "File too large" in done.stdout
    assert log_path(tmp_path).read_bytes() == before


def test_a_short_write_is_continued(tmp_path, monkeypatch):
    real_write = os.write
    add_rounds(tmp_path, 1)
    monkeypatch.setattr(os, "write", lambda handle, content: real_write(handle, content[:7]))
    add_rounds(tmp_path, 2)
    assert [found.record for found in TrialStore(tmp_path).read(KEY).rounds] == [record(1), record(2)]


def test_a_round_costs_one_fsync(tmp_path, monkeypatch):
    calls, real_fsync = [], os.fsync
    with writing(tmp_path) as writer:
        monkeypatch.setattr(
            os, "fsync", lambda handle: (calls.append(stat.S_IFMT(os.fstat(handle).st_mode)), real_fsync(handle))
        )
        writer.append(record(1), history={}, run=RUN)
        # The new folder's name, the file, and the file's name.
        assert calls == [stat.S_IFDIR, stat.S_IFREG, stat.S_IFDIR]
        calls.clear()
        writer.append(record(2), history={}, run=RUN)
        assert calls == [stat.S_IFREG]


def test_a_disk_error_while_reading_is_one_sentence(tmp_path):
    log_path(tmp_path).mkdir(parents=True)
    with pytest.raises(InputError, match=r"\.jsonl cannot be read \(Is a directory\)\."):
        TrialStore(tmp_path).read(KEY)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot be read \(Not a directory\)\."):
        TrialStore(tmp_path / "file").stored_keys()


SAVES = """
import sys
from pathlib import Path
import torch
from warmstart.store import save_round_state
from warmstart.trial import RoundState
model = torch.nn.Linear(5_000, 5_000)  # 100 MB, which take a moment to write
print("ready", flush=True)
save_round_state(RoundState(1, model), Path(sys.argv[1]))
"""


def test_a_kill_while_a_checkpoint_is_written_leaves_what_is_swept(tmp_path):
    path = tmp_path / checkpoint_file(KEY, 1)
    path.parent.mkdir(parents=True)
    process = subprocess.Popen([sys.executable, "-c", SAVES, path], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    deadline = time.monotonic() + 60
    while not any(path.parent.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.001)
    process.kill()
    process.communicate()
    assert len(files(tmp_path)) == 1
    assert not path.exists()
    TrialStore(tmp_path).sweep()
    assert files(tmp_path) == [".locks/guard"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no FIFOs")
def test_a_fifo_is_not_waited_for(tmp_path):
    log_path(tmp_path).parent.mkdir(parents=True)
    for path, read in ((log_path(tmp_path), TrialStore(tmp_path).read), (tmp_path / "study.json", read_study_index)):
        os.mkfifo(path)
        with pytest.raises(InputError, match=rf"{path} must be a regular file; restore it from a copy, or delete it"):
            read(KEY if read != read_study_index else tmp_path)


def test_a_torn_line_behind_a_link_is_left_alone(tmp_path):
    add_rounds(tmp_path, 1)
    log_path(tmp_path).rename(tmp_path / "moved")
    with (tmp_path / "moved").open("ab") as file:
        file.write(b'{"round":')
    log_path(tmp_path).symlink_to(tmp_path / "moved")
    before, store = (tmp_path / "moved").read_bytes(), TrialStore(tmp_path)
    assert len(store.read(KEY).rounds) == 1
    with store.lock(KEY), pytest.raises(StorageError, match=rf"{KEY}\.jsonl"):
        store.open(KEY, HEADER)
    assert (tmp_path / "moved").read_bytes() == before


# Other versions


def test_a_store_of_version_0_1_is_refused_by_all(tmp_path):
    (tmp_path / "results.sqlite").write_bytes(b"SQLite format 3\0")
    store = TrialStore(tmp_path)
    for ask in (lambda: store.read(KEY), lambda: store.lock(KEY), store.stored_keys, store.sweep):
        with pytest.raises(InputError, match=r"holds results of warmstart 0\.1 .* choose another directory, or read"):
            ask()
    assert files(tmp_path) == ["results.sqlite"]


def test_a_store_of_a_later_version_is_refused(tmp_path):
    add_rounds(tmp_path, 1)
    path = log_path(tmp_path)
    path.write_bytes(path.read_bytes().replace(b'"format":2', b'"format":3', 1))
    before = path.read_bytes()
    sentence = r"has store format 3, but this version .* reads formats up to 2; read it with a newer version"
    with pytest.raises(InputError, match=sentence):
        TrialStore(tmp_path).read(KEY)
    with pytest.raises(InputError, match=sentence), writing(tmp_path):
        pass
    assert path.read_bytes() == before


# Sweeping


LEFTOVERS = [f"trials/{KEY}.part", f"checkpoints/{KEY}/round-0003.part", f"checkpoints/{KEY}/round-0007.safetensors"]
LEFTOVERS += [f"checkpoints/{OTHER}/round-0001.safetensors", f".locks/{OTHER}", "study.part"]
FOREIGN = ["trials/notes.part", f"trials/{KEY}.jsonl.bak", "checkpoints/mine/round-0001.part", ".locks/mine", "my.part"]
FOREIGN += [f"checkpoints/{KEY}/{name}" for name in ("round-1.safetensors", "best.safetensors", "round-0001.part.txt")]


def scatter(directory, names):
    for name in names:
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text("left")


def test_sweeping_removes_what_kills_have_left_and_nothing_else(tmp_path):
    add_rounds(tmp_path, 1, 2)
    kept = files(tmp_path)
    scatter(tmp_path, [f"checkpoints/{KEY}/round-0003.safetensors", *LEFTOVERS, *FOREIGN])
    (tmp_path / LEFTOVERS[2]).rename(tmp_path / f"checkpoints/{KEY}/round-0004.safetensors")
    TrialStore(tmp_path).sweep()
    assert files(tmp_path) == sorted([*kept, *FOREIGN])
    assert not (tmp_path / "checkpoints" / OTHER).exists()


def test_sweeping_leaves_alone_what_somebody_is_working_on(tmp_path):
    add_rounds(tmp_path, 1, 2)
    scatter(tmp_path, [f"checkpoints/{KEY}/round-0003.part", f"checkpoints/{KEY}/round-0003.safetensors"])
    store = TrialStore(tmp_path)
    with store.lock(KEY):
        before = files(tmp_path)
        for each in (store, TrialStore(tmp_path)):
            each.sweep()
        assert files(tmp_path) == before
    store.sweep()
    assert checkpoints(tmp_path) == ["round-0002.safetensors"]


def test_a_damaged_trial_keeps_its_checkpoints(tmp_path):
    add_rounds(tmp_path, 1, 2)
    log_path(tmp_path).write_text("damaged\n")
    TrialStore(tmp_path).sweep()
    assert checkpoints(tmp_path) == ["round-0002.safetensors"]


def test_sweeping_follows_no_links(tmp_path):
    scatter(tmp_path, ["elsewhere/round-0001.safetensors"])
    (tmp_path / "store" / "checkpoints").mkdir(parents=True)
    (tmp_path / "store" / "checkpoints" / KEY).symlink_to(tmp_path / "elsewhere")
    TrialStore(tmp_path / "store").sweep()
    assert (tmp_path / "elsewhere" / "round-0001.safetensors").exists()


def test_reading_writes_nothing_and_does_not_import_pytorch(tmp_path):
    add_rounds(tmp_path, 1)
    code = (
        "import os, sys, pathlib; from warmstart.store import TrialStore, read_study_index; "
        # Media that cannot be written are like this; root may write to files without permission.
        "writes = ('os.mkdir', 'os.remove', 'os.rename', 'os.truncate', 'os.link', 'os.utime', 'fcntl.flock'); "
        "is_write = lambda event, rest: event in writes or event == 'open' and rest[2] & (os.O_WRONLY | os.O_RDWR); "
        "sys.addaudithook(lambda event, rest: sys.exit(f'{event} {rest}') if is_write(event, rest) else None); "
        f"store = TrialStore(pathlib.Path({str(tmp_path)!r})); (key,) = store.stored_keys(); "
        "assert len(store.read(key).rounds) == 1; "
        "read_study_index(store.directory); assert 'torch' not in sys.modules"
    )
    subprocess.run(
        [sys.executable, "-B", "-c", code], check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )


def test_a_file_is_json_lines_for_other_programs(tmp_path):
    add_rounds(tmp_path, 1, 2)
    lines = [json.loads(line) for line in log_path(tmp_path).read_text().splitlines()]
    assert [sorted(line)[0] for line in lines] == ["digest", "digest", "checkpoint", "checkpoint"]
    assert lines[0]["header"] == HEADER
    assert [line["round"]["round"] for line in lines[2:]] == [1, 2]
