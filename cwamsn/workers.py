"""Work on several items in processes of their own, which end with the process that started them. Standard library only.

Each item has a new process, so memory that one took is the system's again, and one that is killed for lack of memory is
told from one that fails. The processes are started by command, not by fork or by importing the caller's script again:
this works from a notebook, beside torch's threads.
"""

import json
import os
import pickle  # nosec B403 - between a process and its own children
import selectors
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cwamsn.errors import InputError
from cwamsn.live import counted_by
from cwamsn.notes import collected, note

Listener = Callable[[str, int, int], None]
"""Called with the name of a task, and how many of how many items of its loop are done."""
_START = "import sys; sys.path[:] = {path!r}; from cwamsn.workers import _child; _child({number})"


@dataclass(frozen=True)
class Task:
    """A call that needs nothing of the process that orders it.

    Parameters
    ----------
    name : for messages.
    log : file that takes what it prints.
    function, arguments : a function of a module, and what it is given; both are pickled.
    """

    name: str
    log: Path
    function: Callable[..., None]
    arguments: tuple[Any, ...] = ()
    named: Mapping[str, Any] = field(default_factory=dict)

    def run(self, counter: Callable[[int, int], None]) -> list[str]:
        """Call the function; returns the notes that it said."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            log = stack.enter_context(self.log.open("w", buffering=1))
            stack.enter_context(redirect_stdout(log))
            stack.enter_context(redirect_stderr(log))
            stack.enter_context(counted_by(counter))
            lines = stack.enter_context(collected())
            self.function(*self.arguments, **self.named)
        return lines


def run_all(
    tasks: Sequence[Task],
    jobs: int,
    *,
    counter: Listener = lambda name, done, total: None,
    done: Callable[[Task], None] = lambda task: None,
) -> None:
    """Run tasks, `jobs` at a time; with one job, in this process. Their notes are said here.

    Parameters
    ----------
    counter : hears how far the loops of the tasks are.
    done : called in this process after each task.

    Raises
    ------
    InputError
        What a task raises, or when the system ends a process. The other processes are ended.
    """
    if jobs < 1:
        raise InputError(f"jobs: {jobs} is no number of processes; give 1 or more")
    if jobs == 1 or len(tasks) < 2:
        for task in tasks:
            for line in task.run(lambda at, of, name=task.name: counter(name, at, of)):  # type: ignore[misc]
                note(line)
            done(task)
        return
    waiting, running = list(reversed(tasks)), selectors.DefaultSelector()
    try:
        while waiting or running.get_map():
            while waiting and len(running.get_map()) < jobs:
                _Process(waiting.pop()).register(running)
            for key, _ in running.select():
                process: _Process = key.data
                if process.read(counter):
                    running.unregister(key.fileobj)
                    process.finish()
                    done(process.task)
    finally:
        for key in list(running.get_map().values()):
            key.data.end()
        running.close()


class _Process:
    """A child process with one task. It sends lines of JSON, and ends when its standard input is closed."""

    def __init__(self, task: Task) -> None:
        self.task, self._rest = task, b""
        self.said: dict[str, list[str]] = {}
        self._pipe, child = os.pipe()
        code = _START.format(path=sys.path, number=child)
        self._process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, pass_fds=[child])
        os.close(child)
        assert self._process.stdin
        self._process.stdin.write(pickle.dumps(task))
        self._process.stdin.flush()

    def register(self, running: selectors.BaseSelector) -> None:
        running.register(self._pipe, selectors.EVENT_READ, self)

    def read(self, counter: Listener) -> bool:
        """Take what has been sent; returns whether that was all."""
        content = os.read(self._pipe, 65536)
        *lines, self._rest = (self._rest + content).split(b"\n")
        for line in map(json.loads, lines):
            if "at" in line:
                counter(self.task.name, line["at"], line["of"])
            else:
                self.said |= line
        return not content

    def finish(self) -> None:
        """Wait for the end of the process, whose pipe is closed; raise what it raised."""
        self.end(kill=False)
        if "input" in self.said:
            raise InputError(self.said["input"][0])
        if "fault" in self.said:
            raise RuntimeError(f"{self.task.name}: {self.said['fault'][0]}")
        if "notes" not in self.said:
            code = self._process.returncode
            why = "killed, probably for lack of memory" if code == -9 else f"ended with code {code}"
            raise InputError(
                f"{self.task.name}: its process was {why}; see {self.task.log}, and run again with fewer jobs"
            )
        for line in self.said["notes"]:
            note(line)

    def end(self, kill: bool = True) -> None:
        if kill:
            self._process.kill()
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()
        os.close(self._pipe)


def _child(number: int) -> None:
    """Of a child process: run the task that standard input holds; `number` is the pipe to send to."""
    task: Task = pickle.load(sys.stdin.buffer)  # nosec B301 - written by the parent process
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with os.fdopen(number, "wb", buffering=0) as pipe:

        def send(**message: object) -> None:
            pipe.write(json.dumps(message).encode() + b"\n")

        try:
            notes = task.run(lambda at, of: send(at=at, of=of))
            send(notes=notes)
        except InputError as error:
            send(input=[str(error)])
        except BaseException:
            send(fault=[traceback.format_exc()])


def _end_with_parent() -> None:
    """The other end of standard input is closed when the parent has ended, even by SIGKILL."""
    while os.read(0, 4096):  # not through sys.stdin, whose lock this thread would hold when the process ends
        pass
    os._exit(1)
