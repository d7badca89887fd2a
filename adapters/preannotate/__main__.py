"""Run `preannotate` as `python -m adapters.preannotate`."""

import sys

from adapters.preannotate.cli import main

if __name__ == "__main__":
    sys.exit(main())
