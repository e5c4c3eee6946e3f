import dataclasses
import json
import sys
from collections.abc import Callable, Mapping

import jsonschema
import pytest

import warmstart as ws
from warmstart.analysis._summary import ArmSummary, Summary, summarize, summary_schema
from warmstart.basics import InputError, Metric
from warmstart.statistics import paired_difference, paired_ratio
from warmstart.store._records import RoundRecord, StudyRecords

Accuracy = Callable[[int], float | None]
# What the seeds of an arm have in common with those of the others, and what is their own.
SHARED = (0.00, 0.03, -0.02, 0.05, -0.04, 0.01, 0.02, -0.03)
OWN = (0.002, -0.001, 0.000, 0.003, -0.002, 0.001, -0.003, 0.000)


def level(mean: float, *, own: float = 1.0) -> Accuracy:
    return lambda seed: mean + SHARED[seed] + own * OWN[seed]


def lost(_seed: int) -> None:
    return None


COLD, BETTER, WORSE, ALIKE = level(0.90, own=0), level(0.93), level(0.88), level(0.90, own=4)


def round_record(arm: str, seed: int, number: int, accuracy: float | None, *, steps: int = 100) -> RoundRecord:
    return RoundRecord(
        arm=arm,
        seed=seed,
        round=number,
        samples_seen=300 * number,
        samples_trained_on=300 * number,
        score=accuracy,
        metrics={} if accuracy is None else {"loss": 1 - accuracy},
        train_score=0.99,
        stop_reason="diverged" if accuracy is None else "converged",
        epochs=5,
        steps=steps * number,
        samples=32 * steps * number,
        tokens=None,
        flops=1e6 * steps * number,
        seconds=0.01 * steps * number,
    )


def study_records(arms: Mapping[str, Accuracy], *, seeds: int = 8, rounds: int = 4, keep: int | None = None):
    steps = {arm: 100 if arm == "cold" else 34 + index for index, arm in enumerate(arms)}
    finished = [
        round_record(arm, seed, number, accuracy(seed), steps=steps[arm])
        for seed in range(seeds)
        for arm, accuracy in arms.items()
        for number in range(1, rounds + 1)
    ]
    settings = {"data": {"name": "digits"}, "stop": {"limit": float("inf")}, "strategies": list(arms), "seeds": seeds}
    return StudyRecords(
        settings, tuple(arms), rounds, seeds, tuple(finished[:keep]), {"name": "digits"}, {"torch": "2"}
    )


def arm_of(summary: Summary, label: str) -> ArmSummary:
    return next(arm for arm in summary.arms if arm.arm == label)


def test_a_worse_arm_is_called_less_accurate_with_its_interval_and_cost():
    verdict = summarize(study_records({"cold": COLD, "warm": WORSE})).verdict
    assert verdict == (
        "After 4 rounds (1,200 samples, 8 paired seeds) warm is 2.0 points less accurate than cold [1.8, 2.2 points] "
        "with 0.35x the total training steps."
    )


def test_a_better_arm_is_called_more_accurate():
    verdict = summarize(study_records({"cold": COLD, "warm": BETTER})).verdict
    assert "warm is 3.0 points more accurate than cold [2.8, 3.2 points]" in verdict


def test_an_arm_within_the_noise_has_no_difference_detected():
    summary = summarize(study_records({"cold": COLD, "warm": ALIKE}))
    assert "for warm no difference in accuracy to cold was detected [-0.7, 0.7 points] with 0.35x" in summary.verdict
    assert arm_of(summary, "warm").words == "no difference detected [-0.7, +0.7] points"


def test_equal_costs_are_called_the_same():
    records = study_records({"cold": COLD, "warm": WORSE})
    equal = tuple(dataclasses.replace(record, steps=7) for record in records.rounds)
    verdict = summarize(dataclasses.replace(records, rounds=equal)).verdict
    assert verdict.endswith("[1.8, 2.2 points] with the same total training steps.")


def test_costs_within_the_noise_are_not_called_different():
    records = study_records({"cold": COLD, "warm": ALIKE})
    noisy = tuple(
        dataclasses.replace(record, steps=100 + 5 * record.seed * (-1) ** (record.seed + (record.arm == "warm")))
        for record in records.rounds
    )
    verdict = summarize(dataclasses.replace(records, rounds=noisy)).verdict
    assert "x the" not in verdict
    assert verdict.endswith("nor one in the total training steps.")


