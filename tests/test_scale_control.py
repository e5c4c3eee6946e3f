"""The study of the scale control works at its smallest, and its page and charts agree with its file."""

import json
from pathlib import Path

import pytest

import scale_control
import scale_control_page as page
import warmstart as ws
from recorded import nearly
from warmstart.statistics import paired_difference, paired_ratio
from warmstart.store import RoundRecord, StudyRecords
from warmstart.training import OptimizerState

ROOT = Path(__file__).parents[1]
RESULT = json.loads((ROOT / "results/scale-control.json").read_text())
PAGE = (ROOT / "docs/scale-control.md").read_text()
TINY = ["--data", "digits", "--holdout", "0.5", "--samples", "60", "--width", "2", "--max-epochs", "1"]
TO_TARGET = [name for name in scale_control.PARTS if not name.startswith("budget")]
BUDGETS = [name for name in scale_control.PARTS if name.startswith("budget")]


def study_of(name, *arguments):
    return scale_control.PARTS[name].study(scale_control.parser().parse_args(list(arguments)))


@pytest.mark.parametrize("name", scale_control.PARTS)
def test_every_part_has_the_setting_that_the_page_describes(name):
    study = study_of(name)
    assert (study.architecture, study.data.image_size) == (ws.ConvNet(16), "16")
    assert study.evaluation.evaluate is ws.EvaluateOn.TEST
    assert sum(study.stream.sizes(50_000)) == 6000
    assert study.carry_over.optimizer_state is OptimizerState.RESET
    assert study.carry_over.normalization is ws.Normalization.RECALIBRATE
    assert study.recipe.batch_size == 128
    assert study.seeds == 6


@pytest.mark.parametrize("name", scale_control.PARTS)
def test_every_shrink_perturb_has_its_control_and_every_part_its_cold_start(name):
    strategies = scale_control.PARTS[name].arms
    kept = [one for one in strategies if isinstance(one, ws.ShrinkPerturb) and not one.before_first_round]
    assert kept
    assert [ws.NormMatched(one.shrink) for one in kept] == [
        one for one in strategies if isinstance(one, ws.NormMatched)
    ]
    assert ws.Cold() in strategies
    assert ws.Warm() in strategies


@pytest.mark.parametrize("name", TO_TARGET)
def test_rounds_to_99_percent_have_a_cold_start_of_smaller_scale_and_no_augmentation(name):
    study = study_of(name)
    assert ws.Cold(0.5) in scale_control.PARTS[name].arms
    assert ws.ShrinkPerturb(before_first_round=True) in scale_control.PARTS[name].arms
    assert (study.stop.train_accuracy, study.stop.patience) == (0.99, None)
    assert study.recipe.augmentation == ()


@pytest.mark.parametrize("name", TO_TARGET)
def test_the_title_of_a_part_names_its_optimizer_and_its_rounds(name):
    study, title = study_of(name), scale_control.PARTS[name].title
    assert title.endswith(f"{str(study.recipe.optimizer).upper()} {study.recipe.learning_rate}".replace("ADAM", "Adam"))
    assert title.startswith({2: "two rounds", 20: "20 rounds"}[len(study.stream.sizes(50_000))])


def test_a_reduced_budget_is_that_of_the_last_round_only():
    studies = [study_of(name) for name in BUDGETS]
    assert [study.stop.max_epochs for study in studies] == [30, 15, 10]
    assert {arm.first_epochs for study in studies for arm in study.arms} == {30}
    assert {(study.stop.train_accuracy, study.stop.patience) for study in studies} == {(None, None)}
    assert {str(study.recipe.schedule) for study in studies} == {"cosine"}


