"""The front door: `python run.py --config NAME` is `tfvp run --config NAME`."""

import sys

from tfvp.cli.start import start

if __name__ == "__main__":
    sys.exit(start(["run", *sys.argv[1:]]))
