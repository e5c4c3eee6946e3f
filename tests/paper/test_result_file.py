"""Results in one file, and everything that is drawn from it again."""

import dataclasses
import json
from pathlib import Path

import pytest

from results_by_hand import case_by_hand, reading, record, results_by_hand
from warmstart.basics import InputError
from warmstart.models import UserModel
from warmstart.paper import Curves, HeatMap, Setting, Table, Verdict, export_results, known_experiments, read_chapters
from warmstart.paper._report import chapter_of, setting_in
from warmstart.paper._result_file import SCHEMA, read_result_file, write_result_file
from warmstart.paper.experiments import noise, two_phase

SETTING = Setting(scale=0.5, seeds=4, samples={"cifar10": 50_000})
EPOCHS = {"columns": ["train_score", "steps", "train_loss"], "epochs": [[0.1234567, 5, 2.0], [0.99, 10, 0.5]]}


def made(experiment=noise.EXPERIMENT, setting=SETTING, *, kept=None, histories=False):
    """The results of an experiment's first study, made up; with ``kept`` finished rounds."""
    case = experiment.cases(setting)[0]
    records = [
        record(arm, seed, number, (0.5 if arm == "cold" else 0.4) + (seed + index) / 3_000)
        for index, arm in enumerate(case.study.labels)
        for seed in range(setting.seeds)
        for number in (1, 2)
    ]
    found = case_by_hand(case, records[:kept])
    if histories:
        readings = [reading("accuracy", 1 / 3, epoch=1, steps=5), reading("accuracy", None, epoch=2, steps=10)]
        keys = [(record.arm, record.seed, record.round) for record in records[:kept]]
        found = dataclasses.replace(found, histories={key: {**EPOCHS, "readings": readings} for key in keys})
    provenance = {"created": "2026-11-26", "cpu": "one", "warmstart": "1.0"}
    return results_by_hand(
        experiment,
        setting,
        dataclasses.replace(found, records=dataclasses.replace(found.records, provenance=provenance)),
    )


def written(results, tmp_path):
    return write_result_file([results], tmp_path / "results.json")


def changed(file, change):
    """The file, with something in it changed."""
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))
    return file


@pytest.mark.parametrize("kept", [None, 5])
def test_findings_tables_and_provenance_are_those_of_the_results(tmp_path, kept):
    results = made(kept=kept)
    file = written(results, tmp_path)
    again = read_result_file(file).results(noise.EXPERIMENT)
    assert chapter_of(again) == chapter_of(results)
    assert chapter_of(again).complete == (kept is None)
    assert setting_in(file) == SETTING


def test_scores_are_exact_and_there_is_one_per_arm_seed_and_round(tmp_path):
    results = made()
    file = written(results, tmp_path)
    (study,) = json.loads(file.read_text())["studies"].values()
    assert list(study["arms"]) == list(results.cases[0].arms)
    columns = study["arms"]["warm"]["rounds"]
    assert list(zip(columns["seed"], columns["round"], strict=True)) == [(s, n) for s in range(4) for n in (1, 2)]
    assert columns["score"] == [record.score for record in results.cases[0].records.rounds if record.arm == "warm"]
    again = read_result_file(file).results(noise.EXPERIMENT).cases[0]
    assert again.table.cells == results.cases[0].table.cells


def test_readings_are_kept_and_epochs_where_an_experiment_shows_them(tmp_path):
    results = made(two_phase.EXPERIMENT, histories=True)
    case = results.cases[0]
    again = read_result_file(written(results, tmp_path)).results(two_phase.EXPERIMENT).cases[0]
    for found, stored in zip(again.readings("warm", "accuracy"), case.readings("warm", "accuracy"), strict=True):
        assert [(r.epoch, r.steps) for r in found] == [(r.epoch, r.steps) for r in stored]
        assert [r.value for r in found] == [0.333333, None]
    assert again.histories["warm", 0, 2]["columns"] == ["train_score"]
    assert again.histories["warm", 0, 2]["epochs"] == [[0.123457], [0.99]]


