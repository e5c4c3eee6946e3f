"""Version 1, and Figure 9: transfer to a second data set, of which a fraction is there."""

from collections.abc import Sequence

from warmstart.paper._exhibits import Axis, Curves, Exhibit, Format
from warmstart.paper._experiment import Case, Claim, Experiment, Judgement
from warmstart.paper._judge import better, if_trained, in_all, not_worse, untestable, worse
from warmstart.paper._results import CaseResults, Results
from warmstart.paper._setting import Setting
from warmstart.paper._show import arm_point, arms_table, fit_for_a_file, published_text, their_points
from warmstart.strategies import Cold, ShrinkPerturb, Warm
from warmstart.streams import Part
from warmstart.studies import Study

from ._levels import at_full_scale
from ._study import paper_study

ID = "transfer"
FRACTIONS = (0.04, 0.1, 0.3, 1.0)
FEWEST = 10
SAME_DATA = untestable("One data set stands in for both, so that there is nothing to transfer to.")


def _cases(setting: Setting) -> Sequence[Case]:
    return [
        Case({"source": source, "data": data, "fraction": f"{fraction:g}"}, _study(setting, source, data, fraction))
        for source, data in _pairs(setting)
        for fraction in _fractions(setting, data)
    ]


def _pairs(setting: Setting) -> Sequence[tuple[str, str]]:
    """Return source and data; one pair where one data set takes the place of all."""
    if setting.data is not None:
        return [(setting.data, setting.data)]
    photographs, classes, digits = "cifar10", "cifar100", setting.digits
    # A thinned grid keeps the ends: version 1's pair, and the one with numbers at the smallest fraction, too.
    pairs = [
        (photographs, digits),
        (digits, photographs),
        (photographs, classes),
        (classes, digits),
        (digits, classes),
        (classes, photographs),
    ]
    return setting.grid(pairs)


def _fractions(setting: Setting, data: str) -> list[float]:
    """Return the fractions, without those that leave hardly a sample."""
    return setting.grid([part for part in FRACTIONS if part == 1 or part * setting.fitted(data) >= FEWEST])


def _study(setting: Setting, source: str, data: str, fraction: float) -> Study:
    return paper_study(
        setting,
        [Cold(), Warm(), ShrinkPerturb()],
        data=data,
        source=setting.source(source),
        stream=Part(fraction),
    )


def _exhibits(results: Results) -> Sequence[Exhibit]:
    caption = (
        "Accuracy on the second data set, after training on a fraction of it. SVHN's published numbers are also beside "
        "MNIST-M where that stands in for it."
    )
    table = arms_table("accuracy", caption, results.cases, theirs=_theirs)
    return [table, *(_chart(results, source, data) for source, data in _begun(results))]


def _begun(results: Results) -> list[tuple[str, str]]:
    return list(dict.fromkeys((case.facets["source"], case.facets["data"]) for case in results.cases))


def _theirs(case: CaseResults, arm: str) -> dict[str, str]:
    source, data = (case.facets[key].replace("mnist-m", "svhn") for key in ("source", "data"))
    fraction = float(case.facets["fraction"])
    return {"paper %": published_text(ID, source=source, data=data, fraction=fraction, arm=arm)}


def _chart(results: Results, source: str, data: str) -> Curves:
    ours = [
        arm_point(case, arm, series=arm, x=float(case.facets["fraction"]))
        for case in results.where(source=source, data=data)
        for arm in case.arms
    ]
    # There are none for MNIST-M: SVHN's lie elsewhere on the axis.
    theirs = their_points(ID, series=lambda number: str(number.facets["arm"]), x="fraction", source=source, data=data)
    return Curves(
        fit_for_a_file("accuracy", source, data),
        f"Accuracy on {data} against the fraction of it that is trained on, after training on {source}.",
        Axis(f"fraction of {data}", log=True),
        Axis("accuracy", Format.SHARE),
        (*ours, *at_full_scale(results, theirs)),
    )


def _warm_helps_with_little(results: Results) -> Judgement:
    if results.setting.data is not None:
        return SAME_DATA
    if results.cases and not any(float(case.facets["fraction"]) < 1 for case in results.cases):
        return untestable("None of the smaller fractions has results, or enough samples.")
    return in_all(
        if_trained(case, ["cold", "warm"], better(case.difference("warm"), f"Warm against cold, {_name(case)}"))
        for case in _at_smallest(results)
    )


def _warm_hurts_with_all(results: Results) -> Judgement:
    if results.setting.data is not None:
        return SAME_DATA
    return in_all(
        if_trained(case, ["cold", "warm"], worse(case.difference("warm"), f"Warm against cold, {_name(case)}"))
        for case in results.where(fraction="1")
    )


def _shrinking_does_both(results: Results) -> Judgement:
    if results.setting.data is not None:
        return SAME_DATA
    compared = [("cold", case) for case in results.where(fraction="1")]
    compared += [("warm", case) for case in _at_smallest(results)]
    return in_all(_shrinking_is_not_worse(case, reference) for reference, case in compared)


def _shrinking_is_not_worse(case: CaseResults, reference: str) -> Judgement:
    what = f"Shrink-perturb against {reference}, {_name(case)}"
    judgement = not_worse(case.difference("shrink-perturb", reference), what)
    return if_trained(case, ["shrink-perturb", reference], judgement)


def _at_smallest(results: Results) -> list[CaseResults]:
    """Return the studies of the smallest fraction that is planned of each data set."""
    setting = results.setting
    return [
        case
        for case in results.cases
        if float(case.facets["fraction"]) == min(_fractions(setting, case.facets["data"])) < 1
    ]


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
        "all of it; warm, fresh and shrink-perturb; the head is new where the classes differ in number."
    ),
    deviations=(
        "MNIST-M stands in for SVHN where that is not at hand; Adam with learning rate 1e-3 and a stop at 99 % "
        "training accuracy in both rounds; shrink-perturb as in the released code, 0.4 times the weights plus 0.1 "
        "times fresh ones."
    ),
    cases=_cases,
    exhibits=_exhibits,
    claims=(
        Claim(
            "With a small fraction, the warm start is more accurate than a fresh one.",
            _warm_helps_with_little,
            published="CIFAR-100 to 4 % of CIFAR-10: 61 % against 38 %, read off the figure.",
        ),
        Claim(
            "With all of the second data set, it is less accurate.",
            _warm_hurts_with_all,
            published=(
                "45.5 against 48 % (CIFAR-10 to CIFAR-100), 79 against 80 (CIFAR-100 to CIFAR-10), 75 against 80 (SVHN "
                "to CIFAR-10), 40 against 48 (SVHN to CIFAR-100), 93 against 93.3 and 92.3 against 93.3 (to SVHN), "
                "read off the figure."
            ),
        ),
        Claim(
            "Shrink-perturb is as good as the better of both: as warm with little data, as fresh with all.",
            _shrinking_does_both,
            published=(
                "63 against 61 % (CIFAR-100 to 4 % of CIFAR-10); with all data 50.5 against 48 (CIFAR-10 to "
                "CIFAR-100), 82 against 80 (CIFAR-100 to CIFAR-10), 79.5 against 80 (SVHN to CIFAR-10), 47 against 48 "
                "(SVHN to CIFAR-100), 94 against 93.3 and 93.5 against 93.3 (to SVHN), read off the figure."
            ),
        ),
    ),
)
