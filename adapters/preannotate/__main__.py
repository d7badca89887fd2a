"""`python -m adapters.preannotate`: see cli.py."""

import sys

from adapters.preannotate.cli import main

if __name__ == "__main__":
    sys.exit(main())