def test_the_course_of_training_is_kept_of_rounds_that_ended_at_their_limit(tmp_path):
    results = made(histories=True)
    case = results.cases[0]
    rounds = [
        dataclasses.replace(record, stop_reason="limit") if (record.arm, record.seed) == ("warm", 1) else record
        for record in case.records.rounds
    ]
    case = dataclasses.replace(case, records=dataclasses.replace(case.records, rounds=tuple(rounds)))
    file = written(dataclasses.replace(results, cases=(case,)), tmp_path)
    (study,) = json.loads(file.read_text())["studies"].values()
    assert {arm: parts["epochs"] for arm, parts in study["arms"].items() if "epochs" in parts} == {
        "warm": {"seed": [1, 1], "round": [1, 2], "train_score": [[0.123457, 0.99]] * 2}
    }
    again = read_result_file(file).results(noise.EXPERIMENT).cases[0]
    assert "epochs" in again.histories["warm", 1, 2]
    assert "epochs" not in again.histories["warm", 2, 2]


def test_no_epochs_are_kept_where_nothing_reads_them(tmp_path):
    unused = json.loads(written(made(noise.EXPERIMENT, histories=True), tmp_path).read_text())
    assert all("epochs" not in arm for study in unused["studies"].values() for arm in study["arms"].values())


def test_a_study_that_experiments_share_is_there_once(tmp_path):
    both = [made(), made(noise.EXPERIMENT)]
    content = json.loads(write_result_file(both, tmp_path / "results.json").read_text())
    assert len(content["experiments"]["noise"]) == 2
    assert len(content["studies"]) == 1


def test_rules_and_published_numbers_are_todays(tmp_path):
    file = written(made(), tmp_path)
    strict = dataclasses.replace(noise.EXPERIMENT.claims[0], text="Another claim.", published="Another number.")
    experiment = dataclasses.replace(noise.EXPERIMENT, claims=(strict,))
    (finding,) = chapter_of(read_result_file(file).results(experiment)).findings
    assert (finding.claim, finding.published) == ("Another claim.", "Another number.")
    assert finding.verdict is not Verdict.NOT_RUN


def redeclared(change):
    """The experiment, with its study changed as a later version might."""

    def declare(setting):
        return [dataclasses.replace(case, study=change(case.study)) for case in noise.EXPERIMENT.declare(setting)]

    return dataclasses.replace(noise.EXPERIMENT, declare=declare)


def test_a_study_that_ran_otherwise_is_used_as_it_was_run_if_it_has_the_arms(tmp_path):
    file = written(made(), tmp_path)
    later = redeclared(lambda study: dataclasses.replace(study, seeds=9, arms=study.arms[:3]))
    results = read_result_file(file).results(later)
    assert results.complete
    assert results.cases[0].study.max_seeds == 4
    assert results.problem == ""


def test_arms_that_the_file_lacks_are_named_in_one_sentence(tmp_path):
    file = written(made(), tmp_path)
    later = redeclared(lambda study: dataclasses.replace(study, arms=[*study.arms, "cold:scale=0.5"]))
    chapter = chapter_of(read_result_file(file).results(later))
    assert chapter.exhibits == ()
    assert {finding.verdict for finding in chapter.findings} == {Verdict.NOT_RUN}
    assert chapter.state == (
        "not to be judged: results.json was written by a version that ran it otherwise (it lacks cold:scale=0.5)"
    )


def test_what_no_version_knows_any_more_is_a_sentence_too(tmp_path):
    def rename(content):
        (study,) = content["studies"].values()
        study["study"]["strategies"][0] = "forgotten-strategy"
        content["studies"] = {"0" * 8: study}
        content["experiments"]["noise"][0]["study"] = "0" * 8

    file = changed(written(made(), tmp_path), rename)
    state = chapter_of(read_result_file(file).results(noise.EXPERIMENT)).state
    assert state.startswith("not to be judged: results.json was written by a version that ran it otherwise (")
    assert "forgotten-strategy" in state