def test_a_round_without_a_step_leaves_no_ratio_and_a_readable_verdict():
    records = study_records({"cold": COLD, "warm": WORSE})
    rounds = tuple(dataclasses.replace(record, steps=100 * (record.arm == "cold")) for record in records.rounds)
    summary = summarize(dataclasses.replace(records, rounds=rounds))
    assert summary.verdict.endswith("less accurate than cold [1.8, 2.2 points].")
    difference = arm_of(summary, "warm").total["steps"].difference
    assert difference is not None
    assert difference.mean == -400


def test_one_seed_claims_nothing():
    summary = summarize(study_records({"cold": COLD, "warm": WORSE}, seeds=1))
    assert "(1,200 samples, 1 seed) warm is 1.8 points less accurate than cold with 0.35x" in summary.verdict
    assert summary.verdict.endswith("One seed gives no interval, so none of this can be distinguished from chance.")
    assert arm_of(summary, "warm").words == "-1.8 points (one seed: no interval)"


@pytest.mark.parametrize(
    ("seeds", "words"),
    [(8, "8 seeds) cold has an accuracy of 90.3 % ["), (1, "1 seed) cold has an accuracy of 90.0 % (one seed: no")],
)
def test_one_arm_is_reported_by_itself(seeds, words):
    assert words in summarize(study_records({"cold": COLD}, seeds=seeds)).verdict


def test_without_cold_the_first_arm_is_the_reference_and_a_note_says_so():
    summary = summarize(study_records({"warm": WORSE, "random": COLD}))
    assert summary.reference == "warm"
    assert "random is 2.0 points more accurate than warm" in summary.verdict
    assert summary.notes[0] == "No strategy is labelled cold: the others are compared with the first, warm."


def test_cold_is_the_reference_wherever_it_stands():
    assert summarize(study_records({"warm": WORSE, "cold": COLD})).reference == "cold"


def test_a_diverged_round_drops_its_pair_and_is_named():
    one_lost = study_records({"cold": COLD, "warm": lambda seed: None if seed == 2 else WORSE(seed)})
    summary = summarize(one_lost)
    assert summary.verdict.endswith("In round 4, 1 of 8 trials of warm diverged and has no accuracy.")
    assert (arm_of(summary, "warm").score.n, arm_of(summary, "warm").diverged) == (7, 1)
    assert any("4 of 32 rounds of warm" in note for note in summary.notes)


def test_an_arm_with_fewer_pairs_than_the_others_says_how_many():
    arms = {"cold": COLD, "warm": WORSE, "shrink-perturb": lambda seed: None if seed == 0 else ALIKE(seed)}
    assert "; 7 pairs]" in summarize(study_records(arms)).verdict


def test_an_arm_of_which_every_trial_diverged_cannot_be_compared():
    verdict = summarize(study_records({"cold": COLD, "warm": lost})).verdict
    assert "8 common seeds) warm cannot be compared with cold, because no seed has an accuracy of both." in verdict


def test_one_pair_left_of_many_seeds_is_not_called_one_seed():
    verdict = summarize(study_records({"cold": COLD, "warm": lambda seed: None if seed else WORSE(seed)})).verdict
    assert "(1,200 samples, 1 paired seed) warm is 1.8 points less accurate than cold with 0.35x" in verdict
    assert "One pair gives no interval" in verdict


def test_arms_that_no_seed_has_finished_together_have_no_common_seed():
    records = study_records({"cold": COLD, "warm": WORSE}, seeds=2)
    apart = tuple(record for record in records.rounds if (record.arm == "cold") == (record.seed == 0))
    assert "no common seed)" in summarize(dataclasses.replace(records, rounds=apart)).verdict


def test_the_rounds_that_costs_cover_are_said():
    arms = {"cold": COLD, "warm": WORSE}
    assert "x the training steps so far." in summarize(study_records(arms, keep=6)).verdict
    assert summarize(study_records(arms, rounds=1)).verdict.endswith("x the training steps.")


def test_what_a_diverged_round_cost_is_counted():
    summary = summarize(study_records({"cold": COLD, "warm": lost}))
    assert arm_of(summary, "warm").total["steps"].value.n == 8


