"""Paths, wildcard constraints and input functions that several stages share."""

import sys
from pathlib import Path

ROOT = Path(workflow.current_basedir).parent
sys.path.insert(0, str(ROOT))

from snakemake.common.configfile import load_configfile
from snakemake.logging import logger

from cwamsn.config import load_schema, resolve
from cwamsn.config_files import configuration
from cwamsn.where import products, trainings
from cwamsn.screens_in_use import check, claim
from cwamsn.screens_in_use import settings as screen_settings
from cwamsn.errors import InputError
from cwamsn.workplace import begin, release

try:
    _found = configuration(
        ROOT,
        workflow.overwrite_configfiles,
        workflow.config_settings.config,
        load_configfile,
    )
except InputError as error:
    raise WorkflowError(str(error))

config.clear()  # Snakemake has merged the files in its own way
config.update(_found)

if workflow.is_main_process:
    if _line := release(Path.cwd()):
        logger.warning(_line)
    begin(Path.cwd(), local=True)  # it has no jobs yet

DATA = config["paths"]["data"]
RESULTS = f"{config['paths']['results']}/{config['run']}"
SCREENS = config["screens"]
SEEDS = config["seeds"]
ROWS = config["rows"]


wildcard_constraints:
    screen="|".join(map(re.escape, SCREENS)) or "none",
    part=r"[A-Za-z0-9_.-]+",
    model=r"[A-Za-z0-9_.-]+",
    seed=r"\d+",


def planned(jobs):
    """Output files of jobs."""
    return [str(path) for job in jobs for path in job.output]


def own_screen(screen):
    """Refuse a screen's folder that another run made with other settings."""
    try:
        if workflow.is_main_process:
            check(
                f"{DATA}/{screen}",
                screen,
                config["run"],
                screen_settings(config, screen),
            )
    except InputError as error:
        raise WorkflowError(str(error))


def script_path(name):
    """Absolute path of a workflow script."""
    return str(ROOT / "workflow_scripts" / name)


def log_path(name):
    """A rule's log, below the run's results."""
    return f"{RESULTS}/logs/{name}.log"


def usage_path(name):
    """Snakemake's own measurement of a job."""
    return f"{RESULTS}/usage/{name}.tsv"


def mem_mb(base):
    """Memory that doubles with each attempt; never below 500 MB, which Snakemake itself needs in a cluster job."""
    return lambda wildcards, attempt: max(500, base) * 2 ** (attempt - 1)


def runtime(base):
    """Minutes that double with each attempt."""
    return lambda wildcards, attempt: base * 2 ** (attempt - 1)


def row_entry(row):
    """A row's entry: in `embeddings:` (a file of the user's) or in `models:`."""
    return config["embeddings"].get(row) or config["models"][row]


def row_kind(row):
    """How a row comes about: trained, random, released, ... of `models:`; wells or map of `embeddings:`."""
    return row_entry(row)["kind"]


def row_seeds(row):
    """Seeds that a row is computed with: its own or the run's where the seed matters, else 0; none for printed numbers."""
    kind = row_kind(row)
    if own := row_entry(row).get("seeds"):
        return own
    return SEEDS if kind in ("trained", "random") else [] if kind == "quoted" else [0]


def rows_of_kind(*kinds):
    """Pattern of a `model` wildcard that matches the rows of these kinds and no other."""
    known = {**config["models"], **config["embeddings"]}
    return "|".join(re.escape(row) for row in known if row_kind(row) in kinds) or "(?!)"
