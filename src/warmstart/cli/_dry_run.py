"""`warmstart compare --dry-run`: what a study would read, run, write and take."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from warmstart.basics import shown

from ._progress import about

if TYPE_CHECKING:
    from warmstart.studies import StudyEstimate


def show_estimate(console: Console, found: StudyEstimate, directory: Path) -> None:
    """Say what a study would take, a line for each of its parts."""
    for title, text in _lines(found, directory):
        console.print(f"{f'{title}:':<9} {text}", highlight=False, markup=False, soft_wrap=True)
    console.print("Dry run: nothing was written.", highlight=False, markup=False)


def _lines(found: StudyEstimate, directory: Path) -> list[tuple[str, str]]:
    data, (fewest, most) = found.data, found.seeds
    shape = "x".join(map(str, data["input_shape"]))
    shape += " features" if shape.isdigit() else ""
    classes = f" in {len(data['classes'])} classes" if data["classes"] else ""
    description = data.get("description") or (
        f"{data['name']}, {data['train_samples']:,} training samples{f' of {shape}' if shape else ''}{classes}"
    )
    split = f"{data['fit_samples']:,} are fitted to, {data['evaluation_samples']:,} evaluate"
    seeds = f"{most}" if fewest == most else f"{fewest} to {most}"
    trials, rounds = (
        f"{low:,}" if low == high else f"{low:,} to {high:,}"
        for low, high in (
            (fewest * found.strategies, most * found.strategies),
            (fewest * found.strategies * found.rounds, most * found.strategies * found.rounds),
        )
    )
    study = f"{_counted(found.strategies, 'strategies', 'strategy')} x {seeds} seeds = {trials} trials"
    study += f" of {_counted(found.rounds, 'rounds', 'round')}, {rounds} rounds"
    lines = [("Data", f"{description}; {split}"), *(("Note", note) for note in found.notes), ("Study", study)]
    lines.append(("Arrivals", _arrivals(found.arrivals)))
    planned = most * found.strategies * found.rounds
    is_there = f"{found.stored_rounds:,} of {planned:,} rounds" if found.stored_rounds else "none of the rounds"
    lines += [("Results", f"{shown(directory)}, where {is_there} are stored"), ("Time", _time(found))]
    lines.append(("Memory", _memory(found)))
    return lines


def _counted(number: int, several: str, one: str) -> str:
    return f"{number:,} {one if number == 1 else several}"


def _arrivals(sizes: tuple[int, ...]) -> str:
    if len(sizes) > 6:
        rest = f"{', '.join(f'{size:,}' for size in sizes[:3])}, ... {sizes[-1]:,}"
    else:
        rest = ", ".join(f"{size:,}" for size in sizes)
    return f"{rest} samples"


def _time(found: StudyEstimate) -> str:
    if found.seconds is None:
        return "not known before a round has finished: only the learner itself knows how long it trains"
    low, high = found.seconds
    many = f"{found.workers} workers" if found.workers > 1 else "1 worker"
    where = f"with {many} on {found.device}"
    if high == 0:
        return "none, everything is stored"
    if found.from_stored:
        basis = f"{where}, judged by the rounds that are stored"
        return (
            f"{about(high)} {basis}" if low == high else f"{about(low)} to {about(high).removeprefix('about ')} {basis}"
        )
    assert found.epochs is not None, "steps of a built-in learner were timed"
    fewest, most = found.epochs
    if fewest == most:
        seeds = (
            ""
            if found.seeds[0] == found.seeds[1]
            else f" with {found.seeds[0]} seeds, {about(high)} with {found.seeds[1]}"
        )
        return f"{about(low)}{seeds} {where}, judged by a few steps"
    ends = [f"if every round takes {_counted(fewest, 'epochs', 'epoch')}", f"if every one takes {most:,}"]
    if found.seeds[0] != found.seeds[1]:
        ends = [f"{end} and {seeds} seeds are enough" for end, seeds in zip(ends, found.seeds, strict=True)]
    return f"{about(low)} {ends[0]}, {about(high)} {ends[1]}, {where}, judged by a few steps"


def _memory(found: StudyEstimate) -> str:
    if found.memory_bytes is None:
        return "not known"
    size = found.memory_bytes / 2**20
    text = f"about {size:,.0f} MiB" if size < 1024 else f"about {size / 1024:,.1f} GiB"
    place = " of the processor, besides that of the GPU" if found.device.startswith("cuda") else ""
    return f"{text}{place}, for a model of {found.parameters:,} parameters"
