"""The front door: `python run.py --config NAME` is `tfvp run --config NAME`."""

import sys

from tfvp.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["run", *sys.argv[1:]]))
