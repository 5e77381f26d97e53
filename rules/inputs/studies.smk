"""Input functions and constants of studies."""

from cwamsn.studies.plan import point_screens, point_seeds

STUDY = config["study"]
STUDY_SECTIONS = ("crops", "channel_maps", "embedding", "alignment", "gene_gene")
STUDY_POINTS = point_seeds(STUDY)


def study_rows(wildcards):
    """The configured rows with complete recipes, as a study's job takes them."""
    return {
        row: row_entry(row)
        | {"seeds": row_seeds(row)}
        | ({"recipe": RECIPES[row]} if row in RECIPES else {})
        for row in ROWS
        if row_kind(row) != "quoted"
    }


def study_screens(wildcards):
    """The pair of screens of one point and seed."""
    try:
        return point_screens(
            config, SCHEMA, wildcards.point, int(wildcards.screen_seed)
        )
    except InputError as error:
        raise WorkflowError(str(error))
