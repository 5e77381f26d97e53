"""What every command shares: `--json`, its examples, where its output goes.

A command's module is a few lines::

    @base.command("inspect", examples=["cwamsn inspect results/demo/models/cwa-msn/seed0"])
    @click.argument("path", type=base.PATH)
    def command(path: Path) -> Answer:
        \"\"\"Say what PATH holds.\"\"\"
        return ...

Arguments that are paths are of type :data:`PATH`; whether they exist is the function's to say, by an
:class:`~cwamsn.errors.InputError` of one line. A function says how far it has come by :mod:`cwamsn.live` and what a
reader must know by :func:`cwamsn.notes.note`; both reach stderr.
"""

import contextlib
import inspect
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from cwamsn.cli.output import Answer, write

# Existence is not checked here: the library's own message names what to do.
PATH = click.Path(path_type=Path)


class Command(click.Command):
    """A command with examples, which its help shows and a test parses."""

    examples: Sequence[str] = ()

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Examples stand last, each on a line that can be copied."""
        if self.examples:
            with formatter.section("Examples"):
                for line in self.examples:
                    formatter.write(f"{'':>{formatter.current_indent}}{line}\n")


def command(name: str, *, examples: Sequence[str]) -> Callable[[Callable[..., Answer]], Command]:
    """Decorator: a function that returns an :class:`~cwamsn.cli.output.Answer` becomes a command.

    Parameters
    ----------
    name : what the user types.
    examples : whole command lines, `cwamsn NAME ...`; at least one.
    """

    def wrap(function: Callable[..., Answer]) -> Command:
        def run(*, as_json: bool, **arguments: Any) -> int:
            stdout = sys.stdout
            with _everything_else_on_stderr():
                answer = function(**arguments)
            write(answer, stdout, as_json=as_json)
            return 1 if answer.failed else 0

        run.__doc__ = inspect.cleandoc(function.__doc__ or "")  # commands add paragraphs, which begin at the margin
        run.__click_params__ = getattr(function, "__click_params__", [])  # type: ignore[attr-defined]
        flag = click.option("--json", "as_json", is_flag=True, help="Write one JSON object to stdout.")
        made = click.command(name, cls=Command)(flag(run))
        made.examples = tuple(examples)
        return made

    return wrap


class _Notes(logging.Handler):
    """Notes of the library on stderr, each once."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.seen: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        if (line := record.getMessage()) not in self.seen:
            self.seen.add(line)
            print(f"note: {line}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _everything_else_on_stderr() -> Iterator[None]:
    """Progress, notes and what libraries print: on stderr, so that stdout holds the answer alone."""
    logger, notes = logging.getLogger("cwamsn"), _Notes()
    logger.addHandler(notes)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        logger.removeHandler(notes)