def test_some_arms_can_be_run_before_the_others():
    study = study_of("growing-adam", "--arm", "warm", "--arm", "cold")
    assert study.labels == ("cold", "warm")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A part of each kind, run at its smallest and written into a page."""
    folder = tmp_path_factory.mktemp("scale")
    (folder / "images").mkdir()
    marks = "".join(f"<!-- {name} -->\n<!-- end -->\n" for name in ("answers", "summary", "budget", "two-phase-adam"))
    (folder / "page.md").write_text(f"Before.\n{marks}After.\n")
    few = ["--arm", "cold", "--arm", "warm", "--arm", "shrink-perturb", "--arm", "norm-matched"]
    parts = ["--part", "two-phase-adam", "--part", "budget-full", "--part", "budget-half"]
    where = ["--out", str(folder / "store"), "--json", str(folder / "result.json"), "--page", str(folder / "page.md")]
    scale_control.main([*TINY, *few, *parts, *where, "--seeds", "2", "--workers", "1"])
    return folder


def test_parts_are_run_and_paired_by_seed(tiny):
    result = json.loads((tiny / "result.json").read_text())
    assert list(result["parts"]) == ["two-phase-adam", "budget-full", "budget-half"]
    for part in result["parts"].values():
        assert list(part["seeds"]) == ["cold", "warm", "shrink-perturb", "norm-matched"]
        assert part["study"]["seeds"] == 2
        assert {len(values) for of in part["seeds"].values() for values in of.values()} == {2}
    half = result["comparisons"]["budget-half"]["beside cold"]["warm"]["accuracy"]
    warm, cold = (result["parts"][f"budget-{name}"]["seeds"] for name in ("half", "full"))
    expected = [a - b for a, b in zip(warm["warm"]["accuracy"], cold["cold"]["accuracy"], strict=True)]
    assert half["mean"] == pytest.approx(sum(expected) / 2)


def test_a_result_names_no_place_on_the_machine(tiny):
    assert str(tiny) not in (tiny / "result.json").read_text()


def test_a_page_is_filled_between_its_marks_and_keeps_the_rest(tiny):
    lines = (tiny / "page.md").read_text().splitlines()
    assert (lines[0], lines[-1]) == ("Before.", "After.")
    assert sum(line.startswith("| `shrink-perturb` | 2 |") for line in lines) == 1
    assert sum("epochs | `warm` | 2 |" in line for line in lines) == 2
    assert (tiny / "images/scale-control-two-rounds.svg").exists()


def test_a_study_that_is_complete_is_not_run_again(tiny, capsys):
    before = {file: file.stat().st_mtime_ns for file in (tiny / "store").rglob("*.jsonl")}
    assert before
    few = ["--arm", "cold", "--arm", "warm", "--arm", "shrink-perturb", "--arm", "norm-matched"]
    scale_control.main([*TINY, *few, "--part", "budget-half", "--out", str(tiny / "store"), "--seeds", "2"])
    assert {file: file.stat().st_mtime_ns for file in (tiny / "store").rglob("*.jsonl")} == before
    assert "Is a cheaper last round as good?" in capsys.readouterr().out


def record(arm, seed, number, accuracy):
    return RoundRecord(arm, seed, number, 9, 9, accuracy, {}, 0.9, "converged", 1, 10 * number, 9, None, 9.0, 1.0)


def test_seeds_after_an_unfinished_one_are_left_out():
    rounds = [record("a", seed, number, 0.1 * number) for seed in (0, 1, 3) for number in (1, 2)]
    rounds += [record("b", 0, 1, 0.1), record("a", 2, 1, 0.1)]
    found = scale_control.values_of(StudyRecords({}, ("a", "b"), 2, 4, tuple(rounds), {}, {}), {"a": "A", "b": "B"})
    assert list(found) == ["A"]
    assert found["A"]["accuracy"] == [0.2, 0.2]
    assert found["A"]["steps"] == [30, 30]
    assert found["A"]["accuracy by round"] == [[0.1, 0.2], [0.1, 0.2]]


def part_of(**accuracies):
    """Return a part with these accuracies of each seed by arm, all of ten steps."""
    seeds = {
        arm: {
            "accuracy": values,
            "mean accuracy": values,
            "steps of the last round": [10] * len(values),
            "steps": [10] * len(values),
        }
        for arm, values in accuracies.items()
    }
    return {"seeds": seeds}


def test_a_comparison_of_several_arms_is_that_of_their_means_by_seed():
    part = part_of(a=[0.5, 0.7, 0.6], b=[0.7, 0.9, None], c=[0.5, 0.75, 0.5])
    found = scale_control.beside(part, ["a", "b"], part, ["c"])["accuracy"]
    assert found["n"] == 2
    assert found["mean"] == pytest.approx((0.1 + 0.05) / 2)


def test_a_comparison_has_the_seeds_that_all_its_arms_have():
    part, other = part_of(a=[0.5, 0.7, 0.6]), part_of(b=[0.4, 0.6])
    assert scale_control.beside(part, ["a"], other, ["b"])["accuracy"]["n"] == 2
    assert scale_control.beside(part, ["a"], other, ["b"])["accuracy"]["mean"] == pytest.approx(0.1)


@pytest.mark.parametrize("name", RESULT["parts"])
def test_comparisons_of_the_file_are_those_of_its_seeds(name):
    part, found = RESULT["parts"][name], RESULT["comparisons"][name]
    full = RESULT["parts"]["budget-full"] if name.startswith("budget") else part
    for label, of in found["beside cold"].items():
        own, cold = part["seeds"][label], full["seeds"]["cold"]
        n = of["accuracy"]["n"]
        assert n == min(len(own["accuracy"]), len(cold["accuracy"]))
        by_hand = paired_difference(own["accuracy"][:n], cold["accuracy"][:n])
        assert of["accuracy"]["mean"] == pytest.approx(by_hand.mean)
        assert of["accuracy"]["low"] == pytest.approx(by_hand.low)
        assert of["steps"]["mean"] == pytest.approx(paired_ratio(own["steps"][:n], cold["steps"][:n]).mean)
    assert scale_control.compared(RESULT["parts"])[name] == nearly(found)


@pytest.mark.parametrize("name", RESULT["parts"])
def test_the_file_says_what_was_run_and_where(name):
    part = RESULT["parts"][name]
    arms = list(part["seeds"])
    assert {"cold", "warm"} <= set(arms)
    assert len(part["study"]["strategies"]) == len(arms)
    assert part["study"]["recipe"]["optimizer"] in ("adam", "sgd")
    assert {"cpu", "cores", "torch", "python", "commit", "precision", "workers", "threads"} <= set(part["provenance"])
    assert "directory" not in part["study"]["data"]
    assert min(of["n"] for of in part["means"].values()) >= scale_control.FEWEST


def test_the_file_holds_the_settings_of_the_program():
    for name, part in RESULT["parts"].items():
        study = scale_control.study_to_dict(study_of(name))
        same = ("model", "stream", "evaluation", "stop", "carry_over")
        assert {key: part["study"][key] for key in same} == {key: study[key] for key in same}
        assert set(part["study"]["strategies"]) <= set(study["strategies"])


def test_the_page_agrees_with_its_file():
    assert page.filled(PAGE, RESULT) == PAGE
    assert all(f"<!-- {name} -->" in PAGE for name in page.blocks(RESULT))


def test_what_the_page_reads_into_its_numbers_is_in_them():
    """The paragraph by hand after the answers, sentence by sentence."""
    found = RESULT["comparisons"]

    def sign(of):
        return (of["accuracy"]["mean"] > 0) - (of["accuracy"]["mean"] < 0) if of["accuracy"]["detected"] else 0

    def mean(of):
        return of["accuracy"]["mean"]

    fitted = page.to_target(RESULT)
    two_rounds = {"two-phase-adam", "two-phase-sgd-0.1", "two-phase-sgd-0.01"}
    assert set(fitted) == {*two_rounds, "growing-adam"}
    for name in two_rounds:
        part = fitted[name]
        assert sign(part["kept weights"]) == -1
        assert all(sign(one) <= 0 for one in part["beside its control"].values())
        kept = {label: mean(of) for label, of in part["beside cold"].items() if label in part["beside its control"]}
        assert max(kept, key=kept.get) == "shrink-perturb:shrink=0.2"
    growing = fitted["growing-adam"]
    assert mean(growing["shrink-perturb"]) == pytest.approx(0.03, abs=0.005)
    assert sign(growing["kept weights"]) == sign(growing["scale"]) == 1
    assert mean(growing["scale"]) > 2 * mean(growing["kept weights"])
    assert {name: sign(part["warm"]) for name, part in fitted.items()} == {
        "two-phase-adam": -1,
        "two-phase-sgd-0.1": -1,
        "growing-adam": -1,
        "two-phase-sgd-0.01": 0,
    }
    slow = fitted["two-phase-sgd-0.01"]["beside cold"]
    assert slow["shrink-perturb"]["steps of the last round"]["high"] < 0.5
    assert slow["norm-matched"]["steps of the last round"]["mean"] == pytest.approx(2 / 3, abs=0.02)
    assert abs(mean(found["budget-full"]["scale"])) < 0.005
    half = found["budget-half"]["beside cold"]["shrink-perturb"]["accuracy"]
    assert half["low"] > -0.007
    assert all(mean(found["budget-third"]["beside cold"][start]) <= -0.01 for start in ("warm", "shrink-perturb"))
    for name in ("budget-half", "budget-third"):
        assert sign(found[name]["kept weights"]) == 1
        assert sign(found[name]["scale"]) == 0
        # As many points as the cold start loses, or nearly: at least two thirds of them.
        lost = -found[name]["beside cold"]["cold"]["accuracy"]["mean"]
        assert found[name]["kept weights"]["accuracy"]["mean"] > lost * 2 / 3
        starts = RESULT["parts"][name]["seeds"]
        warm, kept_too = starts["warm"]["accuracy"], starts["shrink-perturb"]["accuracy"]
        assert abs(paired_difference(warm, kept_too).mean) < 0.005


def test_every_chart_is_on_the_page_and_has_the_files_numbers():
    for name, chart in page.charts(RESULT).items():
        assert f"images/{name}.svg" in PAGE
        drawn = (ROOT / "docs/images" / f"{name}.svg").read_text()
        values = chart.to_dict().get("data", {}).get("values") or [
            row for layer in chart.to_dict()["layer"] for row in layer.get("data", {}).get("values", [])
        ]
        assert all(row["start"] in drawn for row in values)


def difference(mean, half, n=6):
    low, high = mean - half, mean + half
    return {"mean": mean, "low": low, "high": high, "n": n, "detected": not low <= 0 <= high}


def result_with(kept, warm=None, rounds=2):
    """Return a result with one part to 99 % and, if a warm start's difference is given, half a budget."""
    of = {"accuracy": kept, "mean accuracy": difference(-0.03, 0.01)}
    comparisons = {"two-phase-adam": {"kept weights": of, "scale": of}}
    part = {"title": "two rounds to 99 %, Adam", "study": {"stream": {"rounds": rounds}}}
    if warm is not None:
        starts = {"warm": {"accuracy": warm}, "cold": {"accuracy": difference(-0.05, 0.01)}}
        comparisons["budget-half"] = {"beside cold": starts, "kept weights": of, "scale": of}
    return {"comparisons": comparisons, "parts": dict.fromkeys(comparisons, part)}


