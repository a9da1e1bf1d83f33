"""`python -m tfvp.cli` is `tfvp`."""

import sys

from tfvp.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
