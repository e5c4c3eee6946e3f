"""Does a warm start lose accuracy, although it fits the training data as well? Two rounds of digits tell.

On digits the answer is no. On CIFAR-10 it is yes, see docs/paper.md: run it on your data.

python examples/warm_start_gap.py        # needs: pip install "warmstart[data]"
"""

import warmstart as ws

if __name__ == "__main__":
    study = ws.Study(
        [ws.Cold(), ws.Warm()],
        data=ws.DataSource("digits"),
        architecture=ws.MLP(),
        stream=ws.Growing(arrival_size=300, rounds=2),
        recipe=ws.Recipe(learning_rate=0.005),
        stop=ws.StoppingRule(train_accuracy=0.99, max_epochs=100),
        seeds=4,
    )
    summary = ws.summarize(ws.run_study(study, "runs/warm-start-gap", execution=ws.Execution(workers=1)))
    for arm in summary.arms:
        steps = arm.last_round["steps"].value.mean
        print(f"{arm.arm}: accuracy {arm.score.mean:.3f}, trained to {arm.train_score.mean:.3f} in {steps:.0f} steps")
    print(summary.verdict)
