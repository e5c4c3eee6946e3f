"""Is a warm start as good with half the epochs? And would a cold start have been, too?

python examples/half_the_budget.py        # needs: pip install "warmstart[data]"
"""

import warmstart as ws
from warmstart.statistics import describe_difference, paired_difference

EPOCHS, SEEDS = 20, 4


def last_scores(strategy, epochs):
    """Return the accuracy after round 2 for each seed; round 2 has `epochs` epochs, round 1 always all of them."""
    study = ws.Study(
        [ws.studies.Arm(strategy, first_epochs=EPOCHS)],
        data=ws.DataSource("digits"),
        architecture=ws.MLP(),
        stream=ws.Growing(arrival_size=300, rounds=2),
        recipe=ws.Recipe(learning_rate=0.005, schedule="cosine"),
        stop=ws.StoppingRule(train_accuracy=None, patience=None, max_epochs=epochs),
        seeds=SEEDS,
    )
    folder = f"runs/half-the-budget/{study.labels[0]}-{epochs}"
    records = ws.run_study(study, folder, execution=ws.Execution(workers=1))
    return [record.score for record in records.rounds if record.round == 2]


if __name__ == "__main__":
    full = last_scores(ws.Cold(), EPOCHS)
    for strategy in (ws.Cold(), ws.Warm()):
        difference = paired_difference(last_scores(strategy, EPOCHS // 2), full)
        start = type(strategy).__name__
        print(f"{start} with half the epochs, beside a cold start with all: {describe_difference(difference)}")
