import re
from collections import Counter
from importlib.resources import files

import pytest

from warmstart.basics import InputError
from warmstart.paper import Source, known_experiments
from warmstart.paper.kit.published import Known, Number, all_numbers, parse_numbers, published, published_number
from warmstart.paper.kit.tables import published_text

QUANTITIES = (
    "accuracy",
    "train accuracy",
    "difference",
    "relative difference",
    "seconds",
    "gradient norm",
    "batches",
    "epochs",
)
TABLE = "Kireev et al., CS-433 project repository, tables/table1.tex"
ARMS = ("cold", "warm")
SOURCES = {
    Source.PAPER: r"Figure \d|Table 1|Appendix, Table [34]|released code|Figure 4; inferred: its axis is relative",
    Source.REPRODUCTION: rf"Kireev et al\. 2021(, Table [12])?|{TABLE}",
}
ENTRY = """
[[number]]
experiment = "{experiment}"
by = "{by}"
facets = {{ data = "cifar10", arm = "{arm}" }}
quantity = "{quantity}"
value = {value}
deviation = {deviation}
known = "{known}"
source = "{source}"
"""
ENTRY_DEFAULTS = {
    "experiment": "table-1",
    "by": "paper",
    "arm": "cold",
    "quantity": "accuracy",
    "value": 0.5,
    "deviation": 0.01,
    "known": "table",
    "source": "Table 1",
}


def entry(**changes):
    return ENTRY.format(**{**ENTRY_DEFAULTS, **changes})


def everything():
    experiments = [*known_experiments(), "calibration"]
    return [
        number for experiment in experiments for quantity in QUANTITIES for number in published(experiment, quantity)
    ]


def resnet(data, optimizer, arm):
    return {"data": data, "model": "resnet18", "optimizer": optimizer, "arm": arm}


@pytest.mark.parametrize(
    ("experiment", "facets", "percent", "deviation", "known"),
    [
        ("two-phase", {"arm": "cold"}, 62, None, "figure"),
        ("two-phase", {"arm": "warm"}, 57, None, "figure"),
        ("two-phase", {"round": 1, "epoch": 75}, 55, None, "figure"),
        ("table-1", resnet("cifar10", "sgd", "cold"), 56.2, 1.0, "table"),
        ("table-1", resnet("cifar10", "sgd", "warm"), 51.7, 0.9, "table"),
        ("table-1", {**resnet("svhn", "adam", "warm"), "model": "mlp"}, 69.4, 0.6, "table"),
        ("table-1", {**resnet("svhn", "adam", "cold"), "model": "logistic"}, 22.4, 1.3, "table"),
        ("table-1", {**resnet("cifar100", "sgd", "cold"), "model": "logistic"}, 16.9, 0.18, "table"),
        ("table-1", {**resnet("cifar100", "sgd", "warm"), "model": "mlp"}, 9.4, 0.0, "table"),
        ("table-1", resnet("cifar100", "adam", "warm"), 35.0, 1.2, "table"),
        ("calibration", {"arm": "cold", "trial": 3}, 50.3, None, "code"),
        ("calibration", {"arm": "warm", "trial": 1}, 42.7, None, "code"),
        ("online", {"arm": "warm", "samples": 34_000}, 63, None, "figure"),
        ("transfer", {"source": "svhn", "data": "cifar10", "arm": "shrink-perturb"}, 79.5, None, "figure"),
        ("transfer", {"source": "svhn", "data": "cifar100", "arm": "cold"}, 48, None, "figure"),
        ("transfer", {"source": "cifar100", "data": "cifar10", "arm": "cold", "fraction": 0.04}, 38, None, "figure"),
        ("sweep", {"arm": "cold", "seconds": 600}, 78.5, None, "figure"),
        ("sweep", {"arm": "warm", "seconds": 100}, 77, None, "figure"),
        ("regularization", {"penalty": "l2", "strength": 0.1, "arm": "warm"}, 63.9, 6.4, "table"),
        ("regularization", {"penalty": "adversarial", "strength": 1e-4, "arm": "cold"}, 55.6, 0.9, "table"),
        ("regularization", {"penalty": "confidence", "strength": 1e-2, "arm": "warm"}, 50.0, 3.8, "table"),
        ("noise", {"arm": "warm", "noise": 0.01}, 54.4, 0.9, "transcription"),
        ("noise", {"arm": "warm", "noise": 1e-5}, 49.9, 1.6, "transcription"),
        ("noise", {"arm": "cold"}, 55.2, None, "transcription"),
        ("shrink-online", {"shrink": 0.8}, 74, None, "figure"),
        ("shrink-online", {"arm": "warm"}, 65, None, "figure"),
        ("shrink-online", {"shrink": 0}, 76, None, "figure"),
    ],
)
def test_accuracies_are_those_of_the_paper(experiment, facets, percent, deviation, known):
    number = published_number(experiment, by=Source.PAPER, **facets)
    assert number.value == pytest.approx(percent / 100, rel=1e-12)
    assert number.deviation == (None if deviation is None else pytest.approx(deviation / 100, rel=1e-12))
    assert number.known is Known(known)


