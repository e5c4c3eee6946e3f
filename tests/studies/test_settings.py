"""What a study may have besides strategies: penalties, measurements, active streams, first rounds of their own."""

import sys
from dataclasses import replace

import pytest

from runs import ONE, interrupt, results
from warmstart.basics import InputError
from warmstart.data import DataSource
from warmstart.diagnostics import Correlation, EvaluationCurve, GradientNorms, ShrinkCurve
from warmstart.learners import Classifier
from warmstart.models import MLP, LogisticRegression, ResNet18, UserModel
from warmstart.penalties import EWC, L2, Adversarial, L2Init
from warmstart.queries import Margin, Random
from warmstart.strategies import Cold, NormMatched, ShrinkPerturb, Warm
from warmstart.streams import Active, Growing
from warmstart.studies import Arm, Study, read_histories, read_study_file, run_study, study_from_dict, study_to_dict
from warmstart.training import CarryOver, OptimizerState, Recipe, StoppingRule
from warmstart.trial import EvaluationSettings

STUDY = Study(
    [Cold(), Warm()],
    data=DataSource(subset=150),
    architecture=MLP(width=12),
    stream=Growing(rounds=3),
    recipe=Recipe(learning_rate=0.003, batch_size=32),
    stop=StoppingRule(0.95, max_epochs=2),
    seeds=1,
)
KEEP = CarryOver(optimizer_state=OptimizerState.KEEP)
CHANGES = {
    "active": {"stream": Active(Margin(), rounds=3)},
    "active at random": {"stream": Active(Random(), rounds=3)},
    "active with kept state": {"stream": Active(Margin(), rounds=3), "carry_over": KEEP},
    "active after a divergence": {
        "stream": Active(Margin(), rounds=3),
        "arms": [Arm(Warm(), first_learning_rate=1e25), Arm(ShrinkPerturb(), first_learning_rate=1e25)],
    },
    "convolutions": {
        "architecture": ResNet18(width=2),
        "stream": Active(Margin(), rounds=3),
        "arms": [NormMatched(), Arm(ShrinkPerturb(), penalty=EWC(3.0, samples=8))],
        "measurements": [GradientNorms(samples=16), Correlation()],
        "stop": StoppingRule(None, max_epochs=1),
    },
    "penalties": {"arms": [Arm(Warm(), penalty=EWC(3.0, samples=8)), Arm(Warm(), penalty=L2Init(0.01))]},
    "steps": {"recipe": replace(STUDY.recipe, step_shrink=0.999, step_noise=1e-3)},
    "early stopping": {
        "stop": StoppingRule(validation_patience=2, max_epochs=6, early_stopping="on"),
        "recipe": replace(STUDY.recipe, ema=0.9, schedule="cosine", clip_norm=1.0, class_weights="balanced"),
        "carry_over": KEEP,
    },
    "augmentation": {
        "architecture": ResNet18(width=2),
        "recipe": Recipe(
            optimizer="adamw",
            weight_decay=0.01,
            augmentation=("flip", "crop", "cutout"),
            ema=0.5,
            warm_up=0.2,
            label_smoothing=0.1,
        ),
        "arms": [Warm(), Arm(Warm(), augmentation=("crop",), schedule="one-cycle", ema=0.0)],
        "stop": StoppingRule(validation_patience=2, max_epochs=2, early_stopping="on"),
    },
    "first rounds": {"arms": [Arm(Cold(), first_epochs=1), Arm(Warm(), first_learning_rate=0.01)]},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_an_interrupted_study_resumes_to_the_same_bits(change, tmp_path):
    study = replace(STUDY, **change)
    whole = results(run_study(study, tmp_path / "whole", execution=ONE))
    known = read_histories(tmp_path / "whole")
    assert len(whole) == len(known) == 6
    for rounds in (3, 5):  # one arm or the other has a round left
        directory = tmp_path / str(rounds)
        interrupt(study, directory, rounds)
        again = study_from_dict(read_study_file(directory / "study.toml"))
        assert again == study
        assert results(run_study(again, directory, execution=ONE)) == whole
        assert read_histories(directory) == known


def test_queries_make_a_difference_from_the_second_round_on(tmp_path):
    margin, random = (
        results(run_study(replace(STUDY, **CHANGES[name]), tmp_path / name, execution=ONE))
        for name in ("active", "active at random")
    )
    same = [(one.round, one == other) for one, other in zip(margin, random, strict=True)]
    assert [equal for number, equal in same if number == 1] == [True, True]
    assert [equal for number, equal in same if number > 1] == [False] * 4


def test_readings_are_stored_beside_the_epochs_and_change_no_result(tmp_path):
    measurements = [Correlation(), EvaluationCurve(every=2), GradientNorms(samples=16), ShrinkCurve(steps=2)]
    plain = results(run_study(STUDY, tmp_path / "plain", execution=ONE))
    probed = run_study(replace(STUDY, measurements=measurements), tmp_path / "probed", execution=ONE)
    assert results(probed) == plain
    known = read_histories(tmp_path / "probed")
    assert all("readings" not in history for history in read_histories(tmp_path / "plain").values())
    for record in probed.rounds:
        history = known[record.arm, record.seed, record.round]
        assert history["columns"] == ["steps", "train_score", "train_loss"]
        assert len(history["epochs"]) == record.epochs
        readings = {(row["name"], row["when"], row["epoch"]): row for row in history["readings"]}
        assert len(readings) == len(history["readings"])
        assert readings["shrink 1", "end", record.epochs]["value"] == record.score
        assert readings["shrink 1", "end", record.epochs]["steps"] == record.steps
        assert readings["accuracy", "epoch", 2]["value"] == record.score
        assert ("new gradient", "start", 0) in readings
        assert (("old gradient", "start", 0) in readings) == (record.round > 1)
        start, fresh = (readings[name, "end", record.epochs]["value"] for name in ("start norm", "fresh norm"))
        assert (start == fresh) == (record.arm == "cold" or record.round == 1)


def test_a_first_round_of_given_epochs_does_not_stop_early():
    stop = StoppingRule(early_stopping="on")
    arm = Arm(Warm(), first_epochs=7)
    assert arm.first_stop(stop) == StoppingRule(None, patience=None, max_epochs=7, early_stopping="off")
    assert arm.first_stop(StoppingRule()) == StoppingRule(None, patience=None, max_epochs=7, early_stopping="off")


def test_an_arm_has_a_first_round_of_its_own(tmp_path):
    arms = [Warm(), Arm(Warm(), first_epochs=1), Arm(Warm(), first_batch_size=8)]
    records = run_study(replace(STUDY, arms=arms), tmp_path, execution=ONE)
    found = {(r.arm, r.round): (r.epochs, r.steps) for r in records.rounds}
    assert found["warm", 1] == (2, 2 * 2)
    assert found["warm:first-epochs=1", 1] == (1, 2)
    assert found["warm:first-batch-size=8", 1] == (2, 2 * 5)
    assert {value for (_, number), value in found.items() if number == 3} == {(2, 2 * 4)}


BLIND_MODEL = """
from torch import nn
class Blind(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 10)
    def forward(self, inputs):
        return self.layer(inputs.flatten(1).detach())
def build():
    return Blind()
"""


def test_penalties_are_tried_before_anything_is_written(tmp_path, monkeypatch):
    """Adversarial examples take gradients in the inputs, which this model cuts off."""
    (tmp_path / "blind_model.py").write_text(BLIND_MODEL)
    monkeypatch.chdir(tmp_path)
    blind = replace(STUDY, architecture=UserModel("blind_model:build"))
    for change in ({"penalty": Adversarial(1.0, 0.1)}, {"arms": [Cold(), Arm(Cold(), penalty=Adversarial(1.0, 0.1))]}):
        with pytest.raises(InputError, match=r"cannot train on a batch of .*: .* have been used in the graph"):
            run_study(replace(blind, **change), tmp_path / "study", execution=ONE)
        assert not (tmp_path / "study").exists()
    assert run_study(replace(blind, penalty=L2(0.1)), tmp_path / "study", execution=ONE).rounds
    sys.modules.pop("blind_model", None)


def test_first_recipes_are_tried_before_anything_is_written(tmp_path):
    study = replace(STUDY, architecture=ResNet18(width=2), arms=[Cold(), Arm(Warm(), first_batch_size=1)])
    with pytest.raises(InputError, match="cannot train on a batch of 1"):
        run_study(study, tmp_path / "study", execution=ONE)
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize("data", ["diabetes", "churn.csv", "churn.tsv.gz"])
def test_a_table_has_a_model_that_can_read_it(data):
    assert Study(data=data).architecture == MLP()
    assert study_from_dict({"data": {"name": data}}).architecture == MLP()
    assert study_from_dict({"data": {"name": data}, "model": {"width": 8}}).architecture == MLP(width=8)
    written = study_to_dict(Study(data=data))
    assert written["model"]["name"] == "mlp"
    assert study_from_dict(written) == Study(data=data)


def test_a_model_that_was_asked_for_stays():
    asked = Study(data="churn.csv", architecture=ResNet18())
    assert asked.architecture == ResNet18()
    assert study_from_dict(study_to_dict(asked)) == asked
    assert Study(data="churn.csv", learner=Classifier(LogisticRegression())).architecture == LogisticRegression()
    assert Study(data="digits").architecture == ResNet18()


def test_a_file_of_test_samples_is_what_evaluates():
    named = {"name": "churn.csv", "test": "later.csv"}
    for study in (Study(data=DataSource("churn.csv", test="later.csv")), study_from_dict({"data": named})):
        assert study.evaluation == EvaluationSettings("test")
        assert study_from_dict(study_to_dict(study)) == study
    asked = study_from_dict({"data": named, "evaluation": {"evaluate": "holdout"}})
    assert asked.evaluation == EvaluationSettings()
