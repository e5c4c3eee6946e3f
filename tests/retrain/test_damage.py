"""Damaged and missing files: named, done without, and nothing of it ends in a traceback or in a worse model."""

import warnings
from pathlib import Path

import pytest

import nights
from warmstart.basics import InputError, StorageError
from warmstart.retrain import Retrainer
from warmstart.retrain._ledger import LEDGER, AuditRow, Ledger
from warmstart.retrain._objects import POINTER, SERVING, object_path
from warmstart.retrain._upkeep import gc


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-7])


HARM = {"changed": flip, "truncated": truncate, "missing": Path.unlink}


@pytest.fixture(scope="module")
def three_rounds(tmp_path_factory):
    """A project with three promoted models, each of which continues the one before, and an arrival that waits."""
    project = nights.project(tmp_path_factory.mktemp("project") / "live", settings={"policy": "warm"})
    for number in (1, 2, 3):
        project.add(nights.arrival(number))
        assert project.update().outcome == "promoted"
    project.add(nights.arrival(4))
    return project


@pytest.fixture
def project(three_rounds, tmp_path):
    return nights.copy(three_rounds.directory, tmp_path / "copy")


def models(project):
    return [one.models[0].id for one in project.history() if one.models]


def remove_copies(project):
    for path in (project.directory / SERVING).glob("*"):
        path.unlink()


@pytest.mark.parametrize("problem", HARM)
def test_a_damaged_champion_is_named_and_the_model_before_it_serves(project, problem):
    _first, second, third = models(project)
    HARM[problem](object_path(project.directory, "models", third))
    remove_copies(project)
    with pytest.warns(UserWarning, match=f"round 2 serves .{second[:12]}"):
        assert project.champion().id == second
    found = project.verify()
    assert [(one.kind, one.id, one.problem) for one in found.damage] == [("models", third, problem)]
    assert (found.champion, found.replaced) == (second, third)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert project.champion().id == second


@pytest.mark.parametrize("problem", HARM)
def test_a_round_continues_another_model_where_the_last_one_is_damaged(project, problem):
    _first, second, third = models(project)
    HARM[problem](object_path(project.directory, "models", third))
    remove_copies(project)
    done = project.update()
    assert done.outcome == "promoted"
    assert any(third[:12] in note and "damaged" in note for note in done.notes)
    with Ledger.open(project.directory / LEDGER) as ledger:
        assert ledger.model(done.champion).start_model == second
        assert ledger.rounds()[-1].champion_before == second


def test_the_copy_that_serves_restores_a_damaged_champion(project):
    third = models(project)[-1]
    flip(object_path(project.directory, "models", third))
    assert project.champion().id == third
    done = project.update()
    with Ledger.open(project.directory / LEDGER) as ledger:
        assert ledger.model(done.champion).start_model == third


def test_a_round_starts_cold_where_no_model_is_left(project):
    for one in models(project):
        truncate(object_path(project.directory, "models", one))
    remove_copies(project)
    with pytest.raises(StorageError, match="restore it from a backup"):
        project.champion()
    done = project.update()
    assert done.outcome == "promoted"
    assert [arm.strategy for arm in done.arms] == ["cold"]
    assert project.champion().id == done.champion


def test_a_champion_whose_file_is_restored_is_the_champion_again(project):
    kept = {one: object_path(project.directory, "models", one).read_bytes() for one in models(project)}
    for one in kept:
        truncate(object_path(project.directory, "models", one))
    remove_copies(project)
    assert len(project.verify().damage) == 3
    for one, content in kept.items():
        object_path(project.directory, "models", one).write_bytes(content)
    assert set(project.verify().restored) == set(kept)
    assert project.status().champion.state == "champion"
    assert project.champion().id == models(project)[-1]


@pytest.mark.parametrize(
    ("problem", "which"), [("changed", "arm_model"), ("truncated", "cold_model"), ("missing", "cold_model")]
)
def test_the_audit_of_a_damaged_model_waits_no_longer(problem, which, tmp_path):
    project = nights.project(tmp_path / "p", settings={"policy": "auto"})
    nights.each_night(project, nights.arrival(1), nights.arrival(2))
    with Ledger.open(project.directory / LEDGER) as ledger:
        (audit,) = ledger.pending_audits()
    remove_copies(project)
    HARM[problem](object_path(project.directory, "models", getattr(audit, which)))
    nights.each_night(project, nights.arrival(3))
    with Ledger.open(project.directory / LEDGER) as ledger:
        assert [one.round for one in ledger.select(AuditRow)] == [3]
        assert any("audit of round 2 is given up" in one.text for one in ledger.events())
    gc(project.directory, keep=1)
    assert project.verify().is_intact, "nothing keeps the damaged model any more"


def test_a_damaged_model_of_an_excluded_arrival_does_not_come_back_clean(project):
    _first, second, third = models(project)
    paths = [object_path(project.directory, "models", name) for name in (second, third)]
    contents = [path.read_bytes() for path in paths]
    remove_copies(project)
    for path in paths:
        path.unlink()
    project.verify()
    project.exclude(2)
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    project.verify()
    with Ledger.open(project.directory / LEDGER) as ledger:
        assert [ledger.model(name).state for name in (second, third)] == ["tainted", "tainted"]