@pytest.mark.parametrize(
    ("experiment", "quantity", "facets", "value"),
    [
        ("two-phase", "train accuracy", {"arm": "warm"}, 1.0),
        ("online", "seconds", {"arm": "cold"}, 520),
        ("online", "seconds", {"arm": "warm", "end": "low"}, 30),
        ("online", "seconds", {"arm": "warm", "end": "high"}, 60),
        ("pretraining", "relative difference", {"epochs": 25}, 0.0),
        ("pretraining", "relative difference", {"epochs": 80}, -0.04),
        ("pretraining", "relative difference", {"epochs": 120, "end": "high"}, -0.07),
        ("pretraining", "epochs", {"end": "high"}, 30),
        ("pretraining", "epochs", {"by": Source.REPRODUCTION}, 20),
        ("gradients", "gradient norm", {"arm": "warm", "part": "new"}, 150),
        ("gradients", "gradient norm", {"arm": "warm", "part": "old", "end": "high"}, 20),
        ("gradients", "gradient norm", {"shrink": 0.9, "part": "new", "step": 0}, 140),
        ("gradients", "gradient norm", {"shrink": 0.9, "part": "old", "step": 0}, 85),
        ("gradients", "gradient norm", {"shrink": 0.3, "part": "old"}, 45),
        ("gradients", "batches", {"arm": "warm"}, 12_000),
        ("noise", "seconds", {"noise": 0.01}, 165.3 * 60),
        ("noise", "seconds", {"noise": 1e-4}, 16.5 * 60),
        ("noise", "seconds", {"noise": 0}, 13.6 * 60),
        ("noise", "seconds", {"arm": "cold"}, 34 * 60),
        ("shrink-online", "seconds", {"shrink": 0.4}, 250),
        ("shrink-online", "seconds", {"arm": "cold"}, 458),
    ],
)
def test_other_quantities_are_those_of_the_paper(experiment, quantity, facets, value):
    assert published_number(experiment, quantity, **facets).value == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("experiment", "facets", "percent"),
    [
        ("table-1", resnet("svhn", "sgd", "warm"), 86.3),
        ("table-1", resnet("svhn", "adam", "cold"), 92.4),
        ("table-1", resnet("cifar10", "sgd", "cold"), 60.3),
        ("table-1", resnet("cifar10", "adam", "warm"), 79.0),
        ("table-1", resnet("cifar100", "adam", "cold"), 48.8),
        ("table-1", {**resnet("svhn", "sgd", "cold"), "model": "mlp", "learning_rate": 0.005}, 72.7),
        ("table-1", {**resnet("svhn", "sgd", "warm"), "model": "mlp"}, 67.3),
        ("regularization", {"weight_decay": 0.1, "arm": "cold"}, 81.44),
        ("regularization", {"weight_decay": 0.1, "arm": "warm", "optimizer": "sgd"}, 81.16),
        ("regularization", {"weight_decay": 0.01, "arm": "cold"}, 62.73),
        ("regularization", {"weight_decay": 0.01, "arm": "warm"}, 61.22),
        ("regularization", {"weight_decay": 0.001, "arm": "cold"}, 60.42),
        ("regularization", {"weight_decay": 0.001, "arm": "warm"}, 58.63),
    ],
)
def test_the_reproduction_is_kept_apart(experiment, facets, percent):
    number = published_number(experiment, by=Source.REPRODUCTION, **facets)
    assert number.by is Source.REPRODUCTION
    assert number.value == pytest.approx(percent / 100, rel=1e-12)


