"""Retraining with scikit-learn's interface: partial_fit is a round on all samples so far, started as a strategy says.

python examples/retrained_estimator.py        # needs: pip install "warmstart[data]"
"""

from sklearn.datasets import load_digits

from warmstart.integrations import RetrainedClassifier

if __name__ == "__main__":
    images, labels = load_digits(return_X_y=True)
    for strategy in ("cold", "warm", "shrink-perturb"):
        model = RetrainedClassifier(strategy, model="mlp:width=64", recipe={"learning_rate": 0.003})
        for start in range(0, 1200, 400):
            model.partial_fit(images[start : start + 400], labels[start : start + 400], classes=range(10))
        steps = sum(row["steps"] for row in model.history_)
        print(f"{strategy}: accuracy {model.score(images[1200:], labels[1200:]):.3f}, {steps} steps in all rounds")