@pytest.mark.parametrize("problem", HARM)
def test_a_damaged_arrival_is_named_with_the_way_out(project, problem):
    with Ledger.open(project.directory / LEDGER) as ledger:
        damaged = ledger.arrival(2)
    path = object_path(project.directory, "arrivals", damaged.id)
    content, before = path.read_bytes(), nights.ledger_content(project.directory)
    HARM[problem](path)
    with pytest.raises(StorageError, match=rf"^Arrival 2 .* is {problem}: restore .*{damaged.id}.* exclude .* 2`\.$"):
        project.update()
    assert nights.ledger_content(project.directory) == before
    assert [(one.kind, one.problem) for one in project.verify().damage] == [("arrivals", problem)]
    other = nights.copy(project.directory, project.directory.with_name("excluded"))
    other.exclude(2)
    assert other.update().outcome == "promoted"
    path.write_bytes(content)
    assert project.update().outcome == "promoted"


@pytest.mark.parametrize("problem", HARM)
@pytest.mark.parametrize("command", ["rehearse", "check", "add_labels"])
def test_no_command_reads_a_damaged_arrival(project, problem, command):
    project.add(nights.arrival(5).assign(y=None))
    with Ledger.open(project.directory / LEDGER) as ledger:
        damaged = ledger.arrivals()[4 if command == "add_labels" else 1]
    HARM[problem](object_path(project.directory, "arrivals", damaged.id))
    before = nights.ledger_content(project.directory), nights.files_of(project.directory)
    given = [nights.arrival(5)[["id", "y"]]] if command == "add_labels" else []
    name = rf"{damaged.number} \(the data in memory\)"
    with pytest.raises(
        StorageError, match=rf"^Arrival {name} is {problem}: restore .*{damaged.id}.* exclude .* {damaged.number}`\.$"
    ):
        getattr(project, command)(*given)
    assert (nights.ledger_content(project.directory), nights.files_of(project.directory)) == before
    project.exclude(damaged.number)
    assert project.verify().is_intact


def test_damaged_scores_are_computed_again(project, tmp_path):
    clean = nights.copy(project.directory, tmp_path / "clean")
    clean.update()
    harms = list(HARM.values())
    for index, path in enumerate(sorted(project.directory.glob("scores/*/*.npy"))):
        harms[index % 3](path)
    project.update()
    assert nights.ledger_content(project.directory) == nights.ledger_content(clean.directory)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"id": "0"}', "\x00" * 100])
def test_a_damaged_pointer_is_written_anew(project, content):
    pointer = project.directory / POINTER
    good = pointer.read_text()
    pointer.write_text(content)
    with pytest.raises(StorageError, match=r"champion.json is damaged; `warmstart retrain status"):
        project.champion()
    project.status()
    assert pointer.read_text() == good
    pointer.write_text(content)
    project.update()
    assert project.champion().id == project.status().champion.id


@pytest.mark.parametrize("harm", [lambda path: path.write_bytes(b"x" * 100 + path.read_bytes()[100:]), Path.unlink])
def test_a_damaged_ledger_is_one_sentence_and_the_champion_serves(project, harm):
    champion = project.champion().id
    harm(project.directory / LEDGER)
    for command in (project.update, project.status, project.verify, project.rollback, project.gc, project.history):
        with pytest.raises(StorageError, match="restore it from a backup"):
            command()
    with pytest.raises(StorageError, match="restore it from a backup"):
        project.add(nights.arrival(9))
    assert Retrainer(project.directory).champion().id == champion


def test_pages_of_the_ledger_that_are_damaged_are_found(project):
    path = project.directory / LEDGER
    content = bytearray(path.read_bytes())
    for page in range(4096 * 4, len(content), 4096):
        content[page : page + 64] = bytes(64)
    path.write_bytes(content)
    with pytest.raises((StorageError, InputError)):
        project.update()


def test_a_round_whose_candidate_is_damaged_is_planned_anew(project):
    from warmstart.retrain._objects import crashing_at

    with pytest.raises(KeyboardInterrupt), crashing_at("round trained"):
        project.update()
    with Ledger.open(project.directory / LEDGER) as ledger:
        candidate = ledger.models("candidate")[-1]
    truncate(object_path(project.directory, "models", candidate.id))
    done = project.update()
    assert (done.outcome, done.round) == ("promoted", 5)
    states = [(one.number, one.state) for one in project.history()]
    assert states[-2:] == [(4, "failed"), (5, "promoted")]


def test_a_round_whose_start_is_damaged_is_planned_anew(project):
    from warmstart.retrain._objects import crashing_at

    with pytest.raises(KeyboardInterrupt), crashing_at("round open"):
        project.update()
    flip(object_path(project.directory, "models", models(project)[2]))
    remove_copies(project)
    done = project.update()
    assert (done.outcome, done.round) == ("promoted", 5)
    with Ledger.open(project.directory / LEDGER) as ledger:
        assert ledger.model(done.champion).start_model == models(project)[1]