@pytest.mark.parametrize(
    ("keep", "compared", "words"),
    [
        (60, 4, "Preliminary: 60 of 64 rounds have finished. After 4 rounds (1,200 samples, 7 paired seeds) warm is"),
        (6, 2, "Preliminary: 6 of 64 rounds have finished. After 2 of 4 rounds (600 samples, 1 seed) warm is"),
    ],
)
def test_an_unfinished_study_is_compared_at_the_latest_common_round(keep, compared, words):
    summary = summarize(study_records({"cold": COLD, "warm": WORSE}, keep=keep))
    assert (summary.complete, summary.rounds_finished, summary.compared_round) == (False, keep, compared)
    assert summary.verdict.startswith(words)


def test_a_study_of_which_one_arm_has_begun_can_be_reported():
    summary = summarize(study_records({"cold": COLD, "warm": WORSE}, keep=3))
    assert summary.compared_round == 3
    assert "warm cannot be compared with cold" in summary.verdict


def test_a_study_without_a_finished_round_says_so():
    summary = summarize(study_records({"cold": COLD, "warm": WORSE}, keep=0))
    assert summary.verdict == "Nothing to report yet: 0 of 64 rounds have finished."


def test_many_arms_are_sorted_by_what_was_found():
    arms = {"cold": COLD, "a": WORSE, "b": WORSE, "c": ALIKE, "d": BETTER, "e": ALIKE, "f": lost}
    verdict = summarize(study_records(arms)).verdict
    assert (
        "compared with cold (steps of all rounds): more accurate: d by +3.0 points (0.38x the steps); "
        "less accurate: a by -2.0" in verdict
    )
    assert "no difference in accuracy detected: c (0.37x the steps), e (0.39x the steps); not comp" in verdict


def test_an_arm_with_a_single_pair_is_not_reported_as_if_it_had_an_interval():
    arms = {"cold": COLD, "warm": WORSE, "frail": lambda seed: WORSE(seed) if seed == 0 else None}
    assert (
        "frail is 1.8 points less accurate than cold (one pair: no interval)" in summarize(study_records(arms)).verdict
    )


def test_several_comparisons_are_noted_as_uncorrected():
    summary = summarize(study_records({"cold": COLD, "warm": WORSE, "other": ALIKE}))
    assert any("not corrected for their number" in note for note in summary.notes)


def test_an_interval_of_no_width_is_warned_of():
    records = study_records({"cold": lambda seed: 0.5, "warm": lambda seed: 0.75}, seeds=2)
    summary = summarize(records)
    assert any("understates the uncertainty" in note for note in summary.notes)


def test_caps_are_noted():
    records = study_records({"cold": COLD, "warm": WORSE})
    capped = (dataclasses.replace(records.rounds[0], stop_reason="limit"), *records.rounds[1:])
    summary = summarize(dataclasses.replace(records, rounds=capped))
    assert any("before the stopping rule was met: 1 of 32 rounds of cold." in note for note in summary.notes)
    assert arm_of(summary, "cold").stop_reasons == {"converged": 31, "plateau": 0, "limit": 1, "diverged": 0}


def plateaued(target: object, *, reached: float = 0.3, arm: str = "cold") -> StudyRecords:
    """Records of which one arm's first three of four rounds ended on a plateau."""
    records = study_records({"cold": COLD, "warm": WORSE}, seeds=2)
    rounds = tuple(
        dataclasses.replace(record, stop_reason="plateau", train_score=reached + 0.01 * record.round)
        if record.arm == arm and record.round < 4
        else record
        for record in records.rounds
    )
    return dataclasses.replace(records, rounds=rounds, study={"stop": {"train_accuracy": target}})


@pytest.mark.parametrize(("arm", "target", "asked"), [("cold", 0.99, "99 %"), ("warm", 0.995, "99.5 %")])
def test_plateaus_far_from_the_target_are_noted(arm, target, asked):
    assert summarize(plateaued(target, arm=arm)).notes == (
        f"Rounds that ended on a plateau short of the training accuracy target ({asked}): 6 of 8 rounds of {arm}, "
        "at 32 % on average. Such rounds may be undertrained, and a strategy that continues from them then gains by "
        "training on.",
    )


@pytest.mark.parametrize(("target", "reached"), [("none", 0.3), (None, 0.3), (0.3, 0.3), (0.99, 0.96)])
def test_plateaus_near_the_target_or_without_one_are_not_noted(target, reached):
    assert summarize(plateaued(target, reached=reached)).notes == ()


