"""Running, refusing, resuming."""

import dataclasses
import importlib
import linecache
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from runs import LANES, ONE, TWO, group_ends, interrupt, results
from warmstart.basics import InputError
from warmstart.data import DataSource, load
from warmstart.models import ResNet18, UserModel
from warmstart.store import RoundRecord
from warmstart.strategies import Cold, ShrinkPerturb, Warm
from warmstart.streams import Growing
from warmstart.studies import (
    Arm,
    EpochMessage,
    StudyProgress,
    has_study,
    read_histories,
    read_study,
    read_study_file,
    run_study,
    study_from_dict,
    study_to_dict,
)
from warmstart.training import CarryOver, OptimizerKind, OptimizerState, Recipe, StoppingRule
from warmstart.trial import EvaluateOn, EvaluationSettings, TrainOn


@pytest.fixture
def uninterrupted(study, tmp_path_factory):
    return results(run_study(study, tmp_path_factory.mktemp("whole") / "study", execution=ONE))


def test_every_arm_runs_every_seed_and_round(study, tmp_path):
    records = run_study(study, tmp_path / "new" / "study", execution=ONE)
    found = {(record.arm, record.seed, record.round) for record in records.rounds}
    assert found == {(arm, seed, n) for arm in study.labels for seed in range(2) for n in (1, 2, 3)}
    assert records.data["fit_samples"] + records.data["evaluation_samples"] == 1797
    assert records.provenance["workers"] == 1


def test_workers_give_the_same_bits(study, uninterrupted, tmp_path):
    assert results(run_study(study, tmp_path / "study", execution=TWO)) == uninterrupted
    assert not [entry for entry in (tmp_path / "study").iterdir() if entry.name.startswith(".arrays")]


def test_lanes_give_the_same_bits(study, uninterrupted, tmp_path):
    records = run_study(study, tmp_path / "study", execution=LANES)
    assert results(records) == uninterrupted
    assert records.provenance["lanes"] == 3


def test_interrupted_lanes_resume_to_the_same_bits(study, uninterrupted, tmp_path):
    interrupt(study, tmp_path / "study", 5, execution=LANES)
    assert results(run_study(study, tmp_path / "study", execution=LANES)) == uninterrupted


def test_the_first_round_is_the_same_for_all(study, uninterrupted):
    first = [record for record in uninterrupted if record.round == 1 and record.seed == 0]
    assert len({record.score for record in first}) == 1


def test_a_complete_study_is_only_read(study, uninterrupted, tmp_path, monkeypatch):
    run_study(study, tmp_path, execution=ONE)
    monkeypatch.setattr("warmstart.studies._study_data.load", lambda *_, **__: pytest.fail("nothing is left to train"))
    assert results(run_study(study, tmp_path)) == uninterrupted


OWN = """
import torch
from dataclasses import dataclass
from warmstart.strategies import Warm

@dataclass(frozen=True)
class Scaled(Warm):
    def __call__(self, *arguments, **options):
        model = super().__call__(*arguments, **options)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.mul_(FACTOR)
        return model
"""


