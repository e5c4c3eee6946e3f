"""Messages of a project are sent in order, at least once, whatever happens in between."""

import threading

import pytest

import nights
from warmstart.basics import InputError, StorageError
from warmstart.retrain import Message, Retrainer, deliver, load_champion, read_report_data
from warmstart.retrain._ledger import LEDGER, Ledger
from warmstart.retrain._lock import LockedError


@pytest.fixture(scope="module")
def two_rounds(tmp_path_factory):
    project = nights.project(tmp_path_factory.mktemp("nights") / "shop")
    for number in (1, 2):
        project.add(nights.arrival(number))
        project.update()
    return project.directory


@pytest.fixture
def shop(two_rounds, tmp_path):
    return nights.copy(two_rounds, tmp_path / "shop")


def test_every_round_is_sent_once_and_in_order(shop):
    sent = []
    found = deliver(shop.directory, sent.append)
    assert [(one.round, one.kind) for one in sent] == [(1, "round"), (2, "round")]
    assert found == tuple(sent)
    assert [one.payload["outcome"] for one in sent] == [
        "promoted" if row.state == "promoted" else "kept" for row in shop.history()
    ]
    assert shop.status().unsent == 0
    assert deliver(shop.directory, sent.append) == ()
    assert len(sent) == 2


def test_a_message_that_cannot_be_sent_stays_and_those_before_it_do_not(shop):
    sent = []

    def send(message):
        sent.append(message.id)
        if message.round == 2 and len(sent) == 2:
            raise ConnectionError("the server is away")

    with pytest.raises(ConnectionError):
        deliver(shop.directory, send)
    assert shop.status().unsent == 1
    deliver(shop.directory, send)
    # The repetition has the id by which the receiver knows it.
    assert sent[1] == sent[2] != sent[0]
    assert shop.status().unsent == 0


def test_messages_of_two_projects_are_never_the_same(shop, tmp_path):
    other = nights.project(tmp_path / "other")
    other.add(nights.arrival(1))
    other.update()
    ids = [message.id for place in (shop, other) for message in deliver(place.directory, lambda _: None)]
    assert len(ids) == len(set(ids)) == 3


def test_rounds_go_on_while_messages_are_sent_and_a_second_delivery_is_refused(shop):
    begun, may_end = threading.Event(), threading.Event()

    def slow(message: Message):
        begun.set()
        assert may_end.wait(60)

    sender = threading.Thread(target=deliver, args=(shop.directory, slow))
    sender.start()
    try:
        assert begun.wait(60)
        with pytest.raises(LockedError, match=r"\(send\)"):
            deliver(shop.directory, slow)
        assert shop.add(nights.arrival(3, 30)).is_new
    finally:
        may_end.set()
        sender.join()
    assert shop.status().unsent == 0


def test_what_is_no_project_has_no_messages(tmp_path):
    with pytest.raises(InputError, match="must be the folder of a retraining project"):
        deliver(tmp_path, print)


def test_a_project_is_made_twice_alike_with_the_same_salt(tmp_path):
    sides = []
    for name, salt in (("a", "one"), ("b", "one"), ("c", "another")):
        made = Retrainer.create(tmp_path / name, tables=nights.TABLES, salt=salt)
        made.add(nights.arrival(1, 60))
        with Ledger.open(made.directory / LEDGER) as ledger:
            sides.append([row.side for row in ledger.samples(1)])
    assert sides[0] == sides[1] != sides[2]


def test_the_latest_model_predicts_whether_or_not_it_serves(shop, tmp_path):
    served = shop.champion()
    assert shop.latest().id == served.id
    strict = nights.project(tmp_path / "strict")
    with pytest.raises(InputError, match="none that could be continued"):
        strict.latest()
    # A label that has nothing to do with the inputs: the first model does not beat the majority.
    frame = nights.arrival(1)
    frame["y"] = frame["y"].sample(frac=1, random_state=0).to_numpy()
    strict.add(frame)
    assert strict.update().champion is None
    assert strict.latest().round == 1
    assert set(strict.latest().predict(frame).labels) <= {"no", "yes"}


def test_any_model_whose_file_is_there_can_be_exported(shop, tmp_path):
    first = shop.history()[0].models[0]
    exported = shop.export(tmp_path / "first", model=first.id)
    assert (exported.model, exported.round) == (first.id, 1)
    found = load_champion(tmp_path / "first")
    assert found.id == first.id
    with pytest.raises(InputError, match="must be the id of a model whose file is there, got 0123, which is unknown"):
        shop.export(tmp_path / "none", model="0123")


def test_a_model_that_was_damaged_is_not_exported(shop, tmp_path):
    first = shop.history()[0].models[0].id
    path = shop.directory / "models" / first[:2] / f"{first}.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(StorageError, match="The model's file is"):
        shop.export(tmp_path / "damaged", model=first)
    assert not (tmp_path / "damaged").exists()


def test_the_report_has_the_scores_of_candidates_and_of_the_champion_before(shop):
    first, second = read_report_data(shop.directory).rounds
    assert first.held_out_before is None
    assert second.held_out_before is not None
    assert all(0 <= model.held_out.mean <= 1 for one in (first, second) for model in one.models)
    if second.row.state == "promoted":
        chosen = next(model for model in second.models if model.id == second.row.champion_after)
        assert chosen.held_out == second.held_out
