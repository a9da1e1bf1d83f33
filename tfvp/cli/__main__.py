"""`python -m tfvp.cli` is `tfvp`."""

import sys

from tfvp.cli.start import start

if __name__ == "__main__":
    sys.exit(start())
