"""Input functions of the rows that are not trained here."""


def weights_file(wildcards):
    """Local weight files that a pretrained row names. None where its weights are fetched."""
    entry = row_entry(wildcards.model)
    return [entry[key] for key in ("path", "backbone_path") if entry[key]]


def of_evaluation_parts(pattern):
    """Input function: `pattern` for each part of the evaluation screen."""

    def paths(wildcards):
        screen = config["evaluation_screen"]
        names = screen_parts(screen) if screen else []
        return expand(pattern, part=names, model=wildcards.model)

    return paths


def evaluation_part(suffix):
    """Input function: a part of the evaluation screen's crops."""
    return (
        lambda wildcards: f"{DATA}/{config['evaluation_screen']}/crops/{wildcards.part}{suffix}"
    )


def simulated_truth(wildcards):
    """Ground truth of the evaluation screen, which only a simulated one has."""
    screen = config["evaluation_screen"]
    if not screen or not SCREENS[screen]["source"].startswith("simulated-"):
        raise WorkflowError(
            "rows of kind latent and the benchmark latent_probe need a simulated evaluation screen; leave them out"
        )
    return f"{DATA}/{screen}/host/truth/wells.parquet"
