"""What scores are to be seen against: how frequent classes are, and what a predictor reaches that learns nothing."""

import re
from collections.abc import Mapping
from typing import Any

from warmstart.basics import Metric, shown
from warmstart.statistics import Estimate

_LISTED = 4
"""Classes that a sentence names; of more, it names the largest and the smallest."""


def class_shares(data: Mapping[str, Any]) -> dict[str, float]:
    """Return the share of each class by its name, the largest first; nothing where the data do not say.

    Example:
        >>> class_shares({"classes": ["Yes", "No"], "class_counts": [27, 73]})
        {'No': 0.73, 'Yes': 0.27}
    """
    counts, names = data.get("class_counts") or {}, data.get("classes") or ()
    if not isinstance(counts, Mapping):
        counts = dict(zip(map(str, names), counts, strict=False))
    total = sum(counts.values())
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return {str(name): count / total for name, count in ordered} if total else {}


def share_text(share: float) -> str:
    """Return a share in per cent, with as many digits as tell it from none and all.

    Example:
        >>> share_text(0.731), share_text(0.9934), share_text(0.0067), share_text(0.0004)
        ('73 %', '99.3 %', '0.7 %', '0.04 %')
    """
    percent = 100 * share
    if 1 <= percent <= 99 or percent in (0, 100):
        return f"{percent:.0f} %"
    return f"{percent:.1f} %" if percent >= 0.1 else f"{percent:.1g} %"


def with_article(name: str) -> str:
    """Return a name with its indefinite article, as it is pronounced: abbreviations are spelled out.

    Example:
        >>> with_article("accuracy"), with_article("rmse"), with_article("F1"), with_article("loss")
        ('an accuracy', 'an rmse', 'an F1', 'a loss')
    """
    # A vowel, or a letter whose own name begins with one and which no word continues like this.
    vowel = re.match(r"[aeiou]|[lmnrx][^aeiouyh\s]|f[^aeiouylr\s]|s[^aeiouychklmnpqtw\s]|h[^aeiouy\s]", name.lower())
    return f"{'an' if vowel else 'a'} {name}"


def context_of(
    data: Mapping[str, Any], baselines: Mapping[str, Mapping[str, Estimate]], metric: Metric, key: str
) -> tuple[str, ...]:
    """Return the sentences: what the data are, and the baselines in one metric.

    Args:
        data: What was trained and evaluated on.
        baselines: Metrics of predictors that learn nothing, by their names.
        metric: That of the comparison.
        key: Its name among those metrics.
    """
    shares = class_shares(data)
    sentences = [f"{text.rstrip('.')}." for text in [str(data.get("description") or "")] if text]
    # The description of a table ends with its classes.
    if shares and not any("class" in text for text in sentences):
        sentences.append(f"{_classes(shares)}.")
    texts = []
    for name, found in ((name, values[key]) for name, values in baselines.items() if key in values):
        if found.mean is not None:
            # Once is enough to say which metric it is.
            of_metric = "" if texts else f"{with_article(metric.name)} of "
            spread = None if found.interval is None else (found.interval[1] - found.interval[0]) / 2
            texts.append(f"{_predictor(name, shares, key)} has {of_metric}{metric.text(found.mean, spread=spread)}")
    if texts:
        sentence = "; ".join(texts)
        sentences.append(f"{sentence[0].upper()}{sentence[1:]}.")
    return tuple(sentences)


def _classes(shares: Mapping[str, float]) -> str:
    names, values = list(shares), list(shares.values())
    count = f"{len(names):,} classes" if len(names) > 1 else "1 class"
    if len(names) > 1 and values[0] == values[-1]:
        return f"{count} of {100 * values[0]:.3g} % each"
    if len(names) <= _LISTED:
        return f"{count}: {', '.join(f'{shown(name)} {share_text(share)}' for name, share in shares.items())}"
    first, last, most, least = names[0], names[-1], values[0], values[-1]
    # With two digits, ten classes of almost equal sizes would seem to be equal.
    return f"{count}, from '{shown(first)}' with {100 * most:.3g} % down to '{shown(last)}' with {100 * least:.3g} %"


def _predictor(name: str, shares: Mapping[str, float], key: str) -> str:
    if name == "majority" and key == "loss":
        return "always predicting the shares of the classes"
    if name == "majority" and shares:
        (largest, share), *others = shares.items()
        # Of classes about as large as each other, another one may be the largest of a trial's training data.
        is_clear = not others or others[0][1] < 0.9 * share
        prediction = f"'{shown(largest)}'" if is_clear else "the largest class"
        return f"always predicting {prediction} ({share_text(share)} of the samples)"
    phrases = {
        "majority": "always predicting the largest class",
        "mean": "always predicting the mean",
        "persistence": "repeating the target of the sample before (persistence)",
    }
    return phrases.get(name, name)
