"""How many GPUs a job asks for, and how many this machine has."""

from cwamsn.gpus import required_gpus, visible_gpus

# Jobs of a cluster run on other machines, whose GPUs its scheduler knows. Snakemake tells `nodes` only there.
SUBMITS = workflow.global_resources["_nodes"].value is not None
GPUS = 0 if SUBMITS else visible_gpus()


def gpus_of(section, device, processes=1):
    """The resource `gpu` of a job: what the configuration asks for, or what `device: auto` would take here."""
    try:
        required = required_gpus(config, section, device)
    except InputError as error:
        raise WorkflowError(str(error))
    takes_some = config[section]["gpus"] is None and device != "cpu"
    return required or (processes if takes_some and processes <= GPUS else 0)


# Jobs beyond this machine's GPUs wait; `--resources gpu=N` overrules it.
if workflow.is_main_process and not SUBMITS:
    if "gpu" not in set(workflow.global_resources):
        if GPUS or config["training"]["gpus"] or config["embedding"]["gpus"]:
            workflow.register_resource("gpu", max(1, GPUS))
