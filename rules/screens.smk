"""Stage screens: from a public host, a local folder or the simulator to raw images, wells and fields."""


include: "inputs/screens.smk"


rule simulate_layout:
    output:
        truth=f"{HOST}/truth/wells.parquet",
    log:
        log_path("simulate_layout/{screen}"),
    benchmark:
        usage_path("simulate_layout/{screen}")
    wildcard_constraints:
        screen=screens_of("simulated-bray", "simulated-rxrx3-core"),
    conda:
        "../envs/screens.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(1000),
        runtime=runtime(20),
    params:
        spec=lambda wildcards: SCREENS[wildcards.screen],
        host=HOST,
    script:
        "../workflow_scripts/screens_simulate_layout.py"


rule simulate_plate:
    output:
        [f"{HOST}/cil/broad_data/plate_{{part}}/{{part}}-{c}.zip" for c in ZIPS],
    log:
        log_path("simulate_plate/{screen}/{part}"),
    benchmark:
        usage_path("simulate_plate/{screen}/{part}")
    wildcard_constraints:
        screen=screens_of("simulated-bray"),
    conda:
        "../envs/screens.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(2000),
        runtime=runtime(60),
    params:
        spec=lambda wildcards: SCREENS[wildcards.screen],
        host=HOST,
    script:
        "../workflow_scripts/screens_simulate_unit.py"


use rule simulate_plate as simulate_shard with:
    output:
        f"{HOST}/data/{{part}}.parquet",
    log:
        log_path("simulate_shard/{screen}/{part}"),
    benchmark:
        usage_path("simulate_shard/{screen}/{part}")
    wildcard_constraints:
        screen=screens_of("simulated-rxrx3-core"),


rule wells:
    input:
        files_of("metadata"),
    output:
        wells=f"{DATA}/{{screen}}/wells.parquet",
        source=f"{DATA}/{{screen}}/source.json",
        split=f"{DATA}/{{screen}}/split_fields.parquet",
        notes=f"{DATA}/{{screen}}/wells.notes.json",
    log:
        log_path("wells/{screen}"),
    benchmark:
        usage_path("wells/{screen}")
    conda:
        "../envs/screens.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(3000),
        runtime=runtime(60),
        download_slots=1,
    params:
        spec=source_spec,
        cache=CACHE,
    script:
        "../workflow_scripts/screens_wells.py"


rule fetch:
    input:
        host=host_files,
        wells=f"{DATA}/{{screen}}/wells.parquet",
        split=f"{DATA}/{{screen}}/split_fields.parquet",
    output:
        raw=temp(directory(f"{DATA}/{{screen}}/raw/{{part}}")),
        fields=f"{DATA}/{{screen}}/fields/{{part}}.parquet",
        skipped=f"{DATA}/{{screen}}/fields/{{part}}.skipped.parquet",
    log:
        log_path("fetch/{screen}/{part}"),
    benchmark:
        usage_path("fetch/{screen}/{part}")
    conda:
        "../envs/screens.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(2000),
        runtime=runtime(240),
        download_slots=1,
    params:
        spec=source_spec,
        cache=CACHE,
        state=state_of_part,
    script:
        "../workflow_scripts/screens_fetch.py"


rule truth:
    input:
        files_of("truth"),
    output:
        f"{DATA}/{{screen}}/compound_gene_truth.csv",
    log:
        log_path("truth/{screen}"),
    wildcard_constraints:
        screen=screens_of("rxrx3-core", "simulated-rxrx3-core"),
    conda:
        "../envs/screens.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(500),
        runtime=runtime(10),
        download_slots=1,
    params:
        spec=source_spec,
        cache=CACHE,
    script:
        "../workflow_scripts/screens_truth.py"


rule released_embeddings:
    input:
        files_of("released"),
    output:
        f"{DATA}/{{screen}}/OpenPhenom_rxrx3_core_embeddings.parquet",
    log:
        log_path("released_embeddings/{screen}"),
    wildcard_constraints:
        screen=screens_of("rxrx3-core"),
    conda:
        "../envs/screens.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(500),
        runtime=runtime(60),
        download_slots=1,
    params:
        spec=source_spec,
        cache=CACHE,
    script:
        "../workflow_scripts/screens_released_embeddings.py"
