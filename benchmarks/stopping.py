"""When to stop on tables: fitting to 99 %, five epochs, or early stopping with various patience and validation parts.

    python benchmarks/stopping.py --electricity electricity.parquet --json benchmarks/results/stopping.json

Every seed draws its table, its held-out rows and its model anew, and all rules train the same model on the same rows.
What a smaller patience comes to is read from the run of the largest: it would have been the same up to where it stops.
Safe to interrupt: run it again to do the data sets that the file lacks.
"""

import argparse
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

import warmstart as ws
from warmstart.basics import generator_for, write_atomically
from warmstart.learners import Round
from warmstart.statistics import mean_interval, paired_difference
from warmstart.strategies import RoundContext
from warmstart.training import EarlyStopping, TensorData

PATIENCE, VALIDATION, EPOCHS, MAX_EPOCHS = (3, 5, 10, 20), (0.1, 0.15, 0.2), 5, 200
REFERENCE = "99 %"
Split = tuple[TensorData, TensorData]
Splitter = Callable[[int, int], Split]


def noisy(seed: int, count: int) -> Split:
    """Eight Gaussian columns; the class is the sign of their sum, and 20 % of the labels are flipped."""
    generator = generator_for(seed, "noisy")
    columns = torch.randn(count + 2000, 8, generator=generator)
    flipped = torch.rand(len(columns), generator=generator) < 0.2
    return at_row(columns, ((columns.sum(1) > 0) ^ flipped).long(), count)


def rare(seed: int, count: int) -> Split:
    """One sample in 150 is positive, whatever its three columns say."""
    columns = torch.randn(count + 3000, 3, generator=generator_for(seed, "rare"))
    return at_row(columns, (torch.arange(len(columns)) % 150 == 0).long(), count)


