"""What is lost when a round trains on its new data alone? It is cheaper, and a model may forget what it no longer sees.

python examples/new_data_alone.py        # needs: pip install "warmstart[data]"
"""

import warmstart as ws

if __name__ == "__main__":
    study = ws.Study(
        [ws.Cold(), ws.Warm(), ws.studies.Arm(ws.Warm(), train_on=ws.TrainOn.ARRIVAL)],
        data=ws.DataSource("digits"),
        architecture=ws.MLP(),
        stream=ws.Growing(rounds=6),
        recipe=ws.Recipe(learning_rate=0.005),
        stop=ws.StoppingRule(train_accuracy=0.99, max_epochs=100),
        seeds=4,
    )
    summary = ws.summarize(ws.run_study(study, "runs/new-data-alone", execution=ws.Execution(workers=1)))
    for arm in summary.arms:
        samples = arm.total["samples"].value.mean
        print(f"{arm.arm}: accuracy {arm.score.mean:.3f}, {samples:,.0f} samples processed in all rounds")
    print(summary.verdict)
