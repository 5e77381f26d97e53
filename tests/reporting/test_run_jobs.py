"""Which jobs a configured run has: no file of another configuration is measured, noted or released."""

from cwamsn.reporting import run_jobs, targets


def row(name, kind="trained", seeds=(0,), tables=(1, 2)):
    return {"name": name, "kind": kind, "tables": list(tables), "seeds": list(seeds), "parameters": None}


CONFIG = {
    "benchmarks": ["gene_gene", "plate_probe"],
    "comparisons": [["a", "b"], ["a", "absent"]],
    "alignment": {"method": "pca-center-scale", "also": []},
}
ROWS = [row("a", seeds=(0, 1)), row("b", "random")]


def usage(jobs):
    return [job.usage for job in jobs]


def test_a_row_is_trained_embedded_aligned_scored_and_compared():
    jobs = run_jobs.row_jobs(ROWS, CONFIG, "r", has_truth=False)
    assert usage(jobs)[:5] == [f"{s}/a/seed0" for s in ("train", "embeddings", "alignment", "gene_gene", "plate_probe")]
    assert usage(jobs)[10:] == [
        *(f"{s}/b/seed0" for s in ("embeddings", "alignment", "gene_gene", "plate_probe")),
        "compare_rows/a-b/seed0",
    ]
    assert jobs[0].notes == "r/models/a/seed0/notes.json" and jobs[2].notes == "r/maps/a/seed0.notes.json"
    assert jobs[-1].notes == "r/scores/a/seed0/minus_b.notes.json"


def test_a_map_is_made_for_the_benchmarks_that_read_one():
    for benchmarks, truth, aligned in ((["plate_probe"], True, False), (["replicate_map"], False, False)):
        jobs = run_jobs.row_jobs(ROWS, CONFIG | {"benchmarks": benchmarks}, "r", truth)
        assert any(job.step == "alignment" for job in jobs) == aligned
    jobs = run_jobs.row_jobs(ROWS, CONFIG | {"benchmarks": ["replicate_map"]}, "r", True)
    assert any(job.step == "alignment" for job in jobs)
    assert not any(job.step == "compare_rows" for job in jobs), "rows are compared by gene_gene"


def test_further_alignments_and_finished_maps():
    config = CONFIG | {"alignment": {"method": "none", "also": ["none", "sphering"]}}
    jobs = run_jobs.row_jobs([row("a", "wells"), row("m", "map")], config, "r", False)
    assert usage(jobs) == [
        *(f"{s}/a/seed0" for s in ("embeddings", "alignment", "gene_gene", "plate_probe")),
        "alignment/a/seed0.sphering",
        "gene_gene/a/seed0.sphering",
        "embeddings/m/seed0",
        "gene_gene/m/seed0",
    ]
    assert [job.notes for job in jobs if job.also] == [
        "r/maps/a/seed0.sphering.notes.json",
        "r/scores/a/seed0/sphering/gene_gene.notes.json",
    ]


def test_a_screen_without_a_need_for_images_has_its_wells_alone():
    assert usage(run_jobs.screen_jobs("s", "load-data", ["p"], "d", False)) == ["wells/s"]
    jobs = run_jobs.screen_jobs("s", "simulated-bray", ["p", "q"], "d", True)
    assert usage(jobs)[:5] == ["wells/s", "simulate_layout/s", "simulate_plate/s/p", "fetch/s/p", "crops_part/s/p"]
    assert run_jobs.notes_of_screens(jobs) == {"s": ["d/s/wells.notes.json", "d/s/crops.notes.json"]}
    parts = run_jobs.part_jobs([row("h", "handcrafted"), row("a")], ["p", "q"])
    assert usage(parts) == ["embeddings/h/parts/p", "embeddings/h/parts/q"]


def test_a_table_reads_the_notes_of_its_own_rows_and_benchmarks():
    rows = [*ROWS, row("c", tables=(3,))]
    config = CONFIG | {"alignment": {"method": "none", "also": ["sphering"]}, "benchmarks": ["gene_gene", "signal"]}
    jobs = run_jobs.row_jobs(rows, config, "r", False)
    notes = run_jobs.notes_of_rows(targets.jobs_of("table1", rows, config["benchmarks"], jobs, False))
    assert notes["b"] == {
        0: ["r/embeddings/b/seed0.notes.json", "r/maps/b/seed0.notes.json", "r/scores/b/seed0/gene_gene.notes.json"]
    }
    assert set(notes) == {"a", "b"} and "r/scores/a/seed0/minus_b.notes.json" in notes["a"][0]
    assert set(notes["a"]) == {0, 1}
    signal = run_jobs.notes_of_rows(targets.jobs_of("signal", rows, config["benchmarks"], jobs, False))
    assert signal["c"] == {
        0: ["r/models/c/seed0/notes.json", "r/embeddings/c/seed0.notes.json", "r/scores/c/seed0/signal.notes.json"]
    }
