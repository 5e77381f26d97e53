"""Which jobs a configured run has: no file of another configuration is measured, noted or released."""

from cwamsn.jobs import notes_by_screen, screen_jobs, unit_jobs
from tests.plans import RANDOM, finished_map, plan_of, reporting_of, wells

METHODS = {"a": {}, "b": RANDOM | {"seeds": [0]}}
CONFIG = {"evaluate": {"e": ["gene_gene", "plate_probe"]}, "seeds": [0, 1], "comparisons": [["a", "b"]]}
CONFIG |= {
    "screens": {
        "t": {"source": "simulated-bray"},
        "e": {"source": "load-data", "load_data": "x.csv", "platemap": "p.csv"},
    }
}


def jobs_of(methods, **changes):
    return reporting_of(plan_of(methods, **CONFIG | changes)).jobs()


def usage(jobs):
    return [job.usage for job in jobs]


def test_a_method_is_trained_embedded_aligned_scored_and_compared():
    jobs = jobs_of(METHODS)
    steps = ("embeddings", "alignment", "gene_gene", "plate_probe")
    assert usage(jobs)[:5] == ["train/a/seed0", *(f"{step}/e/a/seed0" for step in steps)]
    assert usage(jobs)[10:] == [*(f"{step}/e/b/seed0" for step in steps), "compare_methods/e/a-b/seed0"]
    assert jobs[0].notes == "r/models/a/seed0/notes.json" and jobs[2].notes == "./r/maps/e/a/seed0.notes.json"
    assert jobs[-1].notes == "./r/scores/e/a/seed0/minus_b.notes.json"


def test_a_map_is_made_for_the_benchmarks_that_read_one():
    for benchmarks in (["plate_probe"], ["replicate_map"]):
        assert not any(job.step == "alignment" for job in jobs_of(METHODS, evaluate={"e": benchmarks}))
    jobs = jobs_of(METHODS, evaluate={"e": ["replicate_map"]}, compound_gene={"truth": "truth.csv"})
    assert any(job.step == "alignment" for job in jobs), "shared targets are looked up in the map"
    assert not any(job.step == "compare_methods" for job in jobs), "methods are compared by gene_gene"


def test_further_alignments_and_finished_maps():
    alignment = {"method": "none", "also": ["none", "sphering"]}
    jobs = jobs_of({"a": wells(), "m": finished_map()}, alignment=alignment, comparisons=[])
    assert usage(jobs) == [
        *(f"{step}/e/a/seed0" for step in ("embeddings", "alignment", "gene_gene", "plate_probe")),
        "alignment/e/a/seed0.sphering",
        "gene_gene/e/a/seed0.sphering",
        "embeddings/e/m/seed0",
        "gene_gene/e/m/seed0",
    ]
    assert [job.notes for job in jobs if job.also] == [
        "./r/maps/e/a/seed0.sphering.notes.json",
        "./r/scores/e/a/seed0/sphering/gene_gene.notes.json",
    ]


def test_a_screen_without_a_need_for_images_has_its_wells_alone():
    plan = plan_of(METHODS | {"h": {"kind": "handcrafted", "features": "cell-count"}}, **CONFIG)
    assert usage(screen_jobs(plan, "e", ["p"], False)) == ["wells/e"]
    jobs = screen_jobs(plan, "t", ["p", "q"], True)
    assert usage(jobs)[:5] == ["wells/t", "simulate_layout/t", "simulate_plate/t/p", "fetch/t/p", "crops_unit/t/p"]
    assert notes_by_screen(jobs) == {"t": ["d/t/wells.notes.json", "d/t/crops.notes.json"]}
    assert usage(unit_jobs(plan, "e", ["p", "q"])) == ["embeddings/e/h/units/p", "embeddings/e/h/units/q"]


def test_what_was_said_of_a_published_table_belongs_to_its_method():
    released = {"kind": "released", "title": "A", "file": "published/subcell.parquet"}
    screens = {"e": {"source": "morphohelm", "set": "cpg-tgt2"}}
    changes = {"screens": screens, "evaluate": {"e": ["morphohelm"]}, "training_screen": None, "comparisons": []}
    jobs = jobs_of({"a": released}, **changes)
    (job,) = [job for job in jobs if job.step == "well_table"]
    assert (job.method, job.usage) == ("a", "well_table/e/subcell")
    assert job.notes.endswith("e/published/subcell.notes.json")
    own = jobs_of({"a": released | {"path": "mine.parquet"}}, **changes)
    assert not any(job.step == "well_table" for job in own)
