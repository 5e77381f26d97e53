"""`cwamsn COMMAND ...`. Exit codes: 0 done, 1 something you gave is wrong, 2 a fault of the program (see the log)."""

import importlib
import json
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

import click

from cwamsn.cli.registry import COMMANDS
from cwamsn.errors import CwamsnError, nearest
from cwamsn.version import code_version

DONE, INPUT, FAULT, STOPPED = 0, 1, 2, 130
# Threads of OpenMP that wait for each other sleep. By default they count to 300,000 first: on cores that other work
# shares, an embedding by two threads then takes three times the processor time, and longer than one by one.
WAITING = {"OMP_WAIT_POLICY": "passive"}
ROOT = Path(__file__).resolve().parents[2]


class Commands(click.Group):
    """The group of commands: one is imported when it is asked for, so the list of all is there at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the registry."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command; None where there is no such, which click then says."""
        if cmd_name not in self.list_commands(ctx):
            return None
        return importlib.import_module(f"cwamsn.cli.{cmd_name}").command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it; an unknown command is answered with the nearest."""
        if args and not args[0].startswith("-") and args[0] not in (known := self.list_commands(ctx)):
            raise click.UsageError(f"no command {args[0]!r}; {nearest(args[0], known)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One line per command, without importing any."""
        if rows := [(name, COMMANDS[name]) for name in self.list_commands(ctx)]:
            with formatter.section("Commands"):
                formatter.write_dl(rows)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """What every command has in common."""
        with formatter.section("Exit codes"):
            formatter.write_dl(
                [("0", "done"), ("1", "something you gave is wrong: one line says what"), ("2", "a fault of cwamsn")]
            )


def _version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        code = code_version(ROOT)
        click.echo(f"cwamsn {code['version'] or ''} {code['commit'] or ''}".strip())
        ctx.exit()


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Show the version.")
def cwamsn() -> None:
    """Your plates in, profiles out: embeddings of Cell Painting screens by a trained encoder.

    `cwamsn COMMAND --help` shows examples. Every command takes --json.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; whatever goes wrong ends as one line on stderr.

    Parameters
    ----------
    arguments : words after `cwamsn`; None takes those of the process.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    for name, value in WAITING.items():  # read when torch is imported, which a command does later
        os.environ.setdefault(name, value)
    try:
        result = cwamsn.main(args=words, prog_name="cwamsn", standalone_mode=False)
        return result if isinstance(result, int) else DONE
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "", err=True)
        return INPUT
    except click.ClickException as error:
        return _say(words, f"{error.format_message()}{_help_of(error)}", INPUT)
    except CwamsnError as error:
        return _say(words, str(error), INPUT)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "cwamsn":
            return _fault(words, error)
        return _say(words, f"the package {error.name} is not installed: pip install 'cwamsn[images]' brings it", INPUT)
    except (KeyboardInterrupt, click.Abort):
        return _say(words, "stopped by Ctrl-C; the same command goes on from here", STOPPED)
    except BrokenPipeError:  # the reader of our output has closed, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except Exception as error:
        return _fault(words, error)


def _help_of(error: click.ClickException) -> str:
    """Where to read on, for an error in the use of a command."""
    context: click.Context | None = getattr(error, "ctx", None)
    return f" (cwamsn {context.info_name} --help)" if context and context.parent else ""


def _say(words: Sequence[str], text: str, code: int) -> int:
    """The line on stderr; with --json the same as an object on stdout."""
    line = " ".join(text.split())
    print(f"cwamsn: {line}", file=sys.stderr, flush=True)
    if "--json" in words:
        print(json.dumps({"error": line, "exit_code": code}, ensure_ascii=False), flush=True)
    return code


def _fault(words: Sequence[str], error: BaseException) -> int:
    """Keep the traceback in a file, and name it."""
    name = f"cwamsn-fault-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
    text = f"cwamsn {' '.join(words)}\n{code_version(ROOT)}\n\n{''.join(traceback.format_exception(error))}"
    for folder in (Path.cwd(), Path(tempfile.gettempdir())):
        try:
            (folder / name).write_text(text)
        except OSError:
            continue
        kept = f"the traceback is in {folder / name}, please report it"
        break
    else:
        print(text, file=sys.stderr)
        kept = "its traceback stands above, please report it"
    return _say(words, f"a fault of cwamsn, not of your input ({type(error).__name__}: {error}); {kept}", FAULT)
