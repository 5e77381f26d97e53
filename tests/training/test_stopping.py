"""What a signal does to a training, and what a second one does."""

import os
import signal
import threading
import time

import pytest

from cwamsn.training import processes, stopping
from cwamsn.training.stopping import SIGNALS, SameStep, is_stopping, stop_requests


@pytest.fixture(autouse=True)
def handlers():
    """The signals end a test as KeyboardInterrupt or SystemExit, not the test run."""

    def end(number, frame):
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, end) for number in SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_each_signal_asks_for_a_stop(number):
    passed_on = []
    with stop_requests(passed_on.append) as requested:
        assert requested() is None and not is_stopping()
        signal.raise_signal(number)
        assert requested() == number and passed_on == [number] and is_stopping()
    assert not is_stopping() and signal.getsignal(number) is not signal.SIG_DFL


def test_a_repeated_signal_is_the_same_request_and_a_later_one_ends_at_once(monkeypatch):
    with stop_requests() as requested:
        for _ in range(3):
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGHUP)
        assert requested() == signal.SIGTERM
        monkeypatch.setattr(stopping, "REPEAT_SECONDS", 0.0)
        time.sleep(0.001)
        with pytest.raises(SystemExit, match=str(128 + signal.SIGTERM)):
            signal.raise_signal(signal.SIGTERM)


def test_a_second_ctrl_c_ends_at_once():
    with stop_requests(), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)


def test_a_process_that_is_waited_for_obeys_the_first_signal_alone(monkeypatch):
    monkeypatch.setattr(stopping, "REPEAT_SECONDS", 0.0)
    with stop_requests(insist=False) as requested:
        for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGINT):
            signal.raise_signal(number)
        assert requested() == signal.SIGUSR1


def test_sigusr1_is_obeyed_where_snakemake_ignores_it_and_a_hangup_under_nohup_is_not():
    for number in (signal.SIGUSR1, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with stop_requests() as requested:
        signal.raise_signal(signal.SIGHUP)
        assert requested() is None
        signal.raise_signal(signal.SIGUSR1)
        assert requested() == signal.SIGUSR1
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_IGN


def test_one_process_stops_after_the_step_it_is_at():
    number = None
    with SameStep(lambda: number) as to_stop:
        assert to_stop() is None
        number = signal.SIGTERM
        assert to_stop() == signal.SIGTERM
        to_stop.together()


def test_a_process_that_stops_already_gets_no_second_signal_when_its_parent_is_gone(monkeypatch):
    """A signal to all processes of a job ends the shell between Snakemake and the training."""
    sent, ended = [], threading.Event()
    monkeypatch.setattr(processes.os, "kill", lambda *arguments: sent.append(arguments))
    monkeypatch.setattr(processes.os, "_exit", lambda status: ended.set())
    with stop_requests():
        signal.raise_signal(signal.SIGTERM)
        processes.end_with(os.getppid() + 1, patience=0)
        assert ended.wait(10) and not sent
    ended.clear()
    processes.end_with(os.getppid() + 1, patience=0)
    assert ended.wait(10) and sent == [(os.getpid(), signal.SIGTERM)]
