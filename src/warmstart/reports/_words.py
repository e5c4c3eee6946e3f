"""The words around a report's numbers: its title, and how to read it."""

from warmstart.analysis import Summary

_PAIRED = (
    "Every strategy was trained with the same seeds: the same split, the same arrivals and the same fresh draws. "
    "A difference to {reference} is taken within each seed first, so that what the seeds have in common cancels."
)
_INTERVALS = (
    "Intervals are {share} confidence intervals over seeds (Student's t). A difference counts as detected when its "
    "interval excludes zero. 'No difference detected' does not say that two strategies are equal: the interval says "
    "how large a difference may still be. Differences of accuracy are in percentage points."
)
_COSTS = (
    "Costs cover the training of the rounds alone, without loading and evaluation: optimizer steps, samples processed "
    "(repeats counted), floating-point operations and wall-clock seconds. Seconds depend on the machine and on what "
    "else ran on it{workers}; steps, samples and operations do not."
)
_FACTORS = (
    "Factors are geometric means of the ratio to {reference} within each seed. Those of the verdict are over all "
    "rounds; the last round alone, which is what the next retraining costs, has its own column.{first_round}"
)
_FIRST_ROUND = (
    " With two phases round 1 is the same for cold and warm, so the factor over all rounds understates what an update "
    "saves."
)
_EVALUATED = {
    "holdout": (
        "data held out of training",
        " The holdouts of different seeds overlap, so intervals speak about seeds on these data, not about new data.",
    ),
    "test": (
        "the official test set",
        " It is the same for all seeds, so intervals speak about seeds on these data, not about new data.",
    ),
}
_ENDINGS = (
    "How rounds ended: 'reached' met the target of the stop rule, 'plateau' made no progress any more, 'limit' was "
    "stopped by a limit before either, 'diverged' lost its training. A strategy whose rounds end at limits is not "
    "trained to the end, so its accuracy and its cost say less."
)


def report_title(summary: Summary) -> str:
    """Return the title: the strategies and the data."""
    labels = [arm.arm for arm in summary.arms]
    names = f"{len(labels)} strategies" if len(labels) > 3 else _listed(labels)
    data = summary.data.get("name")
    return f"{names} on {data}" if data else names


def subtitle(summary: Summary) -> str:
    """Return one line on the size of the study."""
    state = "" if summary.complete else f" ({summary.rounds_finished} of {summary.rounds_planned} rounds finished)"
    rounds = "1 round" if summary.rounds_expected == 1 else f"{summary.rounds_expected} rounds"
    seeds = "1 seed" if summary.seeds_expected == 1 else f"{summary.seeds_expected} seeds"
    return f"{rounds}, {seeds}{state}"


def how_to_read(summary: Summary) -> list[str]:
    """Return what the numbers mean, one paragraph each."""
    share, reference = f"{100 * summary.confidence:g} %", summary.reference
    return [
        _PAIRED.format(reference=reference),
        _INTERVALS.format(share=share),
        _accuracy(summary),
        _COSTS.format(workers=_workers(summary)),
        _FACTORS.format(reference=reference, first_round=_first_round(summary)),
        _ENDINGS,
    ]


def _accuracy(summary: Summary) -> str:
    data = summary.data
    place, shared = _EVALUATED.get(str(data.get("evaluate")), ("the evaluation data", ""))
    size = data.get("evaluation_samples")
    count = f" ({size:,} samples)" if isinstance(size, int) else ""
    return f"Accuracy is measured after each round on {place}{count}, never on what the round was trained on.{shared}"


def _first_round(summary: Summary) -> str:
    stream = summary.study.get("stream", {})
    return _FIRST_ROUND if stream.get("name") == "two-phase" else ""


def _workers(summary: Summary) -> str:
    workers = summary.provenance.get("workers")
    return f" (here {workers} trials at a time)" if isinstance(workers, int) and workers > 1 else ""


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
