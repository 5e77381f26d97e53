"""What every workflow script does around its one library call."""

import os
import sys
import traceback
from contextlib import contextmanager

from cwamsn.tables import InputError


@contextmanager
def job(snakemake):
    """Send output to the rule's log, fix the thread counts, and turn an InputError into one line on standard error."""
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS"):
        os.environ[variable] = str(snakemake.threads)
    terminal = sys.stderr
    with open(snakemake.log[0], "w", buffering=1) as log:  # noqa: PTH123 - log paths are plain strings
        sys.stdout = sys.stderr = log
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