def test_numbers_are_those_of_the_paired_statistics():
    summary = summarize(study_records({"cold": COLD, "warm": WORSE}), confidence=0.9)
    warm, seeds = arm_of(summary, "warm"), range(8)
    assert warm.score_difference == paired_difference(map(WORSE, seeds), map(COLD, seeds), confidence=0.9)
    assert warm.total["steps"].value.mean == 35 * (1 + 2 + 3 + 4)
    assert warm.last_round["steps"].value.mean == 35 * 4
    assert warm.last_round["flops"].ratio == paired_ratio([35] * 8, [100] * 8, confidence=0.9)


def test_rounds_hold_every_arm_with_growing_costs():
    summary = summarize(study_records({"cold": COLD, "warm": WORSE}))
    warm = [round for round in summary.rounds if round.arm == "warm"]
    assert [round.samples_seen for round in warm] == [300, 600, 900, 1200]
    assert [round.cost["steps"].mean for round in warm] == [35, 70, 105, 140]
    assert [round.cumulative["steps"].mean for round in warm] == [35, 105, 210, 350]


def test_the_order_of_the_records_does_not_matter():
    records = study_records({"cold": COLD, "warm": WORSE, "other": ALIKE})
    turned = summarize(dataclasses.replace(records, rounds=records.rounds[::-1]))
    assert dataclasses.replace(turned, trials=records.rounds) == summarize(records)


@pytest.mark.parametrize("keep", [None, 40, 3, 0])
@pytest.mark.parametrize("seeds", [8, 1])
def test_the_json_form_obeys_its_schema_and_comes_back_equal(keep, seeds):
    summary = summarize(study_records({"cold": COLD, "warm": WORSE, "lost": lost}, seeds=seeds, keep=keep))
    values = json.loads(json.dumps(summary.to_dict(), allow_nan=False))
    jsonschema.Draft202012Validator(summary_schema()).validate(values)
    assert Summary.from_dict(values) == summary


def test_the_schema_is_itself_valid_and_refuses_what_it_does_not_know():
    schema = summary_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    values = summarize(study_records({"cold": COLD})).to_dict()
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**values, "winner": "cold"}, schema)


@pytest.mark.parametrize("schema", ["other/9", "warmstart.summary/1", "warmstart.summary/2"])
def test_a_summary_of_another_schema_is_refused_with_a_way_out(schema):
    sentence = rf"must have schema 'warmstart.summary/3', got '{schema}': write it again .* `warmstart report DIR`\.$"
    with pytest.raises(InputError, match=sentence):
        Summary.from_dict({"schema": schema, "accuracy": 0.5})


def test_a_study_without_arms_is_refused():
    with pytest.raises(InputError, match="at least one strategy"):
        summarize(StudyRecords({}, (), 1, 1, (), {}, {}))


RMSE = Metric("rmse", "°C", higher_is_better=False)


def errors(arms, *, metric=RMSE, **options):
    """Records of scores that are no shares."""
    return dataclasses.replace(study_records(arms, **options), metric=metric)


def test_a_lower_error_is_reported_in_its_unit_and_as_better():
    summary = summarize(errors({"cold": COLD, "warm": lambda seed: 0.81 + SHARED[seed] + 20 * OWN[seed]}))
    assert summary.verdict == (
        "After 4 rounds (1,200 samples, 8 paired seeds; lower rmse is better) warm has an rmse 0.09 °C lower "
        "[0.06, 0.12 °C] than cold with 0.35x the total training steps."
    )
    assert arm_of(summary, "warm").words == "-0.09 [-0.12, -0.06] °C"
    assert "accura" not in json.dumps(summary.to_dict())


@pytest.mark.parametrize(
    ("warm", "words"),
    [
        (WORSE, "warm has an rmse 0.0200 °C lower [0.0183, 0.0217 °C] than cold"),
        (BETTER, "warm has an rmse 0.0300 °C higher [0.0283, 0.0317 °C] than cold"),
        (ALIKE, "for warm no difference in rmse to cold was detected [-0.007, 0.007 °C] with 0.35x"),
        (lost, "warm cannot be compared with cold, because no seed has an rmse of both"),
        (lambda seed: WORSE(seed) if seed == 0 else None, "warm has an rmse 0.0180 °C lower than cold"),
        (lambda seed: COLD(seed) if seed == 0 else None, "warm has the same rmse as cold"),
    ],
)
def test_comparisons_of_errors_have_the_digits_of_their_intervals(warm, words):
    summary = summarize(errors({"cold": COLD, "warm": warm}))
    assert words in summary.verdict
    assert Summary.from_dict(summary.to_dict()) == summary


