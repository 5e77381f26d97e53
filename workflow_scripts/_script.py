"""What every workflow script does around its one library call."""

import logging
import sys
import traceback
from contextlib import contextmanager

from cwamsn.tables import InputError


@contextmanager
def job(snakemake):
    """Send output to the rule's log; an InputError becomes one line, in the log and on the terminal.

    Thread counts need nothing here: Snakemake sets OMP_NUM_THREADS and its kin to the rule's threads before a script
    starts, and Arrow, BLAS and torch all follow them.
    """
    terminal = sys.stderr
    with open(snakemake.log[0], "w", buffering=1) as log:  # noqa: PTH123 - log paths are plain strings
        sys.stdout = sys.stderr = log
        logging.basicConfig(stream=log, level=logging.INFO, format="%(message)s", force=True)
        try:
            yield
        except InputError as error:
            print(f"{snakemake.rule}: {error}", file=log)
            print(f"{snakemake.rule}: {error}", file=terminal)
            raise SystemExit(1) from None
        except Exception:
            traceback.print_exc(file=log)
            raise
        finally:
            sys.stdout, sys.stderr = sys.__stdout__, terminal
