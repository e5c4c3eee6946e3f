import pytest

from warmstart.basics import ACCURACY, METRICS, InputError, Metric, metric_named, recall_of

RMSE = Metric("rmse", "°C", higher_is_better=False)


@pytest.mark.parametrize("name", ["", None, 3])
def test_a_metric_without_a_name_is_refused(name):
    with pytest.raises(InputError, match=r"name must be a text that is not empty, got .*\.$"):
        Metric(name)


@pytest.mark.parametrize(
    ("metric", "value", "spread", "text"),
    [
        (ACCURACY, 0.9123, None, "91.2 %"),
        (ACCURACY, 0.9123, 0.00001, "91.2 %"),
        (ACCURACY, 1.0, 0.2, "100.0 %"),
        (RMSE, 1.23456, None, "1.23 °C"),
        (RMSE, 1.23456, 0.3, "1.2 °C"),
        (RMSE, 1.23456, 0.029, "1.235 °C"),
        (RMSE, 1.23456, 1e-17, "1.2346 °C"),
        (RMSE, 0.0, 0.004, "0.000 °C"),
        (RMSE, 0.0, None, "0.00 °C"),
        (Metric("mae", "dollars"), 123456.7, 900.0, "123,457 dollars"),
        (Metric("nll"), -0.05678, None, "-0.0568"),
    ],
)
def test_a_score_has_the_digits_that_its_spread_allows(metric, value, spread, text):
    assert metric.text(value, spread=spread) == text


def test_differences_of_shares_are_points():
    assert ACCURACY.text(-0.012, difference=True) == "-1.2 points"
    assert RMSE.text(-0.012, difference=True) == "-0.0120 °C"


@pytest.mark.parametrize(("metric", "difference", "better"), [(ACCURACY, 0.1, True), (RMSE, 0.1, False)])
def test_the_direction_decides_which_is_better(metric, difference, better):
    assert metric.is_better(difference) is better
    assert metric.is_better(-difference) is not better
    assert not metric.is_better(0.0)


@pytest.mark.parametrize("key", METRICS)
@pytest.mark.parametrize("between", ["_", "-", " ", " - "])
def test_a_metric_is_found_by_its_key_and_by_its_name(key, between):
    for name in (key, METRICS[key].name):
        for text in (name, name.upper()):
            assert metric_named(text.replace("_", between).replace(" ", between)) == (key, METRICS[key])


@pytest.mark.parametrize("text", ["recall:No show", "recall: No show", "Recall :  No show ", "recall_:No show"])
def test_a_recall_is_named_by_its_class(text):
    assert metric_named(text) == recall_of("No show") == ("recall: No show", Metric("recall of No show", "%"))


def test_a_class_may_have_any_name():
    assert metric_named("recall:a:b-c_D")[0] == "recall: a:b-c_D"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("balanced", "did you mean 'balanced-accuracy'"),
        ("f1", "Known: accuracy, balanced-accuracy, loss, auc, rmse, mae, r2, churn, negative-flips, recall:CLASS"),
        ("recall", "did you mean 'recall:CLASS'"),
        ("recall: ", "did you mean 'recall:CLASS'"),
        ("accuracy:yes", "did you mean 'accuracy'"),
        ("", "Unknown metric ''"),
    ],
)
def test_an_unknown_metric_is_refused_with_the_nearest_name(text, hint):
    with pytest.raises(InputError, match=r"^Unknown metric") as caught:
        metric_named(text)
    assert hint in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", METRICS)
def test_shares_are_percentages_and_errors_are_better_when_low(key):
    metric = METRICS[key]
    assert metric.higher_is_better is (key not in ("loss", "rmse", "mae", "churn", "negative_flips"))
    assert (metric.unit == "%") is (key in ("accuracy", "balanced_accuracy", "churn", "negative_flips"))
    assert metric.text(0.5).endswith(metric.unit)