def test_many_errors_are_sorted_by_which_is_better():
    arms = {"cold": COLD, "a": WORSE, "b": BETTER, "c": ALIKE, "d": ALIKE, "e": ALIKE}
    verdict = summarize(errors(arms)).verdict
    assert "better: a by -0.0200 °C (0.35x the steps); worse: b by +0.0300 °C (0.36x the steps); no diff" in verdict
    assert "no difference in rmse detected: c" in verdict


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        (Metric("r2"), "cold has an r2 of 0.903 [0.877, 0.928]; there"),
        (Metric("log loss", "nats"), "cold has a log loss of 0.903 nats [0.877, 0.928 nats]; there"),
        (Metric("balanced accuracy", "%"), "cold has a balanced accuracy of 90.3 % [87.7, 92.8 %]; there"),
    ],
)
def test_one_arm_has_its_score_in_the_metrics_words(metric, words):
    assert words in summarize(errors({"cold": COLD}, metric=metric)).verdict


def test_a_fraction_that_is_no_accuracy_is_reported_in_points():
    arms = {"cold": COLD, "warm": WORSE}
    verdict = summarize(errors(arms, metric=Metric("recall", "%"))).verdict
    assert "warm has a recall 2.0 points lower [1.8, 2.2 points] than cold" in verdict


@pytest.mark.parametrize(
    ("metric", "reached", "told"),
    [
        (RMSE, 0.7, "short of the training score target (0.5): 6 of 8 rounds of cold, at 0.72 on average."),
        (RMSE, 0.3, None),
        (Metric("recall", "%"), 0.3, "short of the training score target (50 %): 6 of 8 rounds of cold, at 32 % on"),
        (Metric("r2"), 0.7, None),
    ],
)
def test_plateaus_are_short_in_the_direction_of_the_metric(metric, reached, told):
    records = dataclasses.replace(plateaued(0.5, reached=reached), metric=metric)
    notes = " ".join(summarize(records).notes)
    assert told in notes if told else "plateau" not in notes


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ((), "with 0.35x the total training steps."),
        (("steps",), "with 0.35x the total samples processed."),
        (("steps", "samples", "flops"), "with 0.35x the total seconds."),
    ],
)
def test_the_verdict_reports_a_cost_that_was_counted(missing, words):
    records = study_records({"cold": COLD, "warm": WORSE})
    rounds = tuple(dataclasses.replace(record, **dict.fromkeys(missing)) for record in records.rounds)
    summary = summarize(dataclasses.replace(records, rounds=rounds))
    assert summary.verdict.endswith(words)
    assert "8 paired seeds" in summary.verdict
    assert summary.costs == tuple(cost for cost in ("steps", "samples", "flops", "seconds") if cost not in missing)
    jsonschema.validate(json.loads(json.dumps(summary.to_dict())), summary_schema())


UNCOUNTED = """
import torch
from torch import nn
from torch.utils._python_dispatch import _get_current_dispatch_mode

class Uncounted(nn.Sequential):
    def forward(self, inputs):
        if _get_current_dispatch_mode() is not None:
            raise RuntimeError("no counter may look into this model")
        return super().forward(inputs)

def build():
    return Uncounted(nn.Flatten(), nn.Linear(64, 10))
"""


def test_a_study_whose_operations_cannot_be_counted_says_so(tmp_path, monkeypatch):
    (tmp_path / "uncounted_model.py").write_text(UNCOUNTED)
    monkeypatch.chdir(tmp_path)
    study = ws.Study(
        [ws.Cold(), ws.Warm()],
        data=ws.DataSource("digits"),
        architecture=ws.UserModel("uncounted_model:build"),
        stream=ws.Growing(rounds=2, arrival_size=100),
        stop=ws.StoppingRule(max_epochs=2),
        seeds=2,
    )
    records = ws.run_study(study, tmp_path / "study", execution=ws.Execution(workers=1))
    assert {record.flops for record in records.rounds} == {None}
    assert all(record.steps for record in records.rounds)
    summary = ws.summarize(records)
    ws.write_report(summary, tmp_path / "study")
    page = (tmp_path / "study" / "report.html").read_text()
    assert "Floating-point operations could not be counted." in page
    assert "FLOPs" not in page.split('<script type="application/json"')[0]
    sys.modules.pop("uncounted_model", None)
