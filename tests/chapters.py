"""Made-up chapters of the paper's experiments, one for each way in which a chapter can be."""

from dataclasses import replace

from warmstart.paper import (
    Axis,
    Cell,
    Chapter,
    Curves,
    Finding,
    Format,
    HeatMap,
    Point,
    Source,
    Table,
    Verdict,
)

SHARE = Axis("accuracy", Format.SHARE)

TABLE = Table(
    "numbers",
    "Accuracy after the last round.",
    ("strategy", "accuracy", "difference"),
    (("cold", "56.2 % ± 1.0", "reference"), ("warm | _x_", "51.7 %", "lower by 4.5 points [3.1, 5.7]")),
)
ACCURACY = Curves(
    "accuracy",
    "Accuracy against samples seen.",
    Axis("training samples seen"),
    SHARE,
    (
        *(Point("cold", 1000 * k, 0.4 + 0.05 * k, 0.39 + 0.05 * k, 0.41 + 0.05 * k, 5) for k in range(1, 6)),
        *(Point("warm", 1000 * k, 0.38 + 0.04 * k, 0.37 + 0.04 * k, 0.39 + 0.04 * k, 5) for k in range(1, 4)),
        *(Point("cold", 1000 * k, 0.45 + 0.05 * k, by=Source.PAPER) for k in range(1, 6)),
        *(Point("cold", 1000 * k, 0.44 + 0.05 * k, 0.4, 0.7, 10, Source.REPRODUCTION) for k in (2, 4)),
    ),
)
DIFFERENCE = Curves(
    "difference",
    "Accuracy minus that of cold.",
    Axis("round"),
    Axis("difference, percentage points", Format.POINTS),
    (Point("warm", 1, -0.4, -1, 0.2, 5), Point("warm", 2, None), Point("warm", 3, -2.5, -4, -1, 5)),
    zero=True,
)
FRONTIER = Curves(
    "frontier",
    "One point for each setting.",
    Axis("seconds", log=True),
    SHARE,
    (
        *(Point("cold", 10 * 3**k, 0.2 + 0.05 * k, n=1) for k in range(7)),
        *(Point("warm", 10 * 3**k, 0.2 + 0.04 * k, n=1) for k in range(7)),
        *(Point("warm", 20 * 3**k, 0.3 + 0.04 * k, by=Source.PAPER) for k in range(3)),
    ),
    joined=False,
)
SINGLE = Curves("single", "One point.", Axis("epochs"), Axis("loss", log=True), (Point("cold", 50, 0.3),))
MANY = Curves(
    "many",
    "Nine series.",
    Axis("step", log=True),
    Axis("norm", log=True),
    tuple(Point(f"shrink=0.{n}", 10**k, (n + 1) * 0.1**k) for n in range(9) for k in range(5)),
)
NOTHING = Curves("nothing", "Nothing yet.", Axis("epochs"), SHARE, (Point("cold", 50, None),))
GRID = HeatMap(
    "grid",
    "Accuracy by shrink and noise.",
    "noise",
    "shrink",
    SHARE,
    (
        *(Cell(f"{x}", f"{y}", 0.3 + 0.05 * x + 0.04 * y, 0.2, 0.7, 5) for y in range(6) for x in range(5)),
        Cell("5", "0", None),
    ),
)
LAYERS = HeatMap(
    "layers",
    "Difference to cold.",
    "kept layers",
    "which",
    Axis("difference, percentage points", Format.POINTS),
    tuple(Cell(f"{x} layers", which, x - 7.0) for which in ("first", "last") for x in range(13)),
)

REPRODUCED = Finding(
    "A warm start costs accuracy.",
    "Cold 56.2 %, warm 51.7 %.",
    "Cold 57.1 %, warm 52.0 %.",
    Verdict.REPRODUCED,
    ("warm is lower by 4.5 points [3.1, 5.7].", "The interval excludes zero."),
)
FAILED = Finding("Shrink-perturb closes the gap.", "54.9 %.", "", Verdict.NOT_REPRODUCED, ("Lower by 2.2 points.",))
OPEN = Finding("Warm starts are faster.", "", "", Verdict.INCONCLUSIVE, ("0.93x the steps [0.70, 1.24].",), 7, 1400)
AWAITED = Finding("Logistic regression is not harmed.", "", "", Verdict.NOT_RUN, ())

FULL = Chapter(
    id="table-1",
    title="Half, then everything",
    where="Table 1",
    question="Does a warm start cost accuracy?",
    paper_setting="CIFAR-10, 50,000 images.",
    setting="A random 6,000 of the images, 5 seeds.",
    deviations="Width 16.",
    state="40 of 40 trials",
    complete=True,
    findings=(REPRODUCED, FAILED, OPEN),
    exhibits=(TABLE, ACCURACY, DIFFERENCE, NOTHING),
    provenance={"version": "0.1.0", "machine": {"cores": 2, "gpu": None}},
    seeds="5",
)
MAPS = replace(FULL, id="shrink-grid", title="Shrink and noise", where="Figure 8", exhibits=(GRID, LAYERS))
SWEEP = replace(
    FULL,
    id="sweep",
    title="Learning rate and batch size",
    where="Figure 3",
    state="3 of 40 trials",
    complete=False,
    exhibits=(FRONTIER, SINGLE, MANY),
)
WORDS = replace(FULL, id="text", title="Words alone", where="Section 4", exhibits=())
NOT_RUN = Chapter(
    id="ewc",
    title="Elastic weight consolidation",
    where="Appendix",
    question="Does it help?",
    paper_setting="CIFAR-10.",
    setting="",
    deviations="",
    state="not run",
    complete=False,
    findings=(AWAITED,),
    exhibits=(),
    provenance={},
)
ODD = replace(
    WORDS,
    id="odd",
    title="</script><b>|x",
    question="a_b *c* `d` ~e~ [f](g)",
    findings=(replace(OPEN, claim="<i>claim</i> | two"),),
)

CHAPTERS = (FULL, MAPS, SWEEP, WORDS, NOT_RUN, ODD)
DRAWN = (
    "table-1-accuracy",
    "table-1-difference",
    "shrink-grid-grid",
    "shrink-grid-layers",
    "sweep-frontier",
    "sweep-single",
    "sweep-many",
)
NOTE = "A tenth of the data, 5 seeds, two cores."
