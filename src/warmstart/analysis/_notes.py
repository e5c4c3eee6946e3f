"""What a reader must keep in mind with one particular verdict."""

from collections.abc import Iterator

from warmstart.basics import ACCURACY, PERCENT, Metric, shown
from warmstart.statistics import Estimate

from ._auto_seeds import width_of
from ._context import class_shares, share_text
from ._summary_types import ArmSummary
from ._verdict import Facts, counted, difference_words
from ._view import View

CLEARLY_SHORT = 0.02
"""A plateau this far short of the target training score is no near miss; relative to it where it is not a share."""

FAR_APART = 0.10
"""Training scores this far above held-out ones are memorised; of errors, held-out ones half as large again."""

FLATTERING = 0.05
"""A held-out score this far above that on the next arrival flatters; of errors, a tenth of it."""

ONE_SIDED = 0.90
"""Where the largest class has this share, accuracy says little."""


def notes_of(facts: Facts, view: View) -> tuple[str, ...]:
    """Return the notes that apply, one sentence each."""
    if not facts.rounds_finished:
        return ()
    return (
        *_on_comparisons(facts, view),
        *_on_baselines(facts, view),
        *_on_classes(facts, view),
        *_on_training(facts, view),
        *_on_next_arrivals(facts, view),
        *_on_stop_reasons(facts, view),
    )


def _on_comparisons(facts: Facts, view: View) -> Iterator[str]:
    if facts.others and all(arm.arm != "cold" for arm in facts.arms):
        yield f"No strategy is labelled cold: the others are compared with the first, {facts.reference}."
    # Without an interval there is nothing to correct.
    if len(facts.others) > 1 and facts.pairs > 1:
        yield (
            f"{len(facts.others)} strategies are compared with one reference: each interval holds for its own "
            "comparison and is not corrected for their number."
        )
    if facts.auto_seeds is not None and facts.others:
        yield _on_auto_seeds(facts, view)
    rigid = []
    for arm in facts.others:
        difference = arm.score_difference
        if difference is not None and difference.interval is not None and difference.detected:
            low, high = difference.interval
            # Equal differences leave rounding noise between the two ends.
            if high - low < 1e-12:
                rigid.append(arm.arm)
    if rigid:
        yield (
            f"All seeds differ by the same amount for {', '.join(rigid)}: an interval of no width from few seeds "
            "understates the uncertainty."
        )


def _on_auto_seeds(facts: Facts, view: View) -> str:
    """Return why the intervals are wider than usual, and what width was reached where seeds ran out."""
    # The learner's own score decides, whatever metric is shown afterwards.
    auto, own = facts.auto_seeds, view.records.metric
    unit, of_own = own.difference_unit, "" if view.metric_key is None else f" in {own.name}"
    assert auto is not None, "called only where there is a rule"
    note = (
        f"Seeds {'were' if facts.complete else 'are'} added until the interval of every difference{of_own} is narrower "
        f"than {f'{auto.width:g} {unit}'.rstrip()} or excludes zero, so intervals of differences and ratios are "
        "sequential ones that stay valid however often one looks."
    )
    widths = {arm.arm: width_of(found, facts.metric) for arm in facts.others if (found := arm.score_difference)}
    wide = [
        f"{arm.arm} {f'{widths[arm.arm]:.3g} {unit}'.rstrip()}"
        for arm in facts.others
        if (found := arm.score_difference) and not found.detected and auto.width <= widths[arm.arm] < float("inf")
    ]
    if facts.complete and wide and not of_own:
        note += f" {auto.max} seeds, the most allowed, were not enough; widths reached: {', '.join(wide)}."
    return note


