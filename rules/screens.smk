"""Stage screens: from a public host, a local folder or the simulator to raw images, wells and fields."""


rule simulate_layout:
    output:
        truth=plan.screen().simulated_truth,
    log:
        plan.log("simulate_layout/{screen}"),
    benchmark:
        plan.usage("simulate_layout/{screen}")
    wildcard_constraints:
        screen=plan.screens_from("simulated-bray", "simulated-rxrx3-core"),
    conda:
        "../envs/screens.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(1000),
        runtime=runtime(20),
    params:
        spec=of(needs.spec),
        host=str(plan.screen().host),
    script:
        "../workflow_scripts/screens_simulate_layout.py"


rule simulate_plate:
    output:
        plan.screen().simulated_plate,
    log:
        plan.log("simulate_plate/{screen}/{unit}"),
    benchmark:
        plan.usage("simulate_plate/{screen}/{unit}")
    wildcard_constraints:
        screen=plan.screens_from("simulated-bray"),
    conda:
        "../envs/screens.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(2000),
        runtime=runtime(60),
    params:
        spec=of(needs.spec),
        host=str(plan.screen().host),
    script:
        "../workflow_scripts/screens_simulate_unit.py"


use rule simulate_plate as simulate_shard with:
    output:
        plan.screen().simulated_shard,
    log:
        plan.log("simulate_shard/{screen}/{unit}"),
    benchmark:
        plan.usage("simulate_shard/{screen}/{unit}")
    wildcard_constraints:
        screen=plan.screens_from("simulated-rxrx3-core"),


rule wells:
    input:
        of(needs.tables_of_screen, kind="metadata"),
    output:
        wells=plan.screen().wells,
        source=plan.screen().source,
        split=plan.screen().split,
        notes=plan.screen().wells_notes,
    log:
        plan.log("wells/{screen}"),
    benchmark:
        plan.usage("wells/{screen}")
    conda:
        "../envs/screens.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(3000),
        runtime=runtime(60),
        download_slots=1,
    params:
        spec=of(needs.source_spec),
        cache=plan.cache,
    script:
        "../workflow_scripts/screens_wells.py"


rule fetch:
    input:
        host=of(needs.host_files),
        wells=plan.screen().wells,
        split=plan.screen().split,
    output:
        raw=temp(directory(plan.screen().unit().raw)),
        fields=plan.screen().unit().fields,
        skipped=plan.screen().unit().skipped,
    log:
        plan.log("fetch/{screen}/{unit}"),
    benchmark:
        plan.usage("fetch/{screen}/{unit}")
    conda:
        "../envs/screens.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(2000),
        runtime=runtime(240),
        download_slots=1,
    params:
        spec=of(needs.source_spec),
        cache=plan.cache,
        state=of(needs.unit_state),
    script:
        "../workflow_scripts/screens_fetch.py"


rule truth:
    input:
        of(needs.tables_of_screen, kind="truth"),
    output:
        plan.screen().truth,
    log:
        plan.log("truth/{screen}"),
    wildcard_constraints:
        screen=plan.screens_from("rxrx3-core", "simulated-rxrx3-core"),
    conda:
        "../envs/screens.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(500),
        runtime=runtime(10),
        download_slots=1,
    params:
        spec=of(needs.source_spec),
        cache=plan.cache,
    script:
        "../workflow_scripts/screens_truth.py"


rule released_embeddings:
    input:
        of(needs.tables_of_screen, kind="released"),
    output:
        plan.screen().released,
    log:
        plan.log("released_embeddings/{screen}"),
    wildcard_constraints:
        screen=plan.screens_from("rxrx3-core"),
    conda:
        "../envs/screens.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(500),
        runtime=runtime(60),
        download_slots=1,
    params:
        spec=of(needs.source_spec),
        cache=plan.cache,
    script:
        "../workflow_scripts/screens_released_embeddings.py"


rule well_table:
    """A model's published profiles of the wells of a screen."""
    input:
        of(needs.tables_of_screen, kind="released"),
    output:
        plan.screen().well_table,
        notes=plan.screen().well_table_notes,
    log:
        plan.log("well_table/{screen}/{model}"),
    benchmark:
        plan.usage("well_table/{screen}/{model}")
    wildcard_constraints:
        screen=plan.screens_from("morphohelm"),
        model=r"[A-Za-z0-9_.-]+",
    conda:
        "../envs/screens.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(2000),
        runtime=runtime(60),
        download_slots=1,
    params:
        spec=of(needs.source_spec),
        cache=plan.cache,
    script:
        "../workflow_scripts/screens_well_table.py"


rule labels:
    """Mechanisms of compounds that are published with a screen."""
    input:
        of(needs.tables_of_screen, kind="truth"),
    output:
        plan.screen().labels,
    log:
        plan.log("labels/{screen}"),
    wildcard_constraints:
        screen=plan.screens_from("morphohelm"),
    conda:
        "../envs/screens.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(1000),
        runtime=runtime(10),
        download_slots=1,
    params:
        spec=of(needs.source_spec),
        cache=plan.cache,
    script:
        "../workflow_scripts/screens_labels.py"


rule gene_pairs:
    """Pairs of genes that are published with a screen."""
    input:
        of(needs.tables_of_screen, kind="truth"),
    output:
        plan.screen().gene_pairs,
    log:
        plan.log("gene_pairs/{screen}"),
    wildcard_constraints:
        screen=plan.screens_from("morphohelm"),
    conda:
        "../envs/screens.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(1000),
        runtime=runtime(10),
        download_slots=1,
    params:
        spec=of(needs.source_spec),
        cache=plan.cache,
    script:
        "../workflow_scripts/screens_gene_pairs.py"
