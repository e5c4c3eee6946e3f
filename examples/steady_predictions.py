"""How many predictions does an update change, and how many right ones does it spoil? Users notice both.

python examples/steady_predictions.py        # needs: pip install "warmstart[data]"
"""

import warmstart as ws
from warmstart.statistics import describe_difference

if __name__ == "__main__":
    study = ws.Study(
        # Cold(init="first") draws its fresh weights once, and starts every round from those.
        [ws.Cold(), ws.Cold(init="first"), ws.Warm(), ws.ShrinkPerturb(0.6)],
        data=ws.DataSource("digits"),
        architecture=ws.MLP(),
        stream=ws.Growing(rounds=4),
        recipe=ws.Recipe(learning_rate=0.005),
        stop=ws.StoppingRule(train_accuracy=0.99, max_epochs=100),
        seeds=4,
    )
    summary = ws.summarize(ws.run_study(study, "runs/steady-predictions", execution=ws.Execution(workers=1)))
    for arm in summary.arms:
        changed, spoilt = 100 * arm.churn.value.mean, 100 * arm.negative_flips.value.mean
        print(f"{arm.arm}: {changed:.1f} % of predictions changed in an update, {spoilt:.1f} % from right to wrong")
        if arm.churn.difference is not None:
            print(f"  changed, beside cold: {describe_difference(arm.churn.difference)}")
