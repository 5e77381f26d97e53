"""Stage crops: raw planes of each part to the 8-bit crop store of a screen."""


include: "inputs/crops.smk"


rule crops_part:
    input:
        fields=f"{DATA}/{{screen}}/fields/{{part}}.parquet",
        skipped=f"{DATA}/{{screen}}/fields/{{part}}.skipped.parquet",
        raw=f"{DATA}/{{screen}}/raw/{{part}}",
        wells=f"{DATA}/{{screen}}/wells.parquet",
    output:
        shards=directory(f"{DATA}/{{screen}}/crops/{{part}}"),
        index=f"{DATA}/{{screen}}/crops/{{part}}.parquet",
        qc=f"{DATA}/{{screen}}/qc/{{part}}.parquet",
        statistics=f"{DATA}/{{screen}}/statistics/{{part}}.json",
    log:
        log_path("crops_part/{screen}/{part}"),
    benchmark:
        usage_path("crops_part/{screen}/{part}")
    conda:
        "../envs/crops.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(1500),
        runtime=runtime(60),
    params:
        spec=crop_params,
        crops=CROPS,
        channel_maps=config["channel_maps"],
    script:
        "../workflow_scripts/crops_part.py"


rule crops_gather:
    input:
        index=of_parts("crops/{part}.parquet"),
        qc=of_parts("qc/{part}.parquet"),
        statistics=of_parts("statistics/{part}.json"),
    output:
        index=f"{DATA}/{{screen}}/crops.parquet",
        qc=f"{DATA}/{{screen}}/qc.parquet",
        statistics=f"{DATA}/{{screen}}/statistics.json",
        notes=f"{DATA}/{{screen}}/crops.notes.json",
    log:
        log_path("crops_gather/{screen}"),
    benchmark:
        usage_path("crops_gather/{screen}")
    conda:
        "../envs/crops.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(2000),
        runtime=runtime(30),
    params:
        plates=config["crops"]["plates"],
    script:
        "../workflow_scripts/crops_gather.py"


rule crops:
    input:
        [
            f"{DATA}/{screen}/crops.parquet"
            for screen in dict.fromkeys(
                [config["training_screen"], config["evaluation_screen"]]
            )
            if screen
        ],
