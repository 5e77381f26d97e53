"""The plan of the run, wildcards, memory, time and GPUs. The only rule file with Python; logic is in `cwamsn/`."""

import inspect
import signal
import sys
from pathlib import Path

ROOT = Path(workflow.current_basedir).parent
sys.path.insert(0, str(ROOT))

from snakemake.common.configfile import load_configfile
from snakemake.logging import logger
from snakemake.utils import available_cpu_count

from cwamsn.config_files import configuration
from cwamsn.errors import InputError
from cwamsn.gpus import (
    encoding_mb,
    job_threads,
    loading_mb,
    required_gpus,
    views_at_once,
    visible_gpus,
)
from cwamsn.files import megabytes
from cwamsn.head_needs import HeadNeeds
from cwamsn.methods import (
    ALIGNED,
    CWA_HEAD,
    EMBEDDING_FILES,
    EMBEDDING_WELLS,
    ENCODER,
    HANDCRAFTED,
    LATENT,
    MAP,
    PRETRAINED,
    RANDOM,
    TRAINED,
)
from cwamsn.needs import Needs
from cwamsn.plan import Plan
from cwamsn.paths import counts_of, notes_of, one_of, own_table_of
from cwamsn.products import FIGURES, PRODUCTS, TABLES
from cwamsn.report_needs import ReportNeeds
from cwamsn.study_needs import StudyNeeds
from cwamsn.where import own_command
from cwamsn.workplace import begin, release


def checked(function, *arguments, **named):
    """Result of a function; an InputError ends the run with its one line."""
    try:
        return function(*arguments, **named)
    except InputError as error:
        raise WorkflowError(str(error))


# Snakemake has merged the files in its own way.
_found = checked(
    configuration,
    ROOT,
    workflow.overwrite_configfiles,
    workflow.config_settings.config,
    load_configfile,
)
config.clear()
config.update(_found)

plan = checked(Plan, config, ROOT)
needs = Needs(plan, guards=workflow.is_main_process)
reporting = ReportNeeds(needs)
study = StudyNeeds(needs)
checked(lambda: (needs.recipes, needs.encoders))
heads = checked(HeadNeeds, needs)

if workflow.is_main_process:
    if _line := release(Path.cwd()):
        logger.warning(_line)
    begin(Path.cwd(), local=True)  # it has no jobs yet
else:
    # SLURM's `--signal` reaches every process of a job. It is meant for the training, and would end its Snakemake.
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)


wildcard_constraints:
    screen=one_of(plan.screen_names),
    unit=r"[A-Za-z0-9_.-]+",
    method=r"[A-Za-z0-9_.-]+",
    other=r"[A-Za-z0-9_.-]+",
    seed=r"\d+",
    screen_seed=r"\d+",
    alignment=r"[a-z][a-z@0-9-]*",
    file=r"[A-Za-z0-9_./-]+",
    point=one_of(config["study"]["points"]),


def of(function, **fixed):
    """Input function: `function` of the wildcards that its parameters are named after, and of what is `fixed`."""
    wanted = inspect.signature(function).parameters

    def from_wildcards(wildcards):
        known = {"screen": plan.only_screen} | dict(wildcards.items()) | fixed
        return checked(
            function, **{name: known[name] for name in wanted if name in known}
        )

    return from_wildcards


def mem_mb(base):
    """Memory that doubles with each attempt; never below 500 MB, which Snakemake itself needs in a cluster job.

    A job that reads embeddings of wells holds several copies of them: six times their file, where that is more.
    """

    def of_job(wildcards, attempt, input=None):
        wide = 6 * megabytes(input.get("embeddings") if input else None)
        return max(500, base, wide) * 2 ** (attempt - 1)

    return of_job


def runtime(base):
    """Minutes that double with each attempt."""
    return lambda wildcards, attempt: base * 2 ** (attempt - 1)


# Jobs of a cluster run on other machines, whose GPUs its scheduler knows. Snakemake tells `nodes` only there.
SUBMITS = workflow.global_resources["_nodes"].value is not None
GPUS = 0 if SUBMITS else visible_gpus()
# `cores: all` of profiles/default is about this machine; it would limit the threads of a cluster's jobs to those here.
if SUBMITS and workflow.global_resources["_cores"].value == available_cpu_count():
    workflow.global_resources["_cores"] = None
