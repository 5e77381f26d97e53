"""Input functions and constants of stage training."""

from cwamsn.recipes import MOLECULAR, recipe_of


def recipe_of_row(row, also=None):
    """The row's own recipe with the keys of `also`, checked like the shared one."""
    merged = recipe_of(config["training"], config["models"][row] | {"title": row})
    merged = recipe_of(merged, {"title": row, "recipe": also})
    options = merged["encoder_options"]
    if config["accept_noncommercial_licence"] and "frozen" in options:
        merged["encoder_options"] = options | {"accept_noncommercial": True}
    try:
        return {
            key: value
            for key, value in resolve({"training": merged}, SCHEMA)["training"].items()
            if key in merged
        }
    except InputError as error:
        raise InputError(
            str(error).replace("training.", f"models.{row}.recipe.", 1)
        ) from None


SCHEMA = load_schema(ROOT / "config" / "schemas")
try:
    RECIPES = {
        row: recipe_of_row(row) for row in config["rows"] if row_kind(row) == "trained"
    }
except InputError as error:
    raise WorkflowError(str(error))

PROCESSES = config["training"]["gpus"] or config["training"]["processes"]


def training_gpus(wildcards):
    """The resource `gpu` of a training job."""
    return gpus_of("training", RECIPES[wildcards.model]["device"], PROCESSES)


def trained_rows(molecules):
    """Pattern of trained rows, of those whose training does or does not look at molecules."""
    rows = [
        row for row in RECIPES if (RECIPES[row]["objective"] in MOLECULAR) == molecules
    ]
    return "|".join(map(re.escape, rows)) or "(?!)"


def of_training_screen(name):
    """A file of the training screen."""
    return f"{DATA}/{config['training_screen']}/{name}"
