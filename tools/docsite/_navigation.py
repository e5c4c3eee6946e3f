"""The map of the site: sections, their pages, and where the link of a page leads."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Section:
    """A section of the site.

    Args:
        name: The file of its first page, without ending.
        title: In the bar at the top.
        text: What it answers, in Markdown, above the list of its pages.
        pages: Names of pages, without ending; those of ``docs/`` and those that are made.
    """

    name: str
    title: str
    text: str
    pages: tuple[str, ...]


SECTIONS = (
    Section(
        "start",
        "Start",
        "From nothing to a comparison on your own data, and to the one line that your own loop needs.",
        ("install", "first-study", "own-loop"),
    ),
    Section(
        "choose",
        "Choose",
        "Which strategy to take, what else to carry over from round to round, and what it costs.",
        ("choosing", "normalization", "stopping", "seeds"),
    ),
    Section(
        "methods",
        "Methods",
        (
            "A card for each: its formula, one line of code, its options, what was measured, when it failed, "
            "and its source."
        ),
        (),  # one page per method, which are known when they are made
    ),
    Section(
        "use-with",
        "Use with",
        "A plain PyTorch loop needs [one line](own-loop.md), and so do [Lightning, Hugging Face and "
        "skorch](trainers.md). Lightning modules and Hugging Face `Trainer`s also take part in studies "
        "as [learners](learners.md#the-three-methods); there is a file for each among the "
        "[examples](examples/index.md).",
        ("trainers", "other-libraries", "integrations", "examples/index"),
    ),
    Section(
        "lab",
        "Lab",
        "Compare strategies on your model and your data.",
        (
            "data",
            "learners",
            "training",
            "metrics",
            "predicting",
            "studies",
            "names",
            "many-machines",
            "gpu",
            "precision",
        ),
    ),
    Section(
        "retrainer",
        "Retrainer",
        "A retraining project keeps a model up to date as data arrive.\n\n"
        "| you want to | read |\n| --- | --- |\n"
        "| set it up, tonight | [the first day](retraining.md#the-first-day) |\n"
        "| know what it does every night | [every day after it](retraining.md#every-day-after-it), [the "
        "gate](judging.md#the-gate), [the policy](judging.md#what-a-round-starts-from-the-policy) |\n"
        "| undo a bad model or a bad delivery | [when something is wrong](incidents.md) |\n"
        "| erase a customer's rows | [deletion](incidents.md#deletion), `warmstart retrain forget` |\n"
        "| run it from cron, systemd, Airflow or GitHub Actions | [schedulers](schedulers.md), "
        "[exit codes](reference/exit-codes.md) |\n"
        "| set an option | [project.toml](reference/project-toml.md), "
        "[commands](reference/commands/retrain.md) |\n",
        ("retraining", "judging", "incidents", "schedulers", "retrain-study"),
    ),
    Section(
        "evidence",
        "Evidence",
        "What was measured, with the commands, the seeds and the files.",
        ("results", "scale-control", "paper", "released-code", "performance", "growth", "result-files"),
    ),
    Section(
        "reference",
        "Reference",
        "Made from the code, whenever the site is built.",
        (
            "reference/api/index",
            "reference/commands/index",
            "reference/study-toml",
            "reference/project-toml",
            "reference/schemas",
            "reference/exit-codes",
        ),
    ),
    Section(
        "more",
        "More",
        "",
        ("faq", "glossary", "changelog", "contributing", "releasing", "citing"),
    ),
)

LINKS = {
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "CITATION.cff": "citing.md",
    "README.md": "index.md",
    "examples": "examples/index.md",
    "examples/README.md": "examples/index.md",
    "results": "result-files.md",
}
"""Where a path of the repository is on the site, for all that is no page of ``docs/``."""
