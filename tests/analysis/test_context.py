import pytest

from warmstart.analysis._context import class_shares, context_of
from warmstart.basics import ACCURACY, METRICS, Metric
from warmstart.statistics import Estimate

TWO = {"classes": ["yes", "no"], "class_counts": {"yes": 270, "no": 730}}


def level(value):
    return Estimate(value, None, None, n=1)


def classes(counts):
    return context_of({"class_counts": counts}, {}, ACCURACY, "accuracy")


@pytest.mark.parametrize(
    ("data", "shares"),
    [
        (TWO, {"no": 0.73, "yes": 0.27}),
        ({"classes": ["a", "b"], "class_counts": [1, 3]}, {"b": 0.75, "a": 0.25}),
        ({"classes": ["a", "b"]}, {}),
        ({"class_counts": {"a": 0, "b": 0}}, {}),
        ({}, {}),
    ],
)
def test_shares_begin_with_the_largest_class(data, shares):
    assert class_shares(data) == shares
    assert list(class_shares(data)) == list(shares)


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        ({"yes": 27, "no": 73}, "2 classes: no 73 %, yes 27 %."),
        ({"rare": 1, "usual": 149}, "2 classes: usual 99.3 %, rare 0.7 %."),
        (dict.fromkeys("abcde", 5), "5 classes of 20 % each."),
        ({"a": 30, "b": 25, "c": 20, "d": 15, "e": 10}, "5 classes, from 'a' with 30 % down to 'e' with 10 %."),
    ],
)
def test_classes_are_named_with_their_shares_or_the_largest_and_the_smallest(counts, sentence):
    assert classes(counts) == (sentence,)


def test_a_description_that_has_the_classes_is_not_repeated():
    data = {**TWO, "description": "1,000 rows, 3 features, 2 classes: no 73 %, yes 27 %"}
    assert context_of(data, {}, ACCURACY, "accuracy") == ("1,000 rows, 3 features, 2 classes: no 73 %, yes 27 %.",)
    bare = {**TWO, "description": "1,000 rows"}
    assert context_of(bare, {}, ACCURACY, "accuracy") == ("1,000 rows.", "2 classes: no 73 %, yes 27 %.")


def test_baselines_are_said_in_the_compared_metric():
    baselines = {
        "majority": {"accuracy": level(0.731), "loss": level(0.58)},
        "persistence": {"accuracy": level(0.852), "loss": level(None)},
    }
    assert context_of(TWO, baselines, ACCURACY, "accuracy")[1] == (
        "Always predicting 'no' (73 % of the samples) has an accuracy of 73.1 %; repeating the target of the sample "
        "before (persistence) has 85.2 %."
    )
    assert context_of(TWO, baselines, METRICS["loss"], "loss")[1] == (
        "Always predicting the shares of the classes has a log loss of 0.580 nats."
    )
    assert len(context_of(TWO, baselines, METRICS["auc"], "auc")) == 1


def test_a_mean_is_a_baseline_of_numbers():
    rmse = Metric("rmse", "°C", higher_is_better=False)
    found = context_of({}, {"mean": {"rmse": level(4.25)}, "own": {"rmse": level(5.0)}}, rmse, "rmse")
    assert found == ("Always predicting the mean has an rmse of 4.25 °C; own has 5.00 °C.",)


def test_of_classes_of_about_one_size_none_is_named():
    even = {"class_counts": {"a": 51, "b": 49}}
    found = context_of(even, {"majority": {"accuracy": level(0.49)}}, ACCURACY, "accuracy")
    assert found[1] == "Always predicting the largest class (51 % of the samples) has an accuracy of 49.0 %."
