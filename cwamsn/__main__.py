"""`python -m cwamsn` is the console script `cwamsn`."""

import sys

from cwamsn.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
