"""Version 1, and Figure 9: transfer to a second data set, of which a fraction is available."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import wraps

from warmstart.paper.kit.exhibits import ACCURACY_AXIS, Axis, Curves, Exhibit
from warmstart.paper.kit.experiment import Case, Claim, Experiment, Judgement, paper_study
from warmstart.paper.kit.judge import (
    DifferenceJudge,
    better,
    in_all,
    not_better,
    not_worse,
    untestable,
    worse,
)
from warmstart.paper.kit.points import arm_point, at_full_scale, published_points
from warmstart.paper.kit.pooled import compared, mean_judged
from warmstart.paper.kit.results import CaseResults, Results
from warmstart.paper.kit.setting import STAND_IN, SVHN, Desk, Setting
from warmstart.paper.kit.tables import arms_table, exhibit_name, published_text
from warmstart.strategies import Cold, Noise, ShrinkPerturb, Warm
from warmstart.streams import Part
from warmstart.studies import Arm

ID = "transfer"
FRACTIONS = (0.04, 0.1, 0.3, 1.0)
# In the desk setting: of the target's 6,000 images 300, 1,200 and all.
DESK_FRACTIONS, DESK_SOURCE = (0.05, 0.2, 1.0), 10_000
# The figure's factor and noise.
REMEDY = Arm(ShrinkPerturb(0.3, 1e-4, Noise.GAUSSIAN))
SHRUNK = REMEDY.label
# A model of fewer samples says nothing about a fraction.
FEWEST = 10


def _cases(setting: Setting) -> Sequence[Case]:
    arms = [Cold(), Warm(), REMEDY]
    return [
        Case(
            {"source": source, "data": data, "fraction": f"{part:g}"},
            paper_study(setting, arms, data=data, source=setting.source(source, DESK_SOURCE), stream=Part(part)),
        )
        for source, data in _pairs(setting)
        for part in _fractions(setting, data)
    ]


def _pairs(setting: Setting) -> Sequence[tuple[str, str]]:
    """Return source and second data set; one pair if one data set replaces all of the paper's."""
    if setting.data is not None:
        return [(setting.data, setting.data)]
    photographs, classes, digits = "cifar10", "cifar100", setting.digits
    # A thinned grid keeps the ends: version 1's pair, and the only one with numbers at the smallest fraction, too.
    pairs = [
        (photographs, digits),
        (digits, photographs),
        (photographs, classes),
        (classes, digits),
        (digits, classes),
        (classes, photographs),
    ]
    return setting.grid(pairs, desk=(pairs[0], pairs[-1]))


def _fractions(setting: Setting, data: str) -> list[float]:
    """Return the fractions, without those that leave hardly a sample."""
    usual = [part for part in FRACTIONS if part == 1 or part * setting.fitted(data) >= FEWEST]
    return setting.grid(usual, desk=DESK_FRACTIONS)


def _exhibits(results: Results) -> Sequence[Exhibit]:
    caption = (
        "Accuracy on the second data set, after training on a fraction of it. SVHN's published numbers are also beside "
        "MNIST-M where that stands in for it."
    )
    table = arms_table("accuracy", caption, results.cases, extra=_paper_column)
    pairs = dict.fromkeys((case.facets["source"], case.facets["data"]) for case in results.cases)
    return [table, *(_chart(results, source, data) for source, data in pairs)]


def _paper_column(case: CaseResults, arm: str) -> dict[str, str]:
    # SVHN's numbers are shown for MNIST-M as well: the caption says so.
    source, data = (case.facets[key].replace(STAND_IN, SVHN) for key in ("source", "data"))
    fraction = float(case.facets["fraction"])
    return {"paper %": published_text(ID, source=source, data=data, fraction=fraction, arm=_name_of(arm))}


def _name_of(arm: str) -> str:
    """Return the arm's name among the published numbers, and in the legend."""
    return "shrink-perturb" if arm == SHRUNK else arm


def _chart(results: Results, source: str, data: str) -> Curves:
    ours = [
        arm_point(case, arm, series=_name_of(arm), x=float(case.facets["fraction"]))
        for case in results.where(source=source, data=data)
        for arm in case.arms
    ]
    # None beside MNIST-M: a fraction of SVHN is another number of samples.
    of_paper = published_points(
        ID, series=lambda number: str(number.facets["arm"]), x="fraction", source=source, data=data
    )
    return Curves(
        exhibit_name("accuracy", source, data),
        f"Accuracy on {data} against the fraction of it that is trained on, after training on {source}.",
        Axis(f"fraction of {data}", log=True),
        ACCURACY_AXIS,
        (*ours, *at_full_scale(results, of_paper)),
    )


def _with_two_data_sets(judge: Callable[[Results], Judgement]) -> Callable[[Results], Judgement]:
    @wraps(judge)
    def judged(results: Results) -> Judgement:
        if results.setting.data is not None:
            return untestable("One data set stands in for both, so that there is nothing to transfer to.")
        found = judge(results)
        if results.setting.digits != STAND_IN or not found.reasons:
            return found
        # The claim is about pairs of data sets, and the stand-in is another one.
        return replace(found, reasons=(*found.reasons, "MNIST-M stands in for SVHN: the verdict is about MNIST-M."))

    return judged


