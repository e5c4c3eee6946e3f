"""The estimators keep what scikit-learn asks of one, and what a retraining project promises."""

import copy
import pickle
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.base import clone
from sklearn.datasets import make_blobs, make_regression
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import nights
from warmstart.basics import InputError
from warmstart.integrations import RetrainingClassifier, RetrainingRegressor
from warmstart.retrain import Retrainer

QUICK = {"stop": {"max_epochs": 10}, "recipe": {"learning_rate": 0.02, "batch_size": 32}}
NOT_SERVED = "ignore:No model has passed the gate yet"
_BY_CONTENT = "which rows are held out follows from their bytes, which differ between a frame and an array of it"
FAILING = {
    "check_classifier_data_not_an_array": _BY_CONTENT,
    "check_regressor_data_not_an_array": _BY_CONTENT,
}
pytestmark = pytest.mark.filterwarnings(NOT_SERVED)


def estimator(**options):
    return RetrainingClassifier(**{"tables": QUICK, "model": "mlp:width=16", **options})


@pytest.fixture(scope="module")
def blobs():
    return make_blobs(500, centers=[[-3, 0], [3, 0]], random_state=0)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks(
    [
        RetrainingClassifier(tables={"stop": {"max_epochs": 30}}),
        RetrainingRegressor(tables={"stop": {"max_epochs": 30}}),
    ],
    expected_failed_checks=lambda _: FAILING,
)
def test_what_scikit_learn_asks_of_an_estimator(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the checks themselves do things that are warned of
        check(estimator)


def test_a_project_is_begun_and_continued(blobs):
    inputs, labels = blobs
    model = estimator()
    assert model.fit(inputs[:300], labels[:300]) is model
    assert (model.result_.outcome, model.champion_) == ("promoted", model.history_[0].models[0].id)
    assert model.partial_fit(inputs[300:], labels[300:]) is model
    assert [row.number for row in model.history_] == [1, 2]
    assert model.score(inputs, labels) > 0.95
    assert model.predict_proba(inputs).sum(1) == pytest.approx(np.ones(len(inputs)))
    assert (model.predict(inputs) == model.classes_[model.predict_proba(inputs).argmax(1)]).all()
    # The same samples again are no arrival.
    model.partial_fit(inputs[300:], labels[300:])
    assert (model.result_.outcome, len(model.history_)) == ("nothing new", 2)
    # And fit forgets all of it.
    first = model.directory_
    model.fit(inputs[:300], labels[:300])
    assert len(model.history_) == 1
    assert not first.exists()


def test_a_temporary_folder_goes_with_its_object(blobs):
    model = estimator().fit(*blobs)
    folder = model.directory_
    assert (folder / "project.toml").exists()
    del model
    assert not folder.exists()


@pytest.mark.parametrize("again", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_has_a_folder_of_its_own(again, blobs):
    inputs, labels = blobs
    model = estimator().fit(inputs[:300], labels[:300])
    other = again(model)
    assert other.directory_ != model.directory_
    expected = model.predict_proba(inputs)
    other.partial_fit(inputs[300:], labels[300:])
    assert len(Retrainer(model.directory_).history()) == 1
    del model
    assert other.predict_proba(inputs).shape == expected.shape


def test_equal_random_states_give_equal_models(blobs):
    first, second, third = (estimator(random_state=state).fit(*blobs) for state in (3, 3, 4))
    assert (first.predict_proba(blobs[0]) == second.predict_proba(blobs[0])).all()
    assert (first.predict_proba(blobs[0]) != third.predict_proba(blobs[0])).any()
    drawn = estimator(random_state=np.random.RandomState(1)).fit(*blobs)
    assert Retrainer(drawn.directory_).project.settings.seed > 3


@pytest.mark.parametrize(
    ("names", "kind"),
    [(["b", "a"], "U"), ([7, 3], "i"), ([1.0, 0.0], "f"), ([True, False], "b"), (["NA", "b"], "U")],
    ids=str,
)
def test_classes_come_back_as_they_were(names, kind, blobs, tmp_path):
    inputs, labels = blobs
    given = np.array(names)[labels]
    model = estimator(directory=tmp_path / "p").fit(inputs[:300], given[:300])
    assert model.classes_.tolist() == sorted(names)
    assert model.classes_.dtype.kind == kind
    assert (model.predict(inputs) == given).mean() > 0.9
    # Whoever continues the project has them too, from an arrival of one class alone.
    other = estimator(directory=tmp_path / "p")
    other.partial_fit(inputs[300:][labels[300:] == 0], given[300:][labels[300:] == 0])
    assert other.classes_.tolist() == sorted(names)
    assert (other.predict(inputs) == given).mean() > 0.9


def test_a_new_class_is_refused_unless_it_was_declared(blobs):
    inputs, labels = blobs
    three = np.where(inputs[:, 1] > 1, 2, labels)
    closed = estimator().fit(inputs[:300], labels[:300])
    with pytest.raises(InputError, match="class"):
        closed.partial_fit(inputs[300:], three[300:])
    assert len(closed.history_) == 1
    open_ = estimator().partial_fit(inputs[:300], labels[:300], classes=[0, 1, 2])
    assert open_.classes_.tolist() == [0, 1, 2]
    assert (open_.predict_proba(inputs)[:, 2] == 0).all()
    open_.partial_fit(inputs[300:], three[300:])
    assert open_.predict_proba(inputs).shape == (500, 3)
    with pytest.raises(InputError, match="classes must be those of the first call"):
        open_.partial_fit(inputs, labels, classes=[0, 1, 5])
    with pytest.raises(InputError, match="classes must contain all labels"):
        estimator().partial_fit(inputs, labels, classes=[0])


def test_before_a_model_has_passed_the_last_one_predicts_and_says_so(blobs):
    inputs, labels = blobs
    model = estimator().fit(inputs[:12], labels[:12])
    assert model.champion_ is None
    with pytest.warns(UserWarning, match="No model has passed the gate yet .*in round 1, predicts"):
        assert model.predict(inputs).shape == (500,)


def test_labels_must_say_something(blobs):
    inputs, labels = blobs
    with pytest.raises(InputError, match="y must contain no empty labels"):
        estimator().fit(inputs, np.array(["", "b"])[labels])


def test_what_was_not_fitted_does_not_predict():
    for model in (estimator(), RetrainingRegressor()):
        with pytest.raises(NotFittedError):
            model.predict([[1.0, 2.0]])


def as_polars(frame):
    return pytest.importorskip("polars").from_pandas(frame)


@pytest.mark.parametrize(
    "make", [lambda frame: frame, as_polars, pa.Table.from_pandas], ids=["pandas", "polars", "arrow"]
)
def test_frames_have_categories_gaps_and_keys(make):
    frame = nights.arrival(1, 300)
    labels = frame.pop("y").to_numpy()
    frame["color"] = np.where(labels == "yes", "red", "blue")
    frame.loc[::7, "b"] = np.nan
    model = estimator(key="id").fit(make(frame), labels)
    assert model.n_features_in_ == 4
    assert model.feature_names_in_.tolist() == ["a", "b", "c", "color"]
    assert (model.predict(make(frame.drop(columns="id"))) == labels).mean() > 0.95
    # Rows with the same keys are newer versions.
    corrected = frame.assign(a=frame["a"] + 0.5)
    assert len(model.partial_fit(make(corrected), labels).history_) == 2
    assert Retrainer(model.directory_).status().rows == 600
    assert model.result_.arms[0].cost["rows"] < 330


def test_a_frame_of_numbers_is_predicted_by_a_model_of_arrays(blobs):
    inputs, labels = blobs
    model = estimator().fit(inputs, labels)
    with pytest.warns(UserWarning, match="feature names"):
        found = model.predict(pd.DataFrame(inputs, columns=["a", "b"]))
    assert (found == model.predict(inputs)).all()


def test_images_are_images():
    draw = np.random.default_rng(0)
    labels = np.arange(80) % 2
    pixels = (draw.integers(0, 100, (80, 1, 8, 8)) + 120 * labels[:, None, None, None]).astype(np.uint8)
    model = estimator(model="convnet:width=4").fit(pixels, labels)
    assert Retrainer(model.directory_).latest().input_type == "uint8"
    assert model.predict(pixels).shape == (80,)


def test_fit_overwrites_no_project_and_partial_fit_continues_it(blobs, tmp_path):
    inputs, labels = blobs
    model = estimator(directory=tmp_path / "p").fit(inputs[:300], labels[:300])
    with pytest.raises(InputError, match=r"must be new or empty for fit.*partial_fit continues it"):
        clone(model).fit(inputs, labels)
    other = RetrainingClassifier(tmp_path / "p").partial_fit(inputs[300:], labels[300:])
    assert len(other.history_) == 2
    # What another process does counts at once.
    assert (model.predict(inputs) == other.predict(inputs)).all()
    with pytest.raises(InputError, match=r"another retrain.tolerance \(0.01 there, 0.2 requested\)"):
        RetrainingClassifier(tmp_path / "p", tolerance=0.2).partial_fit(inputs, labels)
    with pytest.raises(InputError, match=r"another learner.name \(classifier there, regressor requested\)"):
        RetrainingRegressor(tmp_path / "p").partial_fit(inputs, labels)
    assert Path(tmp_path / "p" / "ledger.sqlite").exists()


def test_parameters_are_stored_untouched():
    options = {"directory": "x", "settings": {"window": 7}, "tables": QUICK, "random_state": None}
    model = RetrainingClassifier(**options)
    assert all(model.get_params(deep=False)[name] is value for name, value in options.items())
    assert clone(model).set_params(tolerance=0.2).tolerance == 0.2
    assert "tolerance" not in repr(model)  # at its default


def test_settings_and_tables_reach_the_project(blobs):
    model = estimator(settings={"window": 7}, policy="warm", tables={"stop": {"max-epochs": 3}}).fit(*blobs)
    project = Retrainer(model.directory_).project
    assert (project.settings.window, project.settings.policy) == (7, "warm")
    assert dict(project.tables["model"]) == {"name": "mlp", "width": 16}
    with pytest.raises(InputError, match="Unknown setting 'windw'"):
        estimator(settings={"windw": 7}).fit(*blobs)


def test_it_works_in_a_pipeline_and_in_a_search(blobs):
    inputs, labels = blobs
    pipeline = make_pipeline(StandardScaler(), estimator())
    assert pipeline.fit(inputs, labels).score(inputs, labels) > 0.9
    search = GridSearchCV(estimator(), {"model": ["logistic", "mlp:width=8"]}, cv=2).fit(inputs[:200], labels[:200])
    assert search.best_params_["model"] in ("logistic", "mlp:width=8")


def test_values_are_predicted_and_continued():
    inputs, values = make_regression(500, 3, random_state=0)[:2]
    model = RetrainingRegressor(tables={"stop": {"max_epochs": 40}}).fit(inputs[:300], values[:300])
    assert model.champion_ is not None
    assert model.score(inputs, values) > 0.9
    model.partial_fit(inputs[300:], values[300:])
    assert len(model.history_) == 2
    whole = RetrainingRegressor(tables=QUICK).fit(inputs, np.round(values).astype(int))
    assert whole.predict(inputs[:3]).dtype == np.float64
