"""Videos of mice in, behavior labels out: `python run_experiment.py experiments/exp1.yaml`."""

import sys

from pipeline.command_line import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