def drifting(seed: int, count: int) -> Split:
    """The threshold of the class rises with time; the rows held out come after those trained on."""
    generator = generator_for(seed, "drifting")
    time = torch.arange(count + count // 4) / (0.6 * (count + count // 4))
    x, z = torch.randn(len(time), generator=generator), torch.rand(len(time), generator=generator)
    return at_row(torch.stack([time, x, z], 1), (x > time - 1).long(), count)


def electricity(path: Path, *, in_order: bool) -> Splitter:
    """Rows of Elec2: random ones, or consecutive ones and the four weeks after them."""
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(path)
    columns = [torch.tensor(table[name].to_numpy()) for name in table.column_names if name != "label"]
    inputs, labels = torch.stack(columns, 1).float(), torch.tensor(table["label"].to_numpy())

    def split(seed: int, count: int) -> Split:
        generator, most = generator_for(seed, "electricity"), count + 4 * 336
        if in_order:
            rows = int(torch.randint(len(labels) - most, (), generator=generator)) + torch.arange(most)
        else:
            rows = torch.randperm(len(labels), generator=generator)[:most]
        return at_row(inputs[rows], labels[rows], count)

    return split


def at_row(inputs: torch.Tensor, labels: torch.Tensor, count: int) -> Split:
    """Return the first rows to train on, the others to be held out."""
    return TensorData(inputs[:count], labels[:count]).of_classes(2), TensorData(inputs[count:], labels[count:])


def trajectory(train: TensorData, held_out: TensorData, seed: int, stop: ws.StoppingRule) -> list[dict[str, float]]:
    """Return, for every epoch, its reported numbers and what the model of it gives on held-out rows."""
    learner = ws.Classifier(ws.MLP(), stop=stop)
    known, tested = learner.prepared([train, held_out], train)
    model, epochs = learner.build(known, seed), []

    def look(values):
        with torch.random.fork_rng():
            scores = learner.evaluate(model, tested.of_classes(2))
        epochs.append({**values, "accuracy": scores.score, "log loss": scores.metrics["loss"]})

    rows = torch.arange(len(train))
    round = Round(1, seed, known, rows, rows, RoundContext(), on_report=look)
    learner.train(model, round)
    return epochs


def rules(train: TensorData, held_out: TensorData, seed: int) -> dict[str, dict[str, float]]:
    """Return what every rule comes to: held-out accuracy and log loss (nats), and steps that were taken."""

    def numbers(epochs: Sequence[dict[str, float]], chosen: int) -> dict[str, float]:
        last = epochs[chosen]
        return {"accuracy": last["accuracy"], "log loss": last["log loss"], "steps": epochs[-1]["steps"]}

    whole = trajectory(train, held_out, seed, ws.StoppingRule(max_epochs=MAX_EPOCHS, early_stopping=EarlyStopping.OFF))
    found = {REFERENCE: numbers(whole, -1), f"{EPOCHS} epochs": numbers(whole[:EPOCHS], -1)}
    for share in VALIDATION:
        stop = ws.StoppingRule(
            validation_patience=max(PATIENCE), max_epochs=MAX_EPOCHS, early_stopping=EarlyStopping.ON, validation=share
        )
        epochs = trajectory(train, held_out, seed, stop)
        losses = [epoch["validation_loss"] for epoch in epochs]
        for patience in PATIENCE:
            best = number = 0
            for number, loss in enumerate(losses):
                best = number if loss < losses[best] else best
                if number - best >= patience:
                    break
            found[f"patience {patience}, {share:.0%} apart"] = numbers(epochs[: number + 1], best)
    return found


def summary(seeds: Sequence[dict[str, dict[str, float]]]) -> dict[str, dict[str, dict[str, float | None]]]:
    """Return mean and 95 % interval of every number by rule, and of the difference to fitting to 99 %."""
    found = {}
    for rule in seeds[0]:
        found[rule] = {"n": len(seeds)}
        for name in ("accuracy", "log loss", "steps"):
            values, reference = ([seed[one][name] for seed in seeds] for one in (rule, REFERENCE))
            mean = mean_interval(values, confidence=0.95)
            beside = paired_difference(values, reference, confidence=0.95)
            found[rule][name] = {"mean": mean.mean, "low": mean.low, "high": mean.high}
            if rule != REFERENCE:
                found[rule][f"{name} beside {REFERENCE}"] = {
                    "mean": beside.mean, "low": beside.low, "high": beside.high
                }  # fmt: skip
    return found


def markdown(results: dict[str, dict], name: str, factor: float, form: str) -> str:
    """Return a table of one number: a row for each rule, a column for each data set, half of the interval behind +-."""
    heads = [f"{data} (n = {found[REFERENCE]['n']})" for data, found in results.items()]
    lines = [f"| {name} | {' | '.join(heads)} |", f"|---|{'---|' * len(results)}"]
    for rule in next(iter(results.values())):
        cells = []
        for found in results.values():
            mean, high = (found[rule][name][key] for key in ("mean", "high"))
            half = math.nan if high is None else high - mean
            cells.append(f"{format(mean * factor, form)} ± {format(half * factor, form)}")
        lines.append(f"| {rule} | {' | '.join(cells)} |")
    return "\n".join(lines)


TABLES = (("accuracy", 100.0, ".1f"), ("log loss", 1.0, ".3f"), ("steps", 1.0, ".0f"))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run every data set, and print the tables."""
    parser = argparse.ArgumentParser(description="Compare stopping rules on tables.")
    parser.add_argument("--electricity", type=Path, help="Elec2 as parquet; without it only made tables are run")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--share", type=float, default=1.0, help="of the rows trained on, for a quick look")
    parser.add_argument("--json", type=Path, help="where to write means and intervals")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    sources: dict[str, tuple[Splitter, int]] = {
        "noisy 600": (noisy, 600),
        "noisy 150": (noisy, 150),
        "rare 2000": (rare, 2000),
    }
    sources["drifting 2000"] = (drifting, 2000)
    if options.electricity is not None:
        for name, in_order in (("elec2 2000", False), ("elec2 in order 2000", True)):
            sources[name] = (electricity(options.electricity, in_order=in_order), 2000)
    made = {"torch": torch.__version__, "seeds": options.seeds, "share": options.share, "max_epochs": MAX_EPOCHS}
    results = {}
    if options.json is not None and options.json.exists():
        known = json.loads(options.json.read_text())
        results = known["results"] if known["made"] == made else {}
    for name, (split, count) in sources.items():
        if name in results:
            continue
        rows = max(int(count * options.share), 40)
        results[name] = summary([rules(*split(seed, rows), seed) for seed in range(options.seeds)])
        print(f"{name} is done", flush=True)
        if options.json is not None:
            write_atomically(options.json, json.dumps({"made": made, "results": results}, indent=1) + "\n")
    for name, factor, form in TABLES:
        print("\n" + markdown(results, name, factor, form))


if __name__ == "__main__":
    main()
