"""What every workflow script does around its one library call."""

import logging
import sys
import traceback
from contextlib import contextmanager

from cwamsn.errors import InputError
from cwamsn.files import write_json
from cwamsn.live import show_on
from cwamsn.notes import collected


@contextmanager
def job(snakemake):
    """Send output to the rule's log; an InputError becomes one line, in the log and on the terminal.

    Notes (:mod:`cwamsn.notes`) are shown on the terminal and written to the output `notes` where the rule has one.
    What takes minutes shows on the terminal that it lives, see :mod:`cwamsn.live`.
    Thread counts need nothing here: Snakemake sets OMP_NUM_THREADS and its kin to the rule's threads before a script
    starts, and Arrow, BLAS and torch all follow them.
    """
    before, terminal = sys.stdout, sys.stderr
    name = " ".join([snakemake.rule, *(str(value) for value in snakemake.wildcards)])
    show_on(terminal, name)
    with open(snakemake.log[0], "w", buffering=1) as log:  # noqa: PTH123 - log paths are plain strings
        sys.stdout = sys.stderr = log
        logging.basicConfig(stream=log, level=logging.INFO, format="%(message)s", force=True)
        try:
            with collected() as lines:
                yield
            for line in lines:
                print(f"{name}: note: {line}", file=terminal)
            if notes := snakemake.output.get("notes"):
                write_json(lines, notes)
        except InputError as error:
            print(f"{snakemake.rule}: {error}", file=log)
            print(f"{snakemake.rule}: {error}", file=terminal)
            raise SystemExit(1) from None
        except KeyboardInterrupt:  # Ctrl-C: Snakemake has said so already
            print(f"{snakemake.rule}: stopped by Ctrl-C", file=log)
            raise SystemExit(130) from None
        except Exception:
            traceback.print_exc(file=log)
            raise
        finally:
            sys.stdout, sys.stderr = before, terminal
