"""The words around a report's numbers: its title, and how to read it."""

from warmstart.studies._summary import Summary

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
    "(repeats counted), floating-point operations and wall-clock seconds. Factors are geometric means of the ratio to "
    "{reference} within each seed. Seconds depend on the machine and on what else ran on it{workers}; steps, samples "
    "and operations do not."
)
_ENDINGS = (
    "How rounds ended: 'reached' met the target of the stop rule, 'plateau' made no progress any more, 'cap' was "
    "stopped by a limit before either, 'diverged' lost its training. A strategy whose rounds end at caps is not "
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
        _COSTS.format(reference=reference, workers=_workers(summary)),
        _ENDINGS,
    ]


def _accuracy(summary: Summary) -> str:
    data = summary.data
    place = {"holdout": "data held out of training", "test": "the official test set"}.get(
        str(data.get("evaluate")), "the evaluation data"
    )
    size = data.get("evaluation_samples")
    count = f" ({size:,} samples)" if isinstance(size, int) else ""
    return f"Accuracy is measured after each round on {place}{count}, never on what the round was trained on."


def _workers(summary: Summary) -> str:
    workers = summary.provenance.get("workers")
    return f" (here {workers} trials at a time)" if isinstance(workers, int) and workers > 1 else ""


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
