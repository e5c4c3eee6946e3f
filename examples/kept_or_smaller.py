"""Does shrink-perturb gain by the weights that it keeps, or by smaller ones? Two controls keep none of the old ones.

python examples/kept_or_smaller.py        # needs: pip install "warmstart[data]"
"""

import warmstart as ws

SHRINK = 0.4

if __name__ == "__main__":
    study = ws.Study(
        # Both controls are fresh weights: each tensor with its norm after shrink-perturb, or all times one factor.
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
    _, shrunk, matched, _ = study.labels
    kept = next(arm for arm in ws.summarize(records, reference=matched).arms if arm.arm == shrunk)
    print(f"What is kept: {shrunk} beside {matched}: {kept.words}")
