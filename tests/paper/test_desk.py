"""The desk setting, and looking twice at results with more seeds."""

import dataclasses

import pytest

from runs import ONE
from warmstart.basics import InputError
from warmstart.data import Interpolation
from warmstart.models import MLP, ConvNet, LogisticRegression, ResNet8, ResNet18
from warmstart.paper import Claim, Experiment, Judgement, Setting, Verdict, known_experiments, run_experiments
from warmstart.paper import read_results as results_in
from warmstart.paper.kit.experiment import only_case
from warmstart.paper.kit.setting import CONFIDENCE, OF_TWO_LOOKS, Desk
from warmstart.strategies import Cold, Warm
from warmstart.training import OptimizerKind, Precision
from warmstart.trial import EvaluateOn

KNOWN = known_experiments()
DESK = Setting(desk=True, digits="mnist-m", precision=Precision.FP32)


def study(id, setting=DESK, **facets):
    cases = KNOWN[id].cases(setting)
    return next(case.study for case in cases if facets.items() <= case.facets.items())


def test_it_fits_a_few_thousand_small_images_and_evaluates_on_the_official_test_set():
    found = study("noise")
    assert (found.data.name, found.data.subset) == ("cifar10", 6_000)
    assert (found.data.image_size, found.data.interpolation) == ("16", Interpolation.AREA)
    assert found.evaluation.evaluate is EvaluateOn.TEST
    assert found.architecture == ConvNet()
    assert (found.recipe.optimizer, found.recipe.learning_rate) == (OptimizerKind.SGD, 0.1)
    assert found.stream.sizes(DESK.fitted("cifar10")) == [3_000, 3_000]


def test_experiments_have_networks_sizes_and_seeds_of_their_own():
    assert study("table-1", model="resnet8:width=16", optimizer="sgd").architecture == ResNet8()
    assert study("table-1", model="mlp").data.subset == 20_000
    assert study("table-1", model="logistic").data.subset == 10_000
    assert study("active", query="margin").data.subset == 20_000
    assert study("transfer", fraction="1").source.subset == 10_000
    assert study("online", data="cifar10").stream.sizes(6_000) == [1_000] * 6
    assert study("active", query="margin").stream.sizes(20_000) == [1_000] * 6


@pytest.mark.parametrize("experiment", KNOWN.values(), ids=lambda experiment: experiment.id)
def test_every_experiment_fits_the_hour(experiment):
    trials = sum(len(case.study.arms) * case.study.max_seeds for case in experiment.cases(DESK))
    assert 0 < trials <= 130
    assert 5 <= experiment.in_setting(DESK).seed_count <= 9


def test_what_is_asked_for_goes_before_the_experiments_choice():
    asked = dataclasses.replace(DESK, model=ResNet18(), seeds=3, max_epochs=7, image_size="32", data=None)
    found = study("noise", asked)
    assert (found.architecture, found.seeds, found.stop.max_epochs) == (ResNet18(), 3, 7)
    assert found.data.image_size == "32"
    assert study("noise", dataclasses.replace(DESK, width=8)).architecture == ConvNet(width=8)
    assert study("noise", dataclasses.replace(DESK, precision=Precision.BF16)).recipe.precision is Precision.BF16


def test_a_width_needs_a_model_that_has_one():
    with pytest.raises(InputError, match="width must be left out for a model without one, got 8"):
        study("noise", dataclasses.replace(DESK, model=LogisticRegression(), width=8))
    assert study("noise", dataclasses.replace(DESK, model=MLP(), width=8)).architecture == MLP(width=8)


def test_data_of_ones_own_are_held_out_from_and_keep_their_size():
    found = study("noise", Setting(desk=True, data="digits", samples={"digits": 1_797}))
    assert (found.data.image_size, found.data.subset, found.evaluation.evaluate) == (None, None, EvaluateOn.HOLDOUT)


def test_each_of_two_looks_is_more_careful():
    assert DESK.confidence == CONFIDENCE == 0.95
    assert dataclasses.replace(DESK, auto_seeds=True).confidence == OF_TWO_LOOKS == pytest.approx(0.9706)
    assert "of two looks" in KNOWN["noise"].in_setting(dataclasses.replace(DESK, auto_seeds=True)).words


def experiment_that_needs(seeds):
    """Return an experiment of a second on digits whose claim is open until there are so many seeds."""

    def judge(results):
        count = results.first().study.seeds
        verdict = Verdict.INCONCLUSIVE if count < seeds else Verdict.REPRODUCED
        return Judgement(verdict, (f"There are {count} seeds.",), seeds if count < seeds else None)

    noise = KNOWN["noise"]
    return Experiment(
        id="noise",
        number=noise.number,
        title="A claim that needs seeds",
        where="nowhere",
        question="How many?",
        paper_setting="None.",
        deviations="None.",
        declare=lambda setting: only_case(setting, [Cold(), Warm()], recipe=setting.recipe(OptimizerKind.SGD)),
        exhibits=lambda results: [],
        claims=(Claim("It takes seeds.", judge, seeds=2),),
        desk=Desk(network=MLP(width=2), samples=60, seeds=2, max_epochs=1),
    )


AUTO = Setting(desk=True, data="digits", auto_seeds=True)


@pytest.mark.parametrize(("needed", "run"), [(2, 2), (3, 4), (4, 4), (5, 2), (100, 2)])
def test_seeds_are_doubled_where_that_settles_a_claim(needed, run, tmp_path):
    experiment = experiment_that_needs(needed)
    setting = run_experiments([experiment], AUTO, tmp_path / "out", execution=ONE)
    assert setting.second_look == (("noise",) if run == 4 else ())
    results = results_in(experiment, setting, tmp_path / "out" / "studies")
    assert results.complete
    assert results.confidence == OF_TWO_LOOKS
    assert {record.seed for record in results.first().records.rounds} == set(range(run))


def test_a_second_look_is_resumed(tmp_path):
    experiment = experiment_that_needs(3)
    run_experiments([experiment], AUTO, tmp_path / "out", execution=ONE)
    heard = []
    setting = run_experiments([experiment], AUTO, tmp_path / "out", execution=ONE, listener=heard.append)
    assert setting.second_look == ("noise",)
    assert not [event for event in heard if "Loading" in str(event)]


def test_seeds_auto_begins_with_the_experiments_own(tmp_path):
    fixed = dataclasses.replace(AUTO, auto_seeds=False, seeds=3)
    setting = run_experiments([experiment_that_needs(4)], fixed, tmp_path / "out", execution=ONE)
    assert setting.second_look == ()
    with pytest.raises(InputError, match="seeds: 3 there, None requested"):
        run_experiments([experiment_that_needs(4)], AUTO, tmp_path / "out", execution=ONE)
