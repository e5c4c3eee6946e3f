"""A study whose rounds are seen in TensorBoard as they come: a run for each strategy and seed.

python examples/tracked_study.py        # needs: pip install "warmstart[tensorboard]"; then: tensorboard --logdir runs
"""

from pathlib import Path

import warmstart as ws
from warmstart.integrations import TensorBoardListener

if __name__ == "__main__":
    stop = ws.StoppingRule(max_epochs=5)
    study = ws.Study([ws.Cold(), ws.Warm()], architecture=ws.MLP(), stream=ws.Growing(rounds=3), stop=stop, seeds=2)
    # WandbListener("warm-starts", study="digits") and MLflowListener("digits") are used in the same way.
    with TensorBoardListener("runs/tensorboard", study="digits") as listener:
        records = ws.run_study(study, "runs/digits", listener=listener, execution=ws.Execution(workers=1))
    print(ws.summarize(records).verdict)
    runs = list(Path("runs/tensorboard/digits").glob("*/seed-*"))
    print(f"{len(runs)} runs in runs/tensorboard/digits")