@pytest.mark.parametrize(
    ("data", "model", "optimizer", "cold", "warm"),
    [
        ("cifar10", "resnet18", "sgd", (60.3, 0.1), (57.8, 0.4)),
        ("cifar10", "resnet18", "adam", (80.3, 0.1), (79.0, 0.1)),
        ("cifar10", "mlp", "sgd", (38.2, 0.2), (38.5, 0.3)),
        ("cifar10", "mlp", "adam", (46.5, 0.2), (46.0, 0.3)),
        ("cifar100", "resnet18", "sgd", (30.5, 0.3), (27.6, 0.5)),
        ("cifar100", "resnet18", "adam", (48.8, 0.2), (46.1, 0.2)),
        ("cifar100", "mlp", "sgd", (5.1, 0.2), (5.1, 0.3)),
        ("cifar100", "mlp", "adam", (19.5, 0.3), (18.6, 0.1)),
        ("svhn", "resnet18", "sgd", (84.7, 0.1), (86.3, 0.4)),
        ("svhn", "resnet18", "adam", (92.4, 0.2), (93.2, 0.2)),
        ("svhn", "mlp", "sgd", (72.7, 1.0), (67.3, 1.7)),
        ("svhn", "mlp", "adam", (72.2, 0.8), (72.5, 0.5)),
        ("cifar10", "logistic", "sgd", (39.8, 0.1), (39.7, 0.2)),
        ("cifar10", "logistic", "adam", (35.6, 0.3), (35.2, 0.3)),
        ("svhn", "logistic", "sgd", (19.8, 0.6), (19.8, 0.4)),
        ("svhn", "logistic", "adam", (24.2, 0.9), (24.4, 0.8)),
        ("cifar100", "logistic", "sgd", (16.6, 0.2), (16.5, 0.1)),
        ("cifar100", "logistic", "adam", (12.6, 0.2), (12.2, 0.1)),
    ],
)
def test_the_reproductions_deviations_are_its_standard_errors_times_the_root_of_five(
    data, model, optimizer, cold, warm
):
    for arm, (percent, error) in (("cold", cold), ("warm", warm)):
        number = published_number(
            "table-1", by=Source.REPRODUCTION, data=data, model=model, optimizer=optimizer, arm=arm
        )
        assert number.value == pytest.approx(percent / 100, rel=1e-12)
        # Two digits are kept.
        assert number.deviation == pytest.approx(error / 100 * 5**0.5, rel=0.035)
        assert number.known is Known.TABLE


def test_a_deviation_has_the_unit_of_its_value():
    mlp = {"model": "mlp", "optimizer": "sgd", "arm": "cold"}
    assert published_text("table-1", by=Source.REPRODUCTION, data="cifar10", **mlp) == "38.2 (sd 0.45)"
    assert published_text("table-1", by=Source.REPRODUCTION, data="svhn", **mlp) == "72.7 (sd 2.2)"


