"""Measure training on a GPU: `python benchmarks/run_gpu.py --help`."""

import sys

from gpu import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
