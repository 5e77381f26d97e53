"""CWA-MSN from raw plates to the paper's tables and figures."""

from snakemake.utils import min_version

min_version("9.0")


configfile: str(workflow.source_path("config/config.yaml"))
configfile: str(workflow.source_path("config/models.yaml"))


include: "rules/common.smk"
include: "rules/screens.smk"
include: "rules/crops.smk"
include: "rules/training.smk"
include: "rules/embeddings.smk"
include: "rules/alignment.smk"
include: "rules/benchmarks.smk"
include: "rules/reporting.smk"