def _on_baselines(facts: Facts, view: View) -> Iterator[str]:
    """Say which arms learned nothing that a baseline does not have, each against the best of the baselines."""
    metric, key = facts.metric, view.metric_key or view.records.metric.name
    levels = {name: values[key].mean for name, values in view.baselines().items() if key in values}
    known = {name: level for name, level in levels.items() if level is not None}
    if not known:
        return
    best = (max if metric.higher_is_better else min)(known, key=lambda name: known[name])
    behind: dict[str, list[str]] = {"No better": [], "Not shown to be better": []}
    for arm in facts.arms:
        above = view.above_baseline(arm.arm, best)
        if above.mean is not None and not (metric.is_better(above.mean) and (above.detected or above.n == 1)):
            # The size is said although it was not detected: what the sentence is about is how large it can be.
            words = difference_words(metric, above).replace("no difference detected ", "")
            # That nothing was detected of a wide interval, as of two seeds, does not say that there is nothing.
            is_open = above.interval is not None and not above.detected and any(above.interval)
            behind["Not shown to be better" if is_open else "No better"].append(f"{arm.arm} {words}")
    for start, arms in behind.items():
        if arms:
            yield f"{start} than a predictor that learns nothing ({best}), by {metric.name}: {', '.join(arms)}."


def _on_classes(facts: Facts, view: View) -> Iterator[str]:
    shares = class_shares(view.records.data)
    if not shares or view.records.metric != ACCURACY:
        return
    largest, share = next(iter(shares.items()))
    named = f"the largest class, '{shown(largest)}'"
    if share >= ONE_SIDED and view.metric_key is None:
        balanced = [
            f"{arm.arm} has {ACCURACY.text(found.mean)}"
            for arm in facts.arms
            if (found := arm.metrics.get("balanced_accuracy")) is not None and found.mean is not None
        ]
        instead = f"; by --metric balanced-accuracy {', '.join(balanced)}" if balanced else ""
        yield f"{named[0].upper()}{named[1:]}, has {share_text(share)} of the samples: accuracy says little{instead}."
    target = _train_target(view)
    if target is not None and target <= share:
        # A target accuracy is raised by training itself; see StoppingRule.above_base_rate.
        is_raised = not isinstance(view.records.study.get("stop", {}).get("train_score"), int | float)
        end = "so rounds end at a higher one instead" if is_raised else "rounds may end before anything is learned"
        yield (
            f"The stopping rule asks for a training accuracy of {100 * target:g} %, which always predicting "
            f"'{shown(largest)}' reaches already ({share_text(share)}){',' if is_raised else ':'} {end}."
        )


def _on_training(facts: Facts, view: View) -> Iterator[str]:
    metric, memorized = view.records.metric, []
    for arm in facts.arms:
        if _are_apart(metric, arm.train_score, arm.own_score):
            memorized.append(f"{arm.arm} {_both(metric, arm.train_score, arm.own_score)}")
    if memorized:
        way_out = (
            ""
            if _stops_early(view) or not _has_stopping_rule(view)
            else ("; early stopping is one option away: --early-stopping on")
        )
        yield f"Training and held-out scores are far apart ({', '.join(memorized)}): the models may memorize{way_out}."
    records = view.records.rounds
    most = view.records.study.get("stop", {}).get("max_epochs")
    if most not in (None, 1) and all(one.epochs <= 1 and one.stop_reason == "converged" for one in records):
        yield "Every round ended after its first epoch: the stopping rule was met before there was much to learn."


def _on_next_arrivals(facts: Facts, view: View) -> Iterator[str]:
    metric, flattered = view.records.metric, []
    for arm in facts.arms:
        held_out, difference = view.above_holdout(arm.arm)
        if difference.mean is None or held_out.mean is None or metric.is_better(difference.mean):
            continue
        least = FLATTERING if metric.unit == PERCENT else 0.1 * abs(held_out.mean)
        if abs(difference.mean) > least and (difference.detected or difference.interval is None):
            flattered.append(f"{arm.arm} {_both(metric, arm.next_score, held_out)}")
    if flattered:
        yield (
            "A random holdout flatters: on the next arrival scores are worse than on held-out data "
            f"({', '.join(flattered)}, means over rounds)."
        )