def test_a_changed_strategy_of_the_users_own_is_run_again(study, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    found = {}
    for factor in ("0.9", "0.2"):
        (tmp_path / "own_strategy.py").write_text(OWN.replace("FACTOR", factor))
        linecache.clearcache()
        monkeypatch.delitem(sys.modules, "own_strategy", raising=False)
        importlib.invalidate_caches()
        own = replace(study, arms=[Cold(), importlib.import_module("own_strategy").Scaled()], seeds=1)
        heard = []
        found[factor] = results(run_study(own, tmp_path / "study", execution=ONE, listener=heard.append))
        assert sum(isinstance(event, RoundRecord) for event in heard) == (6 if factor == "0.9" else 3)
        run_study(own, tmp_path / "study", execution=ONE, listener=heard.append)
        assert "is complete: nothing is trained" in heard[-1]
    assert found["0.9"][:3] == found["0.2"][:3]
    assert found["0.9"] != found["0.2"]


def test_the_saved_study_reproduces_the_results(study, uninterrupted, tmp_path):
    run_study(study, tmp_path / "one", execution=ONE)
    again = study_from_dict(read_study_file(tmp_path / "one" / "study.toml"))
    assert results(run_study(again, tmp_path / "two", execution=ONE)) == uninterrupted


def test_listeners_hear_the_plan_and_every_round(study, tmp_path):
    heard = []
    run_study(study, tmp_path, execution=ONE, listener=heard.append)
    assert StudyProgress(total=18, done=0) in heard
    assert sum(isinstance(event, RoundRecord) for event in heard) == 18


class StopError(Exception):
    pass


# Processes are slow to start: two moments are enough for them.
MOMENTS = [(ONE, 1), (ONE, 2), (ONE, 3), (ONE, 7), (ONE, 17), (TWO, 2), (TWO, 7)]


@pytest.mark.parametrize(("execution", "rounds"), MOMENTS)
def test_an_interrupted_study_resumes_to_the_same_bits(study, uninterrupted, tmp_path, rounds, execution):
    heard = []

    def stop_after(event):
        heard.extend([event] if isinstance(event, RoundRecord) else [])
        if len(heard) == rounds:
            raise StopError

    with pytest.raises(StopError):
        run_study(study, tmp_path, execution=execution, listener=stop_after)
    assert len(read_study(tmp_path).rounds) == rounds
    assert results(run_study(study, tmp_path, execution=ONE)) == uninterrupted


def test_kept_optimizer_state_survives_an_interruption(study, tmp_path):
    study = replace(study, carry_over=CarryOver(optimizer_state=OptimizerState.KEEP), seeds=1, arms=[Warm()])
    whole = results(run_study(study, tmp_path / "whole", execution=ONE))

    def stop(event):
        if isinstance(event, RoundRecord) and event.round == 2:
            raise StopError

    with pytest.raises(StopError):
        run_study(study, tmp_path / "parts", execution=ONE, listener=stop)
    assert results(run_study(study, tmp_path / "parts", execution=ONE)) == whole


LONG = os.environ.get("WARMSTART_LONG") == "1"
SCRIPT = """
import sys
from warmstart.executors import Execution
from warmstart.studies import run_study, read_study_file, study_from_dict
if __name__ == "__main__":
    study = study_from_dict(read_study_file(sys.argv[1]))
    run_study(study, sys.argv[2], execution=Execution(workers=int(sys.argv[3]), device="cpu"))
"""


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_killed_at_random_moments_it_ends_with_the_same_bits(study, uninterrupted, tmp_path, workers):
    """SIGKILL again and again, at moments that differ; no worker outlives its parent."""
    tomli_w = pytest.importorskip("tomli_w")
    (tmp_path / "run.py").write_text(SCRIPT)
    (tmp_path / "study.toml").write_text(tomli_w.dumps(study_to_dict(study)))
    directory = tmp_path / "results"
    command = [sys.executable, tmp_path / "run.py", tmp_path / "study.toml", directory, str(workers)]
    for kill in range(5 if LONG else 4 - workers):
        process = subprocess.Popen(command, start_new_session=True)
        before, deadline = finished(directory), time.monotonic() + 60
        # Wait for a sign of life, then a part of a round's time that is different for each kill.
        while process.poll() is None and time.monotonic() < deadline:
            if finished(directory) > before:
                break
            time.sleep(0.005)
        time.sleep(0.013 * kill)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert group_ends(process.pid)
    subprocess.run(command, check=True)
    assert results(read_study(directory)) == uninterrupted


def finished(directory):
    return len(read_study(directory).rounds) if has_study(directory) else 0


UNGUARDED = """
from warmstart.executors import Execution
from warmstart.studies import run_study, read_study_file, study_from_dict
print("the script runs")
study = study_from_dict(read_study_file("study.toml"))
run_study(study, "results", execution=Execution(workers=2, device="cpu"))
"""


def test_a_script_needs_no_guard_around_its_main_part(study, uninterrupted, tmp_path):
    tomli_w = pytest.importorskip("tomli_w")
    (tmp_path / "run.py").write_text(UNGUARDED)
    (tmp_path / "study.toml").write_text(tomli_w.dumps(study_to_dict(study)))
    done = subprocess.run([sys.executable, "run.py"], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert done.stdout == "the script runs\n"
    assert results(read_study(tmp_path / "results")) == uninterrupted


def snapshot(directory):
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_another_study_is_refused_and_nothing_changed(study, tmp_path):
    run_study(study, tmp_path, execution=ONE)
    before = snapshot(tmp_path)
    message = r"contains a different study \(stream.rounds: 3 there, 2 requested\); choose another directory"
    with pytest.raises(InputError, match=message):
        run_study(replace(study, stream=Growing(rounds=2)), tmp_path, execution=ONE)
    assert snapshot(tmp_path) == before


def test_a_directory_with_other_files_is_refused(study, tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(InputError, match=r"must be new, empty or contain this study, but .* contains other files"):
        run_study(study, tmp_path, execution=ONE)
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.tex"]


def test_what_a_kill_left_of_an_unborn_study_is_no_obstacle(study, uninterrupted, tmp_path):
    (tmp_path / "study.part").write_bytes(b"half")
    assert results(run_study(study, tmp_path, execution=ONE)) == uninterrupted


def test_a_file_in_the_place_of_the_directory_is_refused(study, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"which is a file"):
        run_study(study, tmp_path / "file", execution=ONE)


def test_other_data_under_the_same_name_are_new_trials(study, tmp_path):
    digits = load(study.data)
    with pytest.raises(StopError):
        run_study(study, tmp_path, execution=ONE, listener=_stop_at_first_round)
    other, heard = dataclasses.replace(digits, train=digits.train.take(list(range(1000)))), []
    records = run_study(study, tmp_path, dataset=other, execution=ONE, listener=heard.append)
    assert any("all trials are run on the new ones" in event for event in heard if isinstance(event, str))
    assert len(records.rounds) == 18
    assert {record.samples_seen for record in records.rounds if record.round == 3} == {666}


def _stop_at_first_round(event):
    if isinstance(event, RoundRecord):
        raise StopError


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stream": Growing(5000)}, "arrival_size must be at most 1198"),
        ({"stream": Growing(1197), "train_on": TrainOn.ARRIVAL}, "at least 2 samples, but the stream gives one only 1"),
        ({"recipe": Recipe(batch_size=1), "architecture": ResNet18(width=2)}, "cannot train on a batch of 1"),
        ({"architecture": UserModel("no_such_module:f")}, "cannot be imported"),
        ({"architecture": UserModel("torch.nn:Flatten")}, r"for n = 2 it returned \(2, 64\)"),
    ],
)
def test_what_cannot_work_leaves_no_directory(study, tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        run_study(replace(study, **change), tmp_path / "study", execution=ONE)
    assert not (tmp_path / "study").exists()


def test_an_unwritable_place_is_one_sentence(study):
    with pytest.raises(InputError, match=r"results' directory must be .* got /proc/warmstart-study: no such file"):
        run_study(study, "/proc/warmstart-study", execution=ONE)


def test_a_divergence_leaves_the_other_trials_alone(study, tmp_path, uninterrupted):
    wild = Recipe(optimizer=OptimizerKind.SGD, learning_rate=1e25)
    records = run_study(replace(study, recipe=wild), tmp_path, execution=ONE)
    assert {record.stop_reason for record in records.rounds} == {"diverged"}
    assert {record.score for record in records.rounds} == {None}
    assert len(records.rounds) == 18


FAILING_MODEL = """
from torch import nn
class PickyError(Exception):
    def __init__(self, what, where):
        super().__init__(f"{what} {where}")
class Failing(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 10)
        self.steps = 0
    def forward(self, inputs):
        self.steps += self.training
        if self.steps > LIMIT:
            raise PickyError("broken in", "training")
        return self.layer(inputs.flatten(1))
def build():
    return Failing()
"""


@pytest.fixture
def failing(study, tmp_path, monkeypatch):
    """A study whose model fails in its second training step, with an exception that cannot be pickled."""
    (tmp_path / "failing_model.py").write_text(FAILING_MODEL.replace("LIMIT", "1"))
    monkeypatch.chdir(tmp_path)
    yield replace(study, architecture=UserModel("failing_model:build"))
    sys.modules.pop("failing_model", None)


def test_an_error_in_a_worker_comes_back_with_its_text(failing, tmp_path):
    with pytest.raises(RuntimeError, match=r"PickyError: broken in training"):
        run_study(failing, tmp_path / "study", execution=TWO)
    assert read_study(tmp_path / "study").rounds == ()


def test_another_model_under_the_same_name_is_a_new_trial(failing, tmp_path):
    with pytest.raises(Exception, match=r"broken in training"):
        run_study(failing, tmp_path / "study", execution=ONE)
    source = (tmp_path / "failing_model.py").read_text()
    (tmp_path / "failing_model.py").write_text(source.replace("self.steps > 1", "False"))
    sys.modules.pop("failing_model")
    importlib.invalidate_caches()
    assert len(run_study(failing, tmp_path / "study", execution=ONE).rounds) == 18


def test_a_complete_study_of_other_data_is_not_shown_as_if_it_were_theirs(study, tmp_path):
    (tmp_path / "mine.csv").write_text(CSV.replace("{}", "1.5"))
    mine = replace(study, data=DataSource(str(tmp_path / "mine.csv")))
    before = results(run_study(mine, tmp_path / "study", execution=ONE))
    assert results(run_study(mine, tmp_path / "study", execution=ONE)) == before
    (tmp_path / "mine.csv").write_text(CSV.replace("{}", "2.5"))
    heard = []
    run_study(mine, tmp_path / "study", execution=ONE, listener=heard.append)
    assert sum(isinstance(event, RoundRecord) for event in heard) == len(before)


CSV = "a,b,label\n" + "1,2,x\n3,{},y\n" * 40


def test_convolutions_with_kept_optimizer_state_resume_to_the_same_bits(study, tmp_path):
    """Moments are stored without the layout that convolutions train in."""
    keep = CarryOver(optimizer_state=OptimizerState.KEEP)
    images = replace(study, architecture=ResNet18(width=4), carry_over=keep, seeds=1, arms=[Warm()])
    images = replace(images, data=DataSource(subset=240), stop=StoppingRule(None, max_epochs=2))
    whole = results(run_study(images, tmp_path / "whole", execution=ONE))
    with pytest.raises(StopError):
        run_study(images, tmp_path / "parts", execution=ONE, listener=_stop_at_first_round)
    assert results(run_study(images, tmp_path / "parts", execution=ONE)) == whole


def test_a_lost_checkpoint_costs_its_trial_a_repetition(study, uninterrupted, tmp_path):
    def stop(event):
        if isinstance(event, RoundRecord) and event.round == 2:
            raise StopError

    with pytest.raises(StopError):
        run_study(study, tmp_path, execution=ONE, listener=stop)
    (lost,) = (tmp_path / "checkpoints").rglob("round-0002.safetensors")
    lost.unlink()
    assert results(run_study(study, tmp_path, execution=ONE)) == uninterrupted


def test_finished_trials_need_no_checkpoint(study, tmp_path):
    digits = load(study.data)
    whole = run_study(study, tmp_path, dataset=digits, execution=ONE)
    shutil.rmtree(tmp_path / "checkpoints")
    heard = []
    # Of data in memory nothing is said without looking, so the study is opened and its trials are gone through.
    assert run_study(study, tmp_path, dataset=digits, execution=ONE, listener=heard.append).rounds == whole.rounds
    assert [one for one in heard if not isinstance(one, str)] == [StudyProgress(total=18, done=18)]


def rounds_of(directory, arm):
    return max(record.round for record in read_study(directory).rounds if record.arm == arm)


def test_of_lost_checkpoints_only_unfinished_trials_run_again(study, uninterrupted, tmp_path):
    interrupt(study, tmp_path, 7)
    finished = [record for record in read_study(tmp_path).rounds if rounds_of(tmp_path, record.arm) == 3]
    assert 0 < len(finished) < 7
    shutil.rmtree(tmp_path / "checkpoints")
    heard = []
    records = run_study(study, tmp_path, execution=ONE, listener=heard.append)
    assert results(records) == uninterrupted
    assert all(record in records.rounds for record in finished)  # to the second
    assert StudyProgress(total=18, done=len(finished)) in heard
    assert sum(isinstance(event, RoundRecord) for event in heard) == 18 - len(finished)


def test_a_study_of_data_in_memory_says_so(study, tmp_path):
    digits = load(study.data)
    mine = dataclasses.replace(digits, name="my numbers")
    records = run_study(study, tmp_path, dataset=mine, execution=ONE)
    assert records.study["data"]["name"] == "my numbers"
    assert read_study_file(tmp_path / "study.toml")["data"]["name"] == "my numbers"


def test_a_study_file_of_the_users_is_not_written_over(study, tmp_path):
    (tmp_path / "study.toml").write_text("# my notes\nseeds = 2\n")
    with pytest.raises(InputError, match=r"contains other files"):
        run_study(study, tmp_path, execution=ONE)
    assert "# my notes" in (tmp_path / "study.toml").read_text()


def test_a_test_set_must_be_there_to_evaluate_on(study, tmp_path):
    on_test = replace(study, evaluation=EvaluationSettings(EvaluateOn.TEST))
    with pytest.raises(InputError, match=r"must have a test set to evaluate on"):
        run_study(on_test, tmp_path / "study", dataset=load(study.data), execution=ONE)
    assert not (tmp_path / "study").exists()


def test_only_the_last_checkpoint_of_a_trial_is_kept(study, tmp_path):
    run_study(study, tmp_path, execution=ONE)
    files = sorted(path.name for path in (tmp_path / "checkpoints").rglob("*") if path.is_file())
    # And that of the first round of each seed, which a further strategy may take over.
    assert files == ["round-0001.safetensors"] * 2 + ["round-0003.safetensors"] * 6


def test_the_history_of_every_round_is_stored(study, tmp_path):
    records = run_study(study, tmp_path, execution=ONE)
    histories = read_histories(tmp_path)
    assert [len(histories[r.arm, r.seed, r.round]["epochs"]) for r in records.rounds] == [
        r.epochs for r in records.rounds
    ]


def test_reading_what_is_no_study_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match=r"must be a directory with a study's results"):
        read_study(tmp_path)


def test_arms_may_train_on_different_things(study, tmp_path):
    mixed = replace(study, arms=[Cold(), Arm(Warm(), train_on=TrainOn.ARRIVAL), ShrinkPerturb()], seeds=1)
    records = run_study(mixed, tmp_path, execution=ONE)
    trained_on = {r.arm: r.samples_trained_on for r in records.rounds if r.round == 3}
    assert trained_on["warm:train-on=arrival"] < trained_on["cold"] == 1198


def test_epochs_are_reported_while_a_round_runs(study, tmp_path):
    heard = []
    slow = replace(study, stop=replace(study.stop, train_accuracy=None, max_epochs=60), arms=[Cold()], seeds=1)
    run_study(slow, tmp_path, execution=ONE, listener=heard.append)
    assert any(isinstance(event, EpochMessage) for event in heard)
