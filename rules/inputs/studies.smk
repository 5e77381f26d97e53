"""Input functions and constants of studies."""

from types import SimpleNamespace

from cwamsn.studies.plan import check_sections, point_screens, point_seeds

STUDY = config["study"]
# The parts of the configuration that a point depends on.
STUDY_SECTIONS = {
    name: config[name]
    for name in (
        "crops",
        "channel_maps",
        "embedding",
        "alignment",
        "gene_gene",
        "compound_gene",
        "plate_probe",
        "replicate_map",
        "bootstrap",
    )
}
STUDY_POINTS = point_seeds(STUDY)
# A study trains on one process.
STUDY_GPUS = 1 if config["training"]["gpus"] else 0


def study_rows(wildcards):
    """The configured rows with complete recipes, as a study's job takes them."""
    own = (STUDY["points"][wildcards.point] or {}).get("recipe") or {}
    try:
        check_sections(STUDY_SECTIONS)
    except InputError as error:
        raise WorkflowError(str(error))
    try:
        return {
            row: row_entry(row)
            | {"seeds": row_seeds(row)}
            | (
                {"recipe": recipe_of_row(row, own), "gpus": STUDY_GPUS}
                if row in RECIPES
                else {}
            )
            for row in ROWS
            if row_kind(row) != "quoted"
        }
    except InputError as error:
        raise WorkflowError(f"study.points.{wildcards.point}.recipe: {error}")


def study_gpus(wildcards):
    """The resource `gpu` of a point: one where any of its trainings takes a GPU."""
    asked = [gpus_of("training", RECIPES[row]["device"]) for row in RECIPES]
    return min(1, max(asked, default=0))


def study_screens(wildcards):
    """The pair of screens of one point and seed."""
    try:
        return point_screens(
            config, SCHEMA, wildcards.point, int(wildcards.screen_seed)
        )
    except InputError as error:
        raise WorkflowError(str(error))


def study_designs(wildcards):
    """The pair of designs of every point."""
    return {
        point: study_screens(SimpleNamespace(point=point, screen_seed=seeds[0]))
        for point, seeds in STUDY_POINTS.items()
    }


def study_files(wildcards):
    """Scores of every point and seed."""
    if not STUDY_POINTS:
        raise WorkflowError(
            "study.screen_seeds: is empty; give the target study its configuration, such as config/demonstration.yaml"
        )
    return [
        f"{RESULTS}/study/points/{point}/{seed}.parquet"
        for point, seeds in STUDY_POINTS.items()
        for seed in seeds
    ]