def test_each_experiment_has_as_many_numbers_as_were_published():
    # Table 1: 3 data sets x 2 arms x 6 columns; Table 3 of the appendix: 3 penalties x 2 arms x 4 strengths.
    counts = Counter((number.experiment, number.by.value, number.quantity) for number in everything())
    assert counts == {
        ("two-phase", "paper", "accuracy"): 4,
        ("two-phase", "paper", "train accuracy"): 3,
        ("table-1", "paper", "accuracy"): 36,
        ("table-1", "reproduction", "accuracy"): 36,
        ("calibration", "paper", "accuracy"): 6,
        ("online", "paper", "accuracy"): 2,
        ("online", "paper", "seconds"): 3,
        ("transfer", "paper", "accuracy"): 21,
        ("sweep", "paper", "accuracy"): 4,
        ("pretraining", "paper", "relative difference"): 6,
        ("pretraining", "paper", "epochs"): 2,
        ("pretraining", "reproduction", "epochs"): 1,
        ("gradients", "paper", "gradient norm"): 11,
        ("gradients", "paper", "batches"): 1,
        ("regularization", "paper", "accuracy"): 24,
        ("regularization", "reproduction", "accuracy"): 6,
        ("noise", "paper", "accuracy"): 6,
        ("noise", "paper", "seconds"): 6,
        ("shrink-online", "paper", "accuracy"): 6,
        ("shrink-online", "paper", "seconds"): 6,
    }


def test_every_quantity_is_used_by_an_experiment():
    text = files("warmstart.paper.kit").joinpath("published.toml").read_text(encoding="utf-8")
    assert len(parse_numbers(text)) == len(everything())


def test_every_number_has_a_source_that_exists():
    for number in everything():
        assert re.fullmatch(SOURCES[number.by], number.source), number


def test_a_range_that_only_a_figure_shows_is_not_said_to_be_printed():
    for number in everything():
        assert (number.known is Known.FIGURE) == ("Figure" in number.source)


def test_the_relative_difference_is_that_of_table_1():
    # The inference that the axis is relative rests on this: the figure's plateau lies between -8 and -7.
    cold, warm = (published_number("table-1", by=Source.PAPER, **resnet("cifar10", "sgd", arm)).value for arm in ARMS)
    low = published_number("pretraining", "relative difference", epochs=120, end="low").value
    assert (warm - cold) / cold == pytest.approx(low, abs=0.001)
    assert warm - cold == pytest.approx(-0.045)


def test_facets_use_few_words():
    words = {
        "data": {"cifar10", "cifar100", "svhn"},
        "source": {"cifar10", "cifar100", "svhn"},
        "model": {"resnet18", "mlp", "logistic"},
        "optimizer": {"sgd", "adam"},
        "arm": {"cold", "warm", "shrink-perturb"},
        "part": {"old", "new"},
        "penalty": {"l2", "adversarial", "confidence"},
        "end": {"low", "high"},
    }
    for number in everything():
        for name, value in number.facets.items():
            assert isinstance(value, int | float) if name not in words else value in words[name]


def test_every_shrink_perturb_of_the_table_has_its_time():
    shrinks = {quantity: [n.facets["shrink"] for n in published("shrink-online", quantity)] for quantity in QUANTITIES}
    assert shrinks["accuracy"] == shrinks["seconds"] == [1, 0.8, 0.6, 0.4, 0.2, 0]


def test_warm_is_worse_in_every_column_of_table_1_but_for_one_tie():
    gaps = {}
    for cold in published("table-1", by=Source.PAPER, arm="cold"):
        warm = published_number("table-1", by=Source.PAPER, **{**cold.facets, "arm": "warm"})
        gaps[cold.facets["data"], cold.facets["model"], cold.facets["optimizer"]] = cold.value - warm.value
    assert gaps.pop(("svhn", "logistic", "sgd")) == 0
    assert len(gaps) == 17
    assert min(gaps.values()) > 0


@pytest.mark.parametrize(
    ("experiment", "quantity", "facets"),
    [
        ("online", "seconds", {"arm": "warm"}),
        ("pretraining", "relative difference", {"epochs": 120}),
        ("pretraining", "epochs", {}),
        ("gradients", "gradient norm", {"arm": "warm", "part": "old"}),
    ],
)
def test_the_ends_of_a_range_come_in_order(experiment, quantity, facets):
    low, high = (published_number(experiment, quantity, end=end, **facets) for end in ("low", "high"))
    assert low.value < high.value


