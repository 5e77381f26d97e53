"""What every workflow script does around its one library call. A script starts with `from _job import job, snakemake`.

Snakemake appends a script's own folder to `sys.path`, so the script finds this module; this module makes the library
importable, installed or not, since a rule's conda environment holds the dependencies only.
"""

import logging
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, cast

import __main__

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cwamsn.errors import InputError
from cwamsn.files import write_json
from cwamsn.live import show_on
from cwamsn.notes import collected


class Snakemake(Protocol):
    """The object that Snakemake puts into a script. What its rule declares is known to that rule alone, hence `Any`."""

    input: Any
    output: Any
    params: Any
    wildcards: Any
    resources: Any
    log: Any
    config: Mapping[str, Any]
    rule: str
    threads: int


# Importing the name from here gives it a type. None where a test imports this module.
snakemake = cast(Snakemake, getattr(__main__, "snakemake", None))


@contextmanager
def job(snakemake: Snakemake) -> Iterator[None]:
    """Send output to the rule's log; an InputError becomes one line, in the log and on the terminal.

    Notes (:mod:`cwamsn.notes`) are shown on the terminal and written to the output `notes` where the rule has one.
    Work that takes minutes shows its progress on the terminal, see :mod:`cwamsn.live`.
    No thread settings are needed here: before a script starts, Snakemake sets OMP_NUM_THREADS and similar variables
    to the rule's threads, and Arrow, BLAS and torch all follow them.
    """
    before, terminal = sys.stdout, sys.stderr
    name = " ".join([snakemake.rule, *(str(value) for value in snakemake.wildcards)])
    show_on(terminal, name)
    with open(snakemake.log[0], "w", buffering=1) as log:  # noqa: PTH123 - log paths are plain strings
        sys.stdout = sys.stderr = log
        heard, logging.root.handlers = logging.root.handlers, [logging.StreamHandler(log)]
        level = logging.root.level
        logging.root.setLevel(logging.INFO)
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
            logging.root.handlers = heard  # the log is closed: what is said after the job must not go there
            logging.root.setLevel(level)


def full_spec(snakemake: Snakemake) -> dict[str, Any]:
    """`params.spec` plus the keys that do not change what is fetched, which as params would rerun the rule."""
    screen = snakemake.config["screens"][snakemake.wildcards.screen]
    licence = snakemake.config["accept_noncommercial_licence"]
    return {**snakemake.params.spec, "retry": screen.get("retry"), "accept_noncommercial_licence": licence}