def _on_stop_reasons(facts: Facts, view: View) -> Iterator[str]:
    # Of all finished rounds, not of the compared one: an early round that was cut off starts the later ones.
    limited, diverged = (
        ", ".join(_share(arm, reason) for arm in facts.arms if arm.stop_reasons[reason])
        for reason in ("limit", "diverged")
    )
    if limited and _has_stopping_rule(view):
        yield f"Rounds that stopped at a limit, before the stopping rule was met: {limited}."
    if diverged:
        yield f"Rounds that diverged: {diverged}. What they cost is counted; they have no {facts.metric.name}."
    target, metric = _train_target(view), view.records.metric
    if target is None:
        return
    # Targets of built-in learners of numbers are minus a loss, of which more is better.
    rises = metric.higher_is_better or target < 0
    is_share, score = metric.unit == PERCENT, "accuracy" if metric == ACCURACY else "score"
    tolerance = CLEARLY_SHORT if is_share else CLEARLY_SHORT * abs(target)
    wanted = f"{100 * target:g} %" if is_share else f"{target:g}"
    short, memorized = [], []
    for arm in facts.arms:
        reached = view.plateau(arm.arm)
        missing = 0.0 if reached.mean is None else target - reached.mean
        if reached.mean is not None and (missing if rises else -missing) > tolerance:
            average = f"{100 * reached.mean:.0f} %" if is_share else f"{reached.mean:.3g}"
            is_memorized = view.has_training_scores and _are_apart(metric, reached, arm.own_score)
            found = memorized if is_memorized else short
            found.append(f"{_share(arm, 'plateau')}, at {average} on average")
    start = f"Rounds that ended on a plateau short of the training {score} target ({wanted})"
    if short:
        yield (
            f"{start}: {', '.join(short)}. Such rounds may be undertrained, and a strategy that continues from them "
            "then gains by training on."
        )
    # On noisy data such a target is reached by memorizing alone: more training is the wrong way.
    if memorized:
        yield f"{start}: {', '.join(memorized)}. Held-out scores are far lower still, so more epochs will not help."


def _train_target(view: View) -> float | None:
    """Return the training score that the stopping rule asks for; None: it asks for none."""
    stop = view.records.study.get("stop", {})
    # With early stopping the loss on a validation part decides, unless a target was given beside it.
    names = ("train_score",) if _stops_early(view) else ("train_score", "train_accuracy")
    # A resolved study writes "none" for None.
    return next((float(stop[name]) for name in names if isinstance(stop.get(name), int | float)), None)


def _has_stopping_rule(view: View) -> bool:
    # A learner of the user's own ends its rounds as it likes.
    return "stop" in view.records.study or "learner" not in view.records.study


def _stops_early(view: View) -> bool:
    # It is stored where it is not auto, which is on for tables: numbers, neither images nor whole ones.
    chosen = view.records.study.get("stop", {}).get("early_stopping", "auto")
    data = view.records.data
    is_table = str(data.get("input_type", "")).startswith("float") and len(data.get("input_shape", ())) != 3
    return chosen == "on" or (chosen == "auto" and is_table)


def _are_apart(metric: Metric, training: Estimate, held_out: Estimate) -> bool:
    """Return whether a training score is so much better than a held-out one that it was memorized."""
    if training.mean is None or held_out.mean is None:
        return False
    if metric.unit == PERCENT:
        return metric.is_better(training.mean - held_out.mean - (FAR_APART if metric.higher_is_better else -FAR_APART))
    # An error of zero is memorized, whatever the unit; other scores have no zero that half as large again is about.
    return not metric.higher_is_better and 0 <= training.mean < held_out.mean / 1.5


def _both(metric: Metric, one: Estimate, other: Estimate) -> str:
    return " against ".join(metric.text(value.mean) for value in (one, other) if value.mean is not None)


def _share(arm: ArmSummary, reason: str) -> str:
    return f"{arm.stop_reasons[reason]} of {counted(sum(arm.stop_reasons.values()), 'round')} of {arm.arm}"