# Seconds before its time limit a training on SLURM saves and ends; its next attempt goes on from there.
SAVE_BEFORE_TIME_LIMIT = "--signal=USR1@120"
PROCESSES = config["training"]["gpus"] or config["training"]["processes"]


def gpus_of(section, device, processes=1):
    """The resource `gpu` of a job: what the configuration asks for, or what `device: auto` would take here."""
    required = checked(required_gpus, config, section, device)
    takes_some = config[section]["gpus"] is None and device != "cpu"
    return required or (processes if takes_some and processes <= GPUS else 0)


def training_gpus(wildcards):
    """GPUs of a training."""
    return gpus_of("training", needs.recipe(wildcards.method)["device"], PROCESSES)


def embedding_gpus(wildcards):
    """GPUs of a job that embeds images."""
    return gpus_of("embedding", of(needs.embedding_options)(wildcards)["device"])


def study_gpus(wildcards):
    """GPUs of a point of a study: one where any of its trainings takes a GPU."""
    asked = [gpus_of("training", recipe["device"]) for recipe in needs.recipes.values()]
    return min(1, max(asked, default=0))


def study_threads(wildcards):
    """Threads of a point of a study: one on the CPU, so that points fill the cores."""
    return job_threads(config["training"], 1) if study_gpus(wildcards) else 1


def study_runtime(wildcards, attempt):
    """Minutes of a point of a study: those of its trainings, one after the other, and an hour for all else."""
    trainings = sum(len(method.seeds) for method in needs.trained())
    return runtime(60 + trainings * config["training"]["runtime_minutes"])(
        wildcards, attempt
    )


def study_mem_mb(wildcards, attempt):
    """Memory of a point of a study, and what a GPU needs beside it."""
    gpus = study_gpus(wildcards)
    images = 2 * max((r["batch_size"] for r in needs.recipes.values()), default=0)
    loading = loading_mb(config["training"], images, gpus) if gpus else 0
    return mem_mb(4000 + loading)(wildcards, attempt)


def training_threads(wildcards):
    """Threads of a training, of all its processes. Snakemake caps them at `--cores`."""
    return job_threads(config["training"], training_gpus(wildcards), PROCESSES)


def embedding_threads(wildcards):
    """Threads of a job that embeds images."""
    return job_threads(config["embedding"], embedding_gpus(wildcards))


def training_mem_mb(wildcards, attempt):
    """Memory of a training: that of its processes, and what a GPU and batches loaded ahead need."""
    section, images = (
        config["training"],
        2 * needs.recipe(wildcards.method)["batch_size"],
    )
    loading = loading_mb(section, images, training_gpus(wildcards), PROCESSES)
    return mem_mb(section["memory_mb"] * PROCESSES + loading)(wildcards, attempt)


def embedding_mem_mb(base):
    """Memory of a job that embeds images: `base`, or what the method says, with 16 views at once on the CPU, and what
    more views, a GPU and batches loaded ahead need."""

    def of_job(wildcards, attempt):
        own = plan.defined[wildcards.method].entry.get("memory_mb", base)
        options, gpus = of(needs.embedding_options)(wildcards), embedding_gpus(
            wildcards
        )
        views = views_at_once(options["batch_size"], bool(gpus))
        loading = loading_mb(config["embedding"], views, gpus)
        more = 0 if gpus else encoding_mb(views, options["view_size"])
        return mem_mb(own + more + loading)(wildcards, attempt)

    return of_job


# Jobs beyond this machine's GPUs wait; `--resources gpu=N` overrules it.
if workflow.is_main_process and not SUBMITS:
    if "gpu" not in set(workflow.global_resources):
        if GPUS or config["training"]["gpus"] or config["embedding"]["gpus"]:
            workflow.register_resource("gpu", max(1, GPUS))


# One target per table and figure.
for _name in PRODUCTS:

    rule:
        name:
            _name
        input:
            of(reporting.one_product, name=_name),
        localrule: True
