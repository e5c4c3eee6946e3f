"""A program whose memory is measured; started by the part `memory` with what to do and the number of pictures."""

import sys
from pathlib import Path


def main(what: str, samples: int) -> None:
    """Do one thing.

    Args:
        what: "import", "data", "fit", or the number of a study's workers.
        samples: Number of pictures.
    """
    # From the package, whose names are imported when they are first used.
    from warmstart.studies import Study, run_study  # noqa: F401
    from warmstart.training import StoppingRule  # noqa: F401

    if what == "import":
        return

    from bench._loops import fitted, studied, study_of
    from bench._pictures import CLASSES, SHAPE, dataset, tensors
    from warmstart.basics import generator_for
    from warmstart.executors import Execution
    from warmstart.models import MLP

    if what == "fit":
        fitted(MLP().build(SHAPE, CLASSES, generator=generator_for(0)), tensors(samples), 1)()
        return
    held = dataset(samples)
    if what != "data":
        execution = Execution(workers=int(what), device="cpu")
        studied(study_of(MLP(), 1, seeds=int(what)), held, execution=execution)()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main(sys.argv[1], int(sys.argv[2]))
