"""Optuna tunes shrink and perturb on some of the samples; the verdict is on others, beside cold and the scale control.

python examples/tune_shrink.py [TRIALS]        # needs: pip install "warmstart[data]" optuna
"""

import sys
import tempfile

import optuna
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import warmstart as ws

SEEDS = 2


def mean_score(strategy, data, folder):
    """Mean score after the last round, over seeds."""
    records = run([strategy], data, folder).rounds
    last = max(record.round for record in records)
    return sum(record.score or 0.0 for record in records if record.round == last) / SEEDS


def run(strategies, data, folder):
    stop = ws.StoppingRule(max_epochs=10)
    recipe = ws.Recipe(learning_rate=0.005)
    study = ws.Study(
        strategies, architecture=ws.MLP(width=32), stream=ws.Growing(rounds=2), stop=stop, recipe=recipe, seeds=SEEDS
    )
    return ws.run_study(study, folder, dataset=data, execution=ws.Execution(workers=1))


if __name__ == "__main__":
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    images, labels = load_digits(return_X_y=True)
    # The best of many settings is partly luck: what it was chosen on must not judge it.
    tuning_x, verdict_x, tuning_y, verdict_y = train_test_split(images, labels, train_size=0.4, random_state=0)
    optuna.logging.set_verbosity(optuna.logging.WARNING)

    def objective(trial):
        shrink, perturb = trial.suggest_float("shrink", 0.1, 1.0), trial.suggest_float("perturb", 0.01, 0.5, log=True)
        with tempfile.TemporaryDirectory() as folder:
            return mean_score(ws.ShrinkPerturb(shrink, perturb), (tuning_x, tuning_y), folder)

    search = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))
    search.optimize(objective, n_trials=trials)
    best = ws.ShrinkPerturb(round(search.best_params["shrink"], 2), round(search.best_params["perturb"], 3))
    with tempfile.TemporaryDirectory() as folder:
        arms = [ws.Cold(), ws.Warm(), ws.Cold(scale=best.shrink), best]
        print(ws.summarize(run(arms, (verdict_x, verdict_y), folder)).verdict)
