import shutil

import numpy as np
import pytest

from projects import customers, project
from warmstart.basics import InputError, StorageError
from warmstart.retrain import Retrainer, lines_of
from warmstart.retrain._add import current_schema
from warmstart.retrain._ledger import LEDGER, AuditRow, Ledger
from warmstart.retrain._objects import crashing_at, object_path

RENAME = {"rename": {"age": "years", "customer": "id", "churned": "left"}}


@pytest.fixture(scope="session")
def trained_twice(tmp_path_factory):
    directory = tmp_path_factory.mktemp("migrate") / "project"
    return project(directory, arrivals=2, policy="warm").directory


@pytest.fixture
def shop(trained_twice, tmp_path):
    """A copy of a project of two rounds, of each test's own."""
    return Retrainer(shutil.copytree(trained_twice, tmp_path / "project"))


def opened(made):
    return Ledger.open(made.directory / LEDGER)


def arrivals(made):
    with opened(made) as ledger:
        return [(one.id, one.content, one.schema, one.state) for one in ledger.accepted_arrivals()]


def test_where_columns_are_only_renamed_models_go_on_as_if_nothing_had_happened(shop, tmp_path):
    same = Retrainer(shutil.copytree(shop.directory, tmp_path / "same"))
    same.add(customers(first=600))
    expected = same.update()
    found = shop.migrate(RENAME)
    assert (found.version, found.columns, found.arrivals, found.rows) == (2, ("years", "use", "pay"), 2, 600)
    assert (found.continues, found.notes) == (True, ())
    later = customers(first=600).rename(columns=RENAME["rename"])
    shop.add(later)
    result = shop.update()
    assert [one.model for one in result.arms] == [one.model for one in expected.arms], "bit for bit the same model"
    assert result.reason == expected.reason
    assert shop.predict(later).labels == same.predict(customers(first=600)).labels
    with pytest.raises(InputError, match="years"):
        shop.predict(customers(first=600))


def test_a_migration_of_two_arrivals_keeps_states_rows_and_scores(shop):
    before = arrivals(shop)
    with opened(shop) as ledger:
        samples = [ledger.samples(number) for number in (1, 2)]
    scores = sorted((shop.directory / "scores").rglob("*.npy"))
    contents = [path.read_bytes() for path in scores]
    shop.migrate(RENAME)
    after = arrivals(shop)
    assert [one[2:] for one in after] == [(2, "accepted")] * 2
    assert not {one[0] for one in after} & {one[0] for one in before}
    with opened(shop) as ledger:
        assert [ledger.samples(number) for number in (1, 2)] == samples
    now = sorted((shop.directory / "scores").rglob("*.npy"))
    assert sorted(path.read_bytes() for path in now) == sorted(contents)
    assert {path.stem for path in now} <= {one[0] for one in after}
    assert len(list((shop.directory / "arrivals").rglob("*.parquet"))) == 2
    assert shop.verify().is_intact


def test_the_same_rows_with_new_columns_are_the_same_arrival(shop):
    shop.migrate(RENAME)
    assert not shop.add(customers().rename(columns=RENAME["rename"])).is_new
    with pytest.raises(InputError, match="lacks years, id"):
        shop.add(customers(first=900))


def test_with_a_new_column_the_next_start_is_cold_and_beside_the_champion(shop, tmp_path):
    file = tmp_path / "map.toml"
    file.write_text('[fill]\nregion = "north"\ntax = 0.5\n')
    found = shop.migrate(file)
    assert (found.columns, found.continues) == (("age", "use", "pay", "region", "tax"), False)
    assert found.notes == ("No model has these columns, so the next start is cold.",)
    later = customers(first=600, region=["south", "north"] * 150, tax=np.linspace(0, 1, 300))
    assert len(shop.predict(later)) == 300, "the champion takes its own columns"
    shop.add(later)
    result = shop.update()
    assert [one.strategy for one in result.arms] == ["cold"]
    assert "The round starts cold: the columns are others" in "".join(result.notes)
    assert any(one.role == "champion" for one in result.arms[0].judgements)


def test_where_a_column_of_the_champion_is_dropped_candidates_are_judged_anew(shop):
    champion = shop.champion().id
    found = shop.migrate({"drop": ["pay"], "rename": {"age": "years"}})
    assert not found.continues
    assert "The champion predicts data that have its own columns" in found.notes[1]
    assert len(shop.predict(customers(first=600))) == 300, "on the old columns it still serves"
    shop.add(customers(first=600).drop(columns="pay").rename(columns={"age": "years"}))
    result = shop.update()
    assert [one.strategy for one in result.arms] == ["cold"]
    assert f"The champion {champion[:12]} cannot be compared with" in "".join(result.notes)
    assert "starts cold: the columns are others than the model was trained on: without age, pay" in "".join(
        result.notes
    )
    assert "the first model that can take these rows" in result.reason
    assert {one.role for one in result.arms[0].judgements} == {"baseline"}
    assert result.outcome == "promoted"
    assert len(shop.predict(customers(5).drop(columns="pay").rename(columns={"age": "years"}))) == 5