def test_studies_that_are_not_declared_any_more_are_said_to_be_so(tmp_path):
    def other_data(content):
        content["experiments"]["noise"][0]["facets"] = {"data": "mnist"}

    file = changed(written(made(), tmp_path), other_data)
    state = chapter_of(read_result_file(file).results(noise.EXPERIMENT)).state
    assert state.endswith("(none of its studies is declared any more)")


def test_an_experiment_that_is_not_in_the_file_was_not_run(tmp_path):
    file = written(made(), tmp_path)
    chapters = {chapter.id: chapter for chapter in read_chapters(file)}
    assert list(chapters) == list(known_experiments())
    assert chapters["ewc"].state == "not run"
    assert chapters["noise"].state == "complete"


def test_a_model_of_the_users_is_named_and_not_needed(tmp_path):
    setting = dataclasses.replace(SETTING, model=UserModel("mine:Net"))
    file = written(made(setting=setting), tmp_path)
    assert setting_in(file) == setting
    assert read_result_file(file).results(noise.EXPERIMENT).complete


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.pop("studies"), "cannot be read: 'studies'"),
        (lambda content: content.update(schema="other/1"), f"must have the schema {SCHEMA}, got other/1"),
        (lambda content: content["setting"].update(scale=2), r"scale must lie in \(0, 1\]"),
        (lambda content: content["setting"].update(colour="red"), "cannot be read"),
        (lambda content: content["experiments"].update(alchemy=[]), "unknown experiments: alchemy"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, change, message):
    file = changed(written(made(), tmp_path), change)
    with pytest.raises(InputError, match=message):
        read_chapters(file)


@pytest.mark.parametrize("text", ["", "[]", "{", '"text"'])
def test_a_file_of_something_else_is_refused(tmp_path, text):
    file = tmp_path / "results.json"
    file.write_text(text)
    with pytest.raises(InputError, match=r"results\.json must hold results that 'warmstart paper export' wrote"):
        read_chapters(file)


def test_nothing_is_written_where_there_are_no_results(tmp_path):
    with pytest.raises(InputError, match="no round of any experiment has finished"):
        write_result_file([made(kept=0)], tmp_path / "results.json")
    with pytest.raises(InputError, match="got the directory"):
        write_result_file([made()], tmp_path)
    with pytest.raises(InputError, match=r"there is no setting\.json in it"):
        export_results(tmp_path, tmp_path / "results.json")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def both(tiny, tmp_path_factory):
    """Chapters from a directory, those from the file that was exported from it, and the file."""
    directory, _ = tiny
    file = export_results(directory, tmp_path_factory.mktemp("file") / "results.json")
    return read_chapters(directory), read_chapters(file), file


@pytest.mark.slow
@pytest.mark.xdist_group("paper")
def test_findings_and_tables_of_every_experiment_are_the_same(both):
    for stored, again in zip(*both[:2], strict=True):
        assert again.findings == stored.findings
        assert (again.state, again.seeds, again.provenance) == (stored.state, stored.seeds, stored.provenance)
        assert tables(again) == tables(stored)


@pytest.mark.slow
@pytest.mark.xdist_group("paper")
def test_charts_of_every_experiment_show_the_same_values(both):
    for stored, again in zip(*both[:2], strict=True):
        assert values(again) == pytest.approx(values(stored), rel=1e-3, abs=1e-5, nan_ok=True)


@pytest.mark.slow
@pytest.mark.xdist_group("paper")
def test_the_file_of_all_experiments_is_small_and_names_no_directory(both, tiny):
    file: Path = both[2]
    assert file.stat().st_size < 300_000
    assert str(tiny[0]) not in file.read_text()


def tables(chapter):
    return [exhibit for exhibit in chapter.exhibits if isinstance(exhibit, Table)]


def values(chapter):
    found = []
    for exhibit in chapter.exhibits:
        if isinstance(exhibit, Curves):
            found += [value for point in exhibit.points for value in (point.x, point.y, point.low, point.high)]
        elif isinstance(exhibit, HeatMap):
            found += [value for cell in exhibit.cells for value in (cell.value, cell.low, cell.high)]
    return [float("nan") if value is None else value for value in found]
