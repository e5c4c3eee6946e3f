"""The project on the page of the nightly job: weeks of electricity prices, added and trained on one by one.

    python benchmarks/retrain_example.py --data-dir DIR --json results/retrain-example.json

records what the commands print, line by line; the page quotes these lines, which a test holds.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from recorded_page import write_result
from warmstart.retrain import Retrainer, lines_of
from warmstart.store import provenance

ROWS = 336
"""Of a week: half-hours."""
SETTINGS = {"holdout": 0.2, "tolerance": 0.02}
TABLES = {"data": {"label": "label", "order": "date", "drop": ["day"]}}
# Else each run would hold out other rows.
SALT = "the example of the page"


def recorded(data: Path, weeks: int) -> dict[str, Any]:
    """Run the project and return what its commands print.

    Args:
        data: A parquet file of the data set, in time order.
        weeks: How many.
    """
    table = pq.read_table(data)
    nights = []
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "power"
        project = Retrainer.create(place, settings=SETTINGS, tables=TABLES, salt=SALT)
        for week in range(weeks):
            file = Path(folder) / f"week-{week + 1:02}.parquet"
            pq.write_table(table.slice(week * ROWS, ROWS), file)
            added = project.add(file)
            nights.append({"add": lines_of(added), "update": lines_of(project.update())})
        status = [line.replace(str(place), "power") for line in lines_of(project.status())]
        history = lines_of(project.history(last=3))
    return {
        "settings": SETTINGS,
        "tables": TABLES,
        "nights": nights,
        "status": status,
        "history": history,
        "provenance": provenance(device="cpu", workers=1, threads=1),
    }


def main(arguments: Sequence[str]) -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data-dir", type=Path, required=True, help="folder with the data set electricity")
    parser.add_argument("--weeks", type=int, default=14, help="number of weeks")
    parser.add_argument("--json", type=Path, help="write the result here")
    options = parser.parse_args(arguments)
    (file,) = (options.data_dir / "electricity").glob("*.parquet")
    result = recorded(file, options.weeks)
    if options.json:
        write_result(result, options.json)
    print("\n".join(line for night in result["nights"] for line in (*night["add"], *night["update"])))
    print("\n".join((*result["status"], *result["history"])))


if __name__ == "__main__":
    main(sys.argv[1:])
