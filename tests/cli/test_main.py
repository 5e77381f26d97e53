"""The console script: exit codes, what goes where, examples, and how soon its help is there."""

import json
import os
import shlex
import subprocess
import sys
import types

import click
import pytest

from cwamsn.cli import main as script
from cwamsn.cli.base import command
from cwamsn.cli.output import Answer, plain
from cwamsn.cli.registry import COMMANDS
from cwamsn.errors import InputError
from cwamsn.live import say
from cwamsn.notes import note

INSTALLED = script.cwamsn.list_commands(click.Context(script.cwamsn))


@pytest.fixture
def standin(monkeypatch):
    """Call with a function: `cwamsn inspect NUMBER` then runs it."""

    def use(function):
        made = command("inspect", examples=["cwamsn inspect 3"])(click.argument("number", type=int)(function))
        monkeypatch.setattr(script.Commands, "list_commands", lambda self, ctx: ["inspect", "score"])
        monkeypatch.setattr(script.importlib, "import_module", lambda name: types.SimpleNamespace(command=made))

    return use


def test_a_command_answers_on_stdout_and_says_the_rest_on_stderr(standin, capsys):
    def work(number):
        """Double NUMBER."""
        say("step 1 of 2")
        note("one well was left out")
        note("one well was left out")
        return Answer({"double": 2 * number}, [f"twice {number} is {2 * number}"])

    standin(work)
    assert script.main(["inspect", "3"]) == 0
    out, err = capsys.readouterr()
    assert out == "twice 3 is 6\n"
    assert err == "step 1 of 2\nnote: one well was left out\n"
    assert script.main(["inspect", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"double": 6}


def test_what_is_not_in_order_ends_with_1(standin, capsys):
    standin(lambda number: Answer({}, ["two plates lack controls"], failed=True))
    assert script.main(["inspect", "3"]) == 1


def test_an_error_of_the_input_is_one_line(standin, capsys):
    def work(number):
        raise InputError("plates.csv: no column Metadata_Well;\n  add it")

    standin(work)
    assert script.main(["inspect", "3"]) == 1
    out, err = capsys.readouterr()
    assert (out, err) == ("", "cwamsn: plates.csv: no column Metadata_Well; add it\n")
    assert script.main(["inspect", "3", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {
        "error": "plates.csv: no column Metadata_Well; add it",
        "exit_code": 1,
    }


def test_a_fault_of_ours_keeps_its_traceback_in_a_file_that_is_named(standin, capsys, tmp_path, monkeypatch):
    def work(number):
        return Answer({"x": {}["absent"]})

    standin(work)
    monkeypatch.chdir(tmp_path)
    assert script.main(["inspect", "3"]) == 2
    (log,) = tmp_path.glob("cwamsn-fault-*.log")
    err = capsys.readouterr().err
    assert str(log) in err and "KeyError: 'absent'" in err and err.count("\n") == 1
    assert "Traceback" in log.read_text() and "cwamsn inspect 3" in log.read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["inspct"], "no command 'inspct'; nearest: inspect"),
        (["inspect", "x"], "'x' is not a valid integer"),
        (["inspect"], "Missing argument 'NUMBER'. (cwamsn inspect --help)"),
        (["inspect", "3", "--deep"], "No such option '--deep'"),
    ],
)
def test_usage_errors_end_with_1_and_say_what_is_known(standin, capsys, words, said):
    standin(lambda number: Answer({}))
    assert script.main(words) == 1
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1


def test_an_absent_package_names_the_extra_that_brings_it(standin, capsys):
    def work(number):
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    standin(work)
    assert script.main(["inspect", "3"]) == 1
    assert "pip install 'cwamsn[images]'" in capsys.readouterr().err


def test_ctrl_c_ends_with_130(standin, capsys):
    def work(number):
        raise KeyboardInterrupt

    standin(work)
    assert script.main(["inspect", "3"]) == 130
    assert "goes on" in capsys.readouterr().err


def test_values_of_numpy_and_paths_become_json(tmp_path):
    np = pytest.importorskip("numpy")
    value = {
        "a": np.float32(0.5),
        "b": np.array([1, 2]),
        "c": float("nan"),
        "d": tmp_path,
        4: [np.int64(3), None, True],
    }
    assert plain(value) == {"a": 0.5, "b": [1, 2], "c": None, "d": str(tmp_path), "4": [3, None, True]}


def test_help_lists_every_command_and_imports_nothing_heavy():
    heavy = "[m for m in ('torch', 'pandas', 'numpy', 'scipy', 'pyarrow', 'yaml') if m in sys.modules]"
    code = f"import sys; from cwamsn.cli.main import main; main(['--help']); print({heavy})"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.rstrip().endswith("[]")
    for name in INSTALLED:
        assert COMMANDS[name] in " ".join(result.stdout.split())


def test_help_is_there_at_once():
    """Processor time: the machine that runs the tests is busy."""
    code = "import time; from cwamsn.cli.main import main; main(['--help']); print(time.process_time())"
    times = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.split()[-1])
        for _ in range(3)
    ]
    assert min(times) < 0.3


def test_python_m_runs_the_same_script():
    result = subprocess.run([sys.executable, "-m", "cwamsn", "--version"], capture_output=True, text=True, check=True)
    assert result.stdout.startswith("cwamsn ")


@pytest.mark.parametrize("name", INSTALLED)
def test_examples_of_every_command_parse_and_its_help_shows_them(name, capsys):
    made = script.cwamsn.get_command(click.Context(script.cwamsn), name)
    assert made.examples and made.name == name
    assert script.main([name, "--help"]) == 0
    shown = capsys.readouterr().out
    for line in made.examples:
        assert line in shown
        program, command_name, *words = shlex.split(line)
        assert (program, command_name) == ("cwamsn", name)
        made.make_context(name, words)


@pytest.mark.parametrize("own", [None, "active"])
def test_threads_that_wait_sleep_unless_the_user_says_otherwise(monkeypatch, own):
    monkeypatch.setenv("OMP_WAIT_POLICY", own or "")
    if own is None:
        monkeypatch.delenv("OMP_WAIT_POLICY")
    assert script.main(["--version"]) == 0
    assert os.environ["OMP_WAIT_POLICY"] == (own or "passive")