@pytest.mark.parametrize(
    ("mean", "half", "expected"),
    [
        (0.02, 0.01, "higher in 1 of 1 settings, lower in 0, no difference detected in 0 (two rounds, Adam: higher by"),
        (-0.02, 0.01, "higher in 0 of 1 settings, lower in 1, no difference detected in 0 (two rounds, Adam: lower by"),
        (
            0.02,
            0.03,
            "lower in 0, no difference detected in 1 (two rounds, Adam: no difference detected [-1.0, 5.0], 6",
        ),
    ],
)
def test_the_answer_about_kept_weights_is_what_the_interval_says(mean, half, expected):
    kept, budget, _ = page.answers(result_with(difference(mean, half)))
    assert expected in kept
    assert "the same budget: not run" in budget


@pytest.mark.parametrize(
    ("mean", "half", "expected"),
    [
        (-0.002, 0.004, "a loss of more than 0.7 points is excluded"),
        (-0.002, 0.008, "a loss of more than 0.7 points is neither shown nor excluded"),
        (-0.02, 0.008, "a loss of more than 0.7 points is shown"),
    ],
)
def test_the_answer_about_cost_is_what_the_interval_says(mean, half, expected):
    _, budget, cost = page.answers(result_with(difference(0.01, 0.005), difference(mean, half)))
    assert expected in cost
    assert "a cold start with half of it: lower by 5.0 points [4.0, 6.0]" in cost
    assert "and the same budget: higher in 1 of 1 settings" in budget


