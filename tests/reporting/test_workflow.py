"""What the workflow plans for a run's reports, in dry runs."""

import yaml

from tests.workflow.chain import snakemake


def test_a_run_of_a_finished_map_plans_its_table_and_one_digest_of_its_file(tmp_path):
    (tmp_path / "map.csv").write_text("perturbation,feature_0,feature_1\nA,1,2\nB,2,1\n")
    entries = {"mine": {"kind": "map", "path": str(tmp_path / "map.csv")}}
    config = {"run": "own", "rows": ["mine"], "benchmarks": ["gene_gene"], "embeddings": entries}
    config |= {"training_screen": None, "evaluation_screen": None}
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(config))
    plan = snakemake(tmp_path, "--dry-run", config=tmp_path / "own.yaml").stdout
    lines = dict(line.split() for line in plan.split("Job stats:")[1].splitlines() if len(line.split()) == 2)
    wanted = {"digest": "1", "import_map": "1", "gene_gene": "1", "table": "1", "gather_scores": "1"}
    assert lines.items() >= wanted.items() and "wells" not in lines