@pytest.mark.parametrize(
    "steps", [[{"drop": ["pay"], "fill": {"pay": "new"}}], [{"drop": ["pay"]}, {"fill": {"pay": "new"}}]]
)
def test_a_column_that_comes_back_with_another_type_is_one_that_the_models_lack(shop, steps):
    champion = shop.champion().id
    *_, found = (shop.migrate(step) for step in steps)
    assert not found.continues
    assert "The champion predicts data that have its own columns" in found.notes[1]
    assert len(shop.predict(customers(first=600))) == 300, "on the old columns it still serves"
    shop.add(customers(first=600, pay=["high", "low"] * 150))
    result = shop.update()
    assert [one.strategy for one in result.arms] == ["cold"]
    notes = "".join(result.notes)
    assert f"The champion {champion[:12]} cannot be compared with" in notes
    assert "starts cold: the column 'pay' must hold a number" in notes
    assert "the first model that can take these rows" in result.reason
    assert result.outcome == "promoted"
    # With the next arrival the watch looks at the champion before, and audits at models of both kinds.
    shop.add(customers(first=900, pay=["high", "low"] * 150))
    assert [one.strategy for one in shop.update().arms] == ["warm"]
    assert len(shop.predict(customers(5, pay="low"))) == 5


@pytest.mark.parametrize(
    "steps",
    [
        [{"drop": ["pay"]}, {"rename": {"age": "pay"}}, {"fill": {"age": 0.0}}],
        [{"drop": ["pay"], "rename": {"age": "pay"}, "fill": {"age": 0.0}}],
        [{"drop": ["pay"], "fill": {"pay": 0.0}}],
    ],
)
def test_a_column_called_as_one_that_was_dropped_is_another_one(shop, steps):
    frame = customers(first=600)
    champion, labels = shop.champion().id, shop.predict(frame).labels
    *_, found = (shop.migrate(step) for step in steps)
    assert not found.continues
    assert "The champion predicts data that have its own columns" in found.notes[1]
    assert shop.predict(frame).labels == labels, "its own columns are those that it was trained on"
    shop.add(frame.assign(**{"age": 0.0, "pay": frame["age"]} if "age" in str(steps) else {}))
    result = shop.update()
    assert [one.strategy for one in result.arms] == ["cold"]
    notes = "".join(result.notes)
    assert "starts cold: the columns are others" in notes
    assert f"The champion {champion[:12]} cannot be compared with" in notes


@pytest.mark.parametrize(("mapping", "waiting"), [({"drop": ["use"]}, ()), (RENAME, (2,))])
def test_an_audit_whose_models_need_a_dropped_column_waits_no_longer(shop, mapping, waiting):
    with opened(shop) as ledger, ledger.transaction():
        first, second = (ledger.models_of(number)[0].id for number in (1, 2))
        ledger.insert(AuditRow(2, "warm", second, first))
    assert shop.status().pending_audits == (2,)
    shop.migrate(mapping)
    assert shop.status().pending_audits == waiting


@pytest.mark.parametrize("point", ["arrivals mapped", "transaction open", "columns mapped", "object durable"])
def test_an_interrupted_migration_has_changed_everything_or_nothing(shop, point):
    before = arrivals(shop)
    with crashing_at(point), pytest.raises(KeyboardInterrupt):
        shop.migrate(RENAME)
    is_done = point == "columns mapped"
    assert (arrivals(shop) == before) is not is_done
    assert shop.verify().is_intact
    if not is_done:
        shop.migrate(RENAME)
    with opened(shop) as ledger:
        assert current_schema(ledger).version == 2
    # Of a champion whose columns were renamed the pointer says so too.
    assert len(shop.predict(customers(5).rename(columns=RENAME["rename"]))) == 5
    shop.gc()
    assert len(list((shop.directory / "arrivals").rglob("*.parquet"))) == 2


def test_a_migration_that_would_make_two_arrivals_equal_is_refused(tmp_path):
    made = project(tmp_path / "p", tables={"data": {"label": "churned", "drop": ["customer"]}})
    made.add(customers(30))
    made.add(customers(30).assign(pay=1.5))
    with pytest.raises(InputError, match="Arrivals 1 and 2 must differ"):
        made.migrate({"drop": ["pay"]})
    made.exclude(2)
    assert made.migrate({"drop": ["pay"]}).arrivals == 1