@pytest.mark.parametrize(("rounds", "is_said"), [(2, False), (20, True)])
def test_the_mean_of_all_rounds_is_said_of_many_rounds_only(rounds, is_said):
    kept = page.answers(result_with(difference(0.02, 0.01), rounds=rounds))[0]
    assert ("6 seeds, and over all rounds lower by 3.0 points [2.0, 4.0]" in kept) is is_said


def test_a_mean_with_a_diverged_round_is_none():
    rounds = [record("a", 0, 1, None), record("a", 0, 2, 0.3), record("a", 1, 1, 0.1), record("a", 1, 2, 0.3)]
    found = scale_control.values_of(StudyRecords({}, ("a",), 2, 2, tuple(rounds), {}, {}), {"a": "A"})
    assert found["A"]["mean accuracy"] == [None, pytest.approx(0.2)]
    assert found["A"]["accuracy"] == [0.3, 0.3]


def test_two_estimates_agree_if_their_intervals_explain_the_difference():
    assert page.agreement(difference(0.01, 0.01), 0.0, 0.5) == "yes"
    assert page.agreement(difference(0.02, 0.01), 0.0, 0.5) == "no, +2.0"
    assert page.agreement(difference(0.009, 0.008), 0.0, 0.6) == "yes"


def test_one_seed_has_no_interval():
    one = {"mean": 0.02, "low": None, "high": None, "n": 1, "detected": False}
    assert (page.margin(one), page.times(one), page.agreement(one, 1.0, 1.0)) == ("-", "-", "-")
    assert page.within(one) == "a loss of more than 0.7 points is neither shown nor excluded"
