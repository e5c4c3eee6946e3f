"""Studies of data in time order: which stream they have, what is refused, and that they can be interrupted."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from runs import LANES, ONE, TWO, interrupt, results
from warmstart.basics import InputError
from warmstart.data import Dataset, DataSource, LabelledArrays, SampleOrder, arrives_in_order
from warmstart.models import LogisticRegression
from warmstart.strategies import Cold, Warm
from warmstart.streams import Given, Growing, TimeOrdered, TwoPhase
from warmstart.studies import Study, read_study, read_study_file, run_study, study_from_dict, study_to_dict
from warmstart.training import Recipe, StoppingRule
from warmstart.trial import EvaluateOn, EvaluationSettings, TrainOn

ELECTRICITY = Path(__file__).parents[2].parent / "shared/data/electricity/electricity.parquet"
DRIFT = np.random.default_rng(0).normal(size=(240, 3)).astype(np.float32)
LABELS = (DRIFT[:, 0] + np.linspace(-1, 1, 240) > 0).astype(np.int64)
DAYS = np.arange(240) // 10
DATA = Dataset(
    "drift", LabelledArrays(DRIFT, LABELS), None, ("down", "up"), order=SampleOrder(in_time=True, groups=DAYS)
)
STUDY = Study(
    (Cold(), Warm()),
    architecture=LogisticRegression(),
    stream=TimeOrdered(arrival_size=60),
    recipe=Recipe(learning_rate=0.05, batch_size=32),
    stop=StoppingRule(max_epochs=3),
    evaluation=EvaluationSettings(holdout=0.25),
    seeds=3,
)


@pytest.mark.parametrize(
    ("tables", "stream"),
    [
        ({}, Growing()),
        ({"data": {"name": "rain.csv"}}, Growing()),
        ({"data": {"name": "rain.csv", "order": "day"}}, TimeOrdered()),
        ({"stream": {"arrival-size": 336}, "data": {"name": "rain.csv", "order": "file"}}, TimeOrdered(336)),
        ({"stream": {"rounds": 4}, "data": {"name": "rain.csv", "order": "file"}}, TimeOrdered(rounds=4)),
        ({"stream": {"name": "growing", "rounds": 4}, "data": {"name": "rain.csv", "order": "day"}}, Growing(rounds=4)),
        ({"stream": {"name": "growing"}, "data": {"name": "rain.csv", "order": "day"}}, Growing()),
        ({"stream": {"name": "two-phase"}, "data": {"name": "rain.csv", "order": "day"}}, TwoPhase()),
        ({"stream": {"name": "time-ordered"}}, TimeOrdered()),
        ({"stream": {"name": "given", "arrivals": [[0, 1], [2]]}}, Given(((0, 1), (2,)))),
    ],
)
def test_the_stream_of_a_study_follows_from_its_data_where_none_is_named(tables, stream, tmp_path):
    study = study_from_dict(tables)
    assert study.stream == stream
    stored = study_to_dict(study)
    assert stored["stream"]["name"] == {"Growing": "growing", "TwoPhase": "two-phase"}.get(
        type(stream).__name__, "given" if isinstance(stream, Given) else "time-ordered"
    )
    assert study_from_dict(stored) == study


def test_in_python_too_and_what_is_asked_for_stays():
    ordered = DataSource("rain.csv", order="day")
    assert Study(data=ordered).stream == TimeOrdered()
    assert Study(data=ordered, stream=Growing()).stream == Growing()
    assert replace(Study(), data=ordered).stream == TimeOrdered()
    assert Study(data=ordered, stream="growing").stream == Growing()


@pytest.mark.parametrize(
    ("names", "is_ordered"),
    [
        (["2024-01.csv", "2024-02.csv"], True),
        (["a.csv.gz", "b.csv.gz"], True),
        (["monday.parquet", "tuesday.parquet", "README.md"], True),
        (["a.csv"], False),
        (["a.csv", "notes.md", ".b.csv"], False),
        (["train.csv", "test.csv"], False),
        (["Train-1.parquet", "Train-2.parquet"], False),
        (["x-00000-of-00002.parquet", "x-00001-of-00002.parquet"], False),
        (["part-0.parquet", "part-1.parquet"], False),
        ([], False),
    ],
)
def test_a_folder_of_tables_is_one_of_arrivals(names, is_ordered, tmp_path):
    for name in names:
        (tmp_path / name).touch()
    assert arrives_in_order(DataSource(str(tmp_path))) == is_ordered
    assert isinstance(Study(data=str(tmp_path)).stream, TimeOrdered) == is_ordered


@pytest.mark.parametrize("name", ["digits", "no/such/folder", "x" * 5000, "module:Object", "~nobody-here/data"])
def test_what_is_no_folder_has_no_order(name):
    assert not arrives_in_order(DataSource(name))


def test_data_in_memory_with_an_order_arrive_in_it(tmp_path):
    study = replace(STUDY, stream=Study.stream, seeds=1)
    records = run_study(study, tmp_path / "a", dataset=DATA, execution=ONE)
    assert records.study["stream"]["name"] == "time-ordered"
    assert study_from_dict(read_study_file(tmp_path / "a" / "study.toml")).stream == TimeOrdered()
    random = run_study(replace(study, stream=Growing()), tmp_path / "b", dataset=DATA, execution=ONE)
    assert random.study["stream"]["name"] == "growing"


@pytest.mark.parametrize("execution", [TWO, LANES], ids=["workers", "lanes"])
def test_interrupted_in_time_order_and_resumed_to_the_same_bits(execution, tmp_path):
    whole = run_study(STUDY, tmp_path / "whole", dataset=DATA, execution=ONE)
    interrupt(STUDY, tmp_path / "other", 7, dataset=DATA, execution=execution)
    assert results(run_study(STUDY, tmp_path / "other", dataset=DATA, execution=execution)) == results(whole)
    by_seed = {
        tuple(record.samples_seen for record in whole.rounds if (record.seed, record.arm) == (seed, "cold"))
        for seed in range(3)
    }
    assert len(by_seed) == 3
    assert {len(seen) for seen in by_seed} == {4} == {whole.rounds_expected}


def test_a_file_without_an_order_may_be_taken_in_its_own_and_that_is_said(tmp_path):
    heard = []
    plain = replace(DATA, order=None)
    records = run_study(replace(STUDY, seeds=1), tmp_path, dataset=plain, execution=ONE, listener=heard.append)
    note = "Nothing says when the samples of drift arrived: the order in which they stand is taken."
    assert note in heard
    assert records.data["notes"] == [note]
    assert read_study(tmp_path).data["notes"] == [note]


@pytest.mark.parametrize(
    ("options", "order", "message"),
    [
        ({"stream": TimeOrdered(10)}, DATA.order, "arrivals must each have a sample to train on that is not held out"),
        ({"stream": Given([[0, 1], [2, 300]])}, DATA.order, r"arrivals must be of indices in \[0, 240\), got 300"),
        ({}, SampleOrder(groups=np.zeros(240, np.int64)), "group must have at least 2 values in drift"),
        (
            {"stream": Growing(arrival_size=6), "seeds": 20},
            SampleOrder(groups=np.repeat(np.arange(60), np.resize([1, 7], 60))),
            "rounds must be given where groups are held out whole: the stream has 29 for one seed and 30 for another",
        ),
        (
            {
                "stream": Given([[0, 1, 2], [6]]),
                "train_on": TrainOn.ARRIVAL,
                "evaluation": EvaluationSettings(EvaluateOn.TEST),
            },
            None,
            "Every round must train on at least 2 samples, but the stream gives one only 1",
        ),
    ],
)
def test_what_cannot_be_is_refused_for_every_seed_before_anything_is_written(options, order, message, tmp_path):
    with pytest.raises(InputError, match=message):
        run_study(
            replace(STUDY, **options),
            tmp_path / "study",
            dataset=replace(DATA, order=order, test=DATA.train),
            execution=ONE,
        )
    assert not (tmp_path / "study").exists()


def test_with_an_official_test_set_groups_are_not_held_out(tmp_path):
    tested = replace(DATA, test=DATA.train.take(np.arange(50)))
    study = replace(STUDY, evaluation=EvaluationSettings(EvaluateOn.TEST), seeds=1)
    records = run_study(study, tmp_path, dataset=tested, execution=ONE)
    assert [record.samples_seen for record in records.rounds if record.arm == "cold"] == [60, 120, 180, 240]
    assert records.data["fit_samples"] == 240


@pytest.mark.skipif(not ELECTRICITY.exists(), reason=f"{ELECTRICITY} is not there")
def test_electricity_arrives_week_by_week_with_days_held_out(tmp_path):
    table = pq.read_table(ELECTRICITY)
    weeks = 12 * 336
    columns = [table[name].to_numpy()[:weeks] for name in table.column_names if name not in ("label", "date")]
    labels = table["label"].to_numpy()[:weeks].astype(np.int64)
    days = np.arange(weeks) // 48
    data = Dataset(
        "electricity",
        LabelledArrays(np.stack(columns, 1).astype(np.float32), labels),
        None,
        ("down", "up"),
        order=SampleOrder(in_time=True, groups=days),
    )
    study = replace(STUDY, stream=TimeOrdered(336), seeds=2, evaluation=EvaluationSettings(holdout=0.2))
    records = run_study(study, tmp_path, dataset=data, execution=ONE)
    assert records.rounds_expected == 12
    for record in records.rounds:
        # Whole days arrive, at most seven a week.
        assert record.samples_seen % 48 == 0
        assert record.samples_seen <= 336 * record.round
    last = [record for record in records.rounds if record.round == 12]
    assert {record.samples_seen for record in last} == {weeks - -(-weeks // 5 // 48) * 48}
    assert all(record.score > 0.5 for record in last)
