"""A program whose memory is measured; started by the part `memory` with what to do and the number of pictures."""

import sys
import tempfile
from pathlib import Path


def main(what: str, samples: int) -> None:
    """Do one thing.

    Args:
        what: "import", "data", "fit", or the number of a study's workers.
        samples: Number of pictures.
    """
    # From the package, whose names are imported when they are first used.
    from warmstart.studies import Study, run_study
    from warmstart.training import StoppingRule

    if what == "import":
        return

    from bench._loops import fitted
    from bench._pictures import CLASSES, SHAPE, dataset, tensors
    from warmstart.basics import generator_for
    from warmstart.executors import Execution
    from warmstart.models import MLP
    from warmstart.strategies import Warm
    from warmstart.streams import TwoPhase

    held = dataset(samples)
    if what == "fit":
        fitted(MLP().build(SHAPE, CLASSES, generator=generator_for(0)), tensors(held.train), 1)
    elif what != "data":
        stop = StoppingRule(None, patience=None, max_epochs=1)
        study = Study([Warm()], architecture=MLP(), stream=TwoPhase(), stop=stop, seeds=int(what))
        with tempfile.TemporaryDirectory() as folder:
            run_study(study, folder, dataset=held, execution=Execution(workers=int(what), device="cpu"))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main(sys.argv[1], int(sys.argv[2]))
