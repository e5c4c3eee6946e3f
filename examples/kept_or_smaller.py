"""Is what shrink-perturb gains due to the weights that it keeps, or to its smaller ones? Two controls keep nothing.

python examples/kept_or_smaller.py        # needs: pip install "warmstart[data]"
"""

import warmstart as ws

SHRINK = 0.4

if __name__ == "__main__":
    study = ws.Study(
        # The controls are fresh weights: of the norms that shrink-perturb gives, and all multiplied by one factor.
        [ws.Cold(), ws.ShrinkPerturb(SHRINK), ws.NormMatched(SHRINK), ws.Cold(scale=SHRINK)],
        data=ws.DataSource("digits"),
        architecture=ws.MLP(),
        stream=ws.Growing(arrival_size=150, rounds=4),
        recipe=ws.Recipe(learning_rate=0.005),
        stop=ws.StoppingRule(train_accuracy=0.99, max_epochs=100),
        seeds=4,
    )
    records = ws.run_study(study, "runs/kept-or-smaller", execution=ws.Execution(workers=1))
    print(ws.summarize(records).verdict)
    reference = study.labels[2]  # fresh weights of the same norms
    kept = next(arm for arm in ws.summarize(records, reference=reference).arms if arm.arm == study.labels[1])
    print(f"What is kept: {kept.arm} beside {reference}: {kept.words}")