@_with_two_data_sets
def warm_helps_with_little(results: Results) -> Judgement:
    """Judge the mean over pairs of data sets with the smallest fraction of the second one."""
    if results.cases and not any(float(case.facets["fraction"]) < 1 for case in results.cases):
        return untestable("None of the smaller fractions has results, or enough samples.")
    # A single pair contradicts the claim only by a loss: with one of six published, no gain can be asked of each.
    return _over_pairs(results, _at_smallest(results), "warm", "cold", better, not_worse)


@_with_two_data_sets
def warm_hurts_with_all(results: Results) -> Judgement:
    """Judge the mean over pairs of data sets whose second one is there in full."""
    return _over_pairs(results, results.where(fraction="1"), "warm", "cold", worse, not_better)


@_with_two_data_sets
def shrinking_does_both(results: Results) -> Judgement:
    """Judge shrink-perturb against cold with all data, and against warm with the smallest fraction."""
    both = [("cold", results.where(fraction="1")), ("warm", _at_smallest(results))]
    return in_all(_over_pairs(results, cases, SHRUNK, reference, not_worse) for reference, cases in both if cases)


def _over_pairs(
    results: Results,
    cases: Sequence[CaseResults],
    arm: str,
    reference: str,
    judge: DifferenceJudge,
    single: DifferenceJudge | None = None,
) -> Judgement:
    """Judge the mean over pairs of data sets; ``single`` says which difference of one pair contradicts the claim."""
    what = f"{'Warm' if arm == 'warm' else 'Shrink-perturb'} against {reference}"
    comparisons = [compared(case, arm, reference, what=f"{what}, {_name(case)}") for case in cases]
    return mean_judged(comparisons, judge, what=what, confidence=results.confidence, single=single)


def _at_smallest(results: Results) -> list[CaseResults]:
    """Return the studies of the smallest fraction that is planned for each data set."""
    # Planned, not begun: while the smallest is still to run, the next one must not be judged in its place.
    smallest = {
        data: min(_fractions(results.setting, data)) for data in {case.facets["data"] for case in results.cases}
    }
    return [case for case in results.cases if float(case.facets["fraction"]) == smallest[case.facets["data"]] < 1]


def _name(case: CaseResults) -> str:
    return f"{case.facets['source']} to {float(case.facets['fraction']):.0%} of {case.facets['data']}"


EXPERIMENT = Experiment(
    id=ID,
    number=5,
    title="Transfer to a second data set",
    where="Version 1; Figure 9",
    question="Up to how much data of its own does a data set gain from a model trained on another one?",
    paper_setting=(
        "ResNet-18; trained on one of CIFAR-10, CIFAR-100 and SVHN, then on a fraction of another, from about 0.04 to "
        "all of it; warm, fresh and shrink-perturb with a factor of 0.3 and Gaussian noise of 1e-4; the head is new "
        "where the classes differ in number."
    ),
    deviations=(
        "MNIST-M stands in for SVHN where that is not at hand, and verdicts are then about MNIST-M; Adam with learning "
        "rate 1e-3 and a stop at 99 % training accuracy in both rounds. The fractions between the ends are ours."
    ),
    declare=_cases,
    desk=Desk(seeds=5),
    exhibits=_exhibits,
    claims=(
        Claim(
            "With a small fraction, the warm start is more accurate than a fresh one.",
            warm_helps_with_little,
            published="CIFAR-100 to 4 % of CIFAR-10: 61 % against 38 %, read off the figure; others are not known.",
            reproduction="Repeats the figure; its numbers are not known here.",
            seeds=3,
        ),
        Claim(
            "With all of the second data set, it is less accurate.",
            warm_hurts_with_all,
            published=(
                "45.5 against 48 % (CIFAR-10 to CIFAR-100), 79 against 80 (CIFAR-100 to CIFAR-10), 75 against 80 (SVHN "
                "to CIFAR-10), 40 against 48 (SVHN to CIFAR-100), 93 against 93.3 and 92.3 against 93.3 (to SVHN), "
                "read off the figure."
            ),
            reproduction="Repeats the figure; its numbers are not known here.",
            seeds=12,
        ),
        Claim(
            "Shrink-perturb is as good as the better of both: as warm with little data, as fresh with all.",
            shrinking_does_both,
            published=(
                "63 against 61 % (CIFAR-100 to 4 % of CIFAR-10); with all data 50.5 against 48 (CIFAR-10 to "
                "CIFAR-100), 82 against 80 (CIFAR-100 to CIFAR-10), 79.5 against 80 (SVHN to CIFAR-10), 47 against 48 "
                "(SVHN to CIFAR-100), 94 against 93.3 and 93.5 against 93.3 (to SVHN), read off the figure."
            ),
            reproduction="Repeats the figure; its numbers are not known here.",
            seeds=4,
        ),
    ),
)
