"""The finished rounds as columns over seeds."""

from dataclasses import replace

import pytest

from warmstart.analysis import SeedTable
from warmstart.analysis._summary import summarize
from warmstart.store import RoundRecord, StudyRecords

RECORD = RoundRecord("cold", 0, 1, 10, 10, 0.5, {"loss": 1.5}, 0.99, "converged", 3, 6, 30, None, 1e6, 0.25)
LAST = {0: 5, 1: 3, 4: 5}
RECORDS = [
    replace(RECORD, arm=arm, seed=seed, round=number, seconds=0.1 * seed + 0.3**number, steps=number)
    for arm in ("cold", "warm")
    for seed, last in LAST.items()
    for number in range(1, last + 1)
    if (seed, number) != (4, 2)
]


@pytest.mark.parametrize("number", [5, 1, 2, 4])
@pytest.mark.parametrize("cost", ["steps", "seconds"])
def test_totals_are_the_sums_of_all_rounds_where_none_is_missing(number, cost):
    table = SeedTable.of(RECORDS)

    def total(seed):
        rounds = [r for r in RECORDS if (r.arm, r.seed) == ("warm", seed) and r.round <= number]
        return sum(getattr(record, cost) for record in rounds) if len(rounds) == number else None

    assert table.totals("warm", number, cost) == [total(seed) for seed in (0, 1, 4)]
    assert table.totals("warm", number, cost) == table.totals("warm", number, cost)


def test_an_arm_has_its_rounds_and_an_unknown_one_none():
    table = SeedTable.of(RECORDS)
    assert table.arm("warm") == [record for record in RECORDS if record.arm == "warm"]
    assert table.arm("other") == []


def test_a_summary_reads_as_many_columns_for_each_round_however_many_there_are(monkeypatch):
    column, read = SeedTable.column, []
    monkeypatch.setattr(SeedTable, "column", lambda *arguments: read.append(arguments) or column(*arguments))

    def reads(rounds):
        read.clear()
        records = [replace(RECORD, arm=arm, round=n + 1) for arm in ("cold", "warm") for n in range(rounds)]
        summarize(StudyRecords({}, ("cold", "warm"), rounds, 1, tuple(records), {}, {}))
        return len(read)

    few, more, many = reads(10), reads(20), reads(30)
    assert many - more == more - few