def test_unknown_settings_have_no_number():
    assert published("shrink-grid") == []
    assert published_number("table-1", "seconds", arm="warm") is None
    assert published("online", arm="warm", optimizer="sgd") == []


def test_a_facet_that_a_number_lacks_does_not_match():
    assert published_number("noise", arm="cold", noise=0) is None


def test_an_ambiguous_query_names_the_facets_that_differ():
    with pytest.raises(InputError, match=r"one accuracy of table-1, got 2 that differ in by\.$"):
        published_number("table-1", **resnet("cifar10", "sgd", "warm"))
    with pytest.raises(InputError, match=r"got 6 that differ in arm, shrink\.$"):
        published_number("shrink-online")


@pytest.mark.parametrize("ask", [published, published_number])
def test_unknown_authors_are_refused(ask):
    with pytest.raises(InputError, match="Unknown by 'papers': did you mean 'paper'"):
        ask("table-1", by="papers")


def test_every_number_belongs_to_an_experiment_that_there_is():
    assert {number.experiment for number in all_numbers()} <= {*known_experiments(), "calibration"}


def test_a_caller_cannot_change_the_cached_numbers():
    published("online").clear()
    with pytest.raises(TypeError):
        published("online")[0].facets["arm"] = "warm"
    assert [number.facets["arm"] for number in published("online")] == ["cold", "warm"]


def test_a_text_is_read_in_order():
    first, second = parse_numbers(entry() + entry(arm="warm", value=1))
    assert first == Number(
        "table-1", Source.PAPER, {"data": "cifar10", "arm": "cold"}, "accuracy", 0.5, 0.01, Known.TABLE, "Table 1"
    )
    assert (second.facets["arm"], second.value) == ("warm", 1.0)


def test_a_setting_has_one_number():
    twice = entry() + entry(value=0.6)
    with pytest.raises(InputError, match=r"got 2 of table-1, accuracy, by paper: \{'arm': 'cold', 'data': 'cifar10'\}"):
        parse_numbers(twice)


@pytest.mark.parametrize("other", [{"by": "reproduction"}, {"quantity": "seconds"}, {"experiment": "online"}])
def test_settings_that_differ_in_anything_are_two(other):
    assert len(parse_numbers(entry() + entry(**other))) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"value": 56.2}, r"accuracy of table-1 must lie in \[0, 1\], got 56.2"),
        ({"value": -0.1}, r"accuracy of table-1 must lie in \[0, 1\], got -0.1"),
        ({"quantity": "train accuracy", "value": 1.1}, r"train accuracy of table-1 must lie in \[0, 1\]"),
        ({"quantity": "difference", "value": -2}, r"difference of table-1 must lie in \[-1, 1\], got -2"),
        ({"quantity": "seconds", "value": -1}, r"seconds of table-1 must lie in \[0, inf\), got -1"),
        ({"quantity": "seconds", "value": "nan"}, r"seconds of table-1 must lie in \[0, inf\), got nan"),
        ({"deviation": -0.1}, r"deviation of table-1 must lie in \[0, inf\), got -0.1"),
        ({"source": " "}, "source of table-1 must say where the number stands, got an empty text"),
        ({"known": "hearsay"}, "Unknown known 'hearsay'"),
        ({"by": "theirs"}, "Unknown by 'theirs'"),
        ({"by": "ours"}, "by must be 'paper' or 'reproduction', got 'ours'"),
    ],
)
def test_impossible_numbers_are_rejected(change, message):
    with pytest.raises(InputError, match=message):
        parse_numbers(entry(**change))


def test_a_negative_difference_is_a_number():
    assert parse_numbers(entry(quantity="difference", value=-0.5))[0].value == -0.5