def test_with_keys_equal_arrivals_stay_apart(shop):
    """The same rows were added once more, with another value in the column that is dropped."""
    shop.add(customers(first=300).assign(pay=1.5))
    shop.migrate({"drop": ["pay"]})
    assert len({one[0] for one in arrivals(shop)}) == 3
    with opened(shop) as ledger:
        assert {one.superseded_by for one in ledger.samples(2)} == {3}
    assert shop.verify().is_intact
    shop.migrate({"rename": {"age": "years"}})
    assert len({one[0] for one in arrivals(shop)}) == 3
    assert shop.update().round == 3


def test_a_rename_keeps_rows_apart_that_were_labelled_late(shop):
    """They were delivered with labels, again without, and labelled as before: two arrivals with the same rows."""
    whole = customers(30, first=900)
    shop.add(whole)
    shop.add(whole.drop(columns="churned"))
    shop.add_labels(whole[["customer", "churned"]])
    assert shop.migrate(RENAME).arrivals == 5
    assert len({one[0] for one in arrivals(shop)}) == 5
    assert shop.verify().is_intact


@pytest.mark.parametrize("point", [None, "object durable", "arrivals mapped", "columns mapped"])
def test_an_arrival_may_become_what_an_excluded_one_was(shop, point):
    shop.exclude(2)
    shop.migrate({"fill": {"tax": 0.0}})
    shop.add(customers(first=300, tax=0.0))
    if point is not None:
        with crashing_at(point, nth=2 if point == "object durable" else 1), pytest.raises(KeyboardInterrupt):
            shop.migrate({"drop": ["tax"]})
    if point != "columns mapped":
        shop.migrate({"drop": ["tax"]})
    with opened(shop) as ledger:
        states = [(one.number, one.state, one.schema) for one in ledger.arrivals()]
        assert states == [(1, "accepted", 3), (2, "excluded", 1), (3, "accepted", 3)]
    assert shop.verify().is_intact
    assert shop.update().round == 3
    assert len(list((shop.directory / "arrivals").rglob("*.parquet"))) == 3


def test_an_arrival_may_become_what_another_one_was_until_now(tmp_path):
    made = project(tmp_path / "p", tables={"data": {"label": "churned"}})
    frame = customers(30)[["pay", "age", "churned"]]
    made.add(frame)
    made.add(frame.assign(pay=frame["age"], age=0.0))
    found = made.migrate({"drop": ["pay"], "rename": {"age": "pay"}, "fill": {"age": 0.0}})
    assert (found.columns, found.arrivals) == (("pay", "age"), 2)
    assert made.verify().is_intact


def test_what_does_not_fit_is_refused_and_changes_nothing(shop, tmp_path):
    before = arrivals(shop)
    with pytest.raises(InputError, match="did you mean 'age'"):
        shop.migrate({"rename": {"agee": "years"}})
    with pytest.raises(InputError, match="must rename, drop or fill"):
        shop.migrate({})
    with pytest.raises(InputError, match="Unknown table 'renames' of the map"):
        shop.migrate({"renames": {}})
    with pytest.raises(InputError, match="rename of the map must give each column a name"):
        shop.migrate({"rename": {"age": "__label__"}})
    (tmp_path / "map.toml").write_text("[fill]\ntax = inf\n")
    with pytest.raises(InputError, match=r"fill of .*map.toml must hold finite 32-bit numbers, but 'tax' is inf"):
        shop.migrate(tmp_path / "map.toml")
    with pytest.raises(InputError, match="cannot be read"):
        shop.migrate(tmp_path / "missing.toml")
    with pytest.raises(InputError, match="There must be an arrival"):
        project(tmp_path / "p").migrate(RENAME)
    with opened(shop) as ledger:
        path = object_path(shop.directory, "arrivals", ledger.arrival(2).id)
    path.unlink()
    with pytest.raises(StorageError, match="Arrival 2 is missing, so nothing is mapped"):
        shop.migrate(RENAME)
    assert arrivals(shop) == before


def test_forgetting_reaches_arrivals_that_were_mapped(shop):
    shop.migrate(RENAME)
    found = shop.forget(["customer-7"])
    assert found.rows == 1
    assert lines_of(shop.migrate({"drop": ["pay"]}))[0] == "Mapped 2 arrivals with 599 rows: schema 3."
    with opened(shop) as ledger:
        assert [one.state for one in ledger.accepted_arrivals()] == ["rewritten", "accepted"]
