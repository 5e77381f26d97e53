"""Stage crops: raw planes of each unit to the 8-bit crop store of a screen."""


rule crops_unit:
    input:
        fields=plan.screen().unit().fields,
        skipped=plan.screen().unit().skipped,
        raw=plan.screen().unit().raw,
        wells=plan.screen().wells,
    output:
        shards=directory(plan.screen().unit().shards),
        index=plan.screen().unit().index,
        qc=plan.screen().unit().qc,
        statistics=plan.screen().unit().statistics,
    log:
        plan.log("crops_unit/{screen}/{unit}"),
    benchmark:
        plan.usage("crops_unit/{screen}/{unit}")
    conda:
        "../envs/crops.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(1500),
        runtime=runtime(60),
    params:
        spec=of(needs.crop_keys),
        crops=of(needs.crop_options),
        channel_maps=config["channel_maps"],
    script:
        "../workflow_scripts/crops_unit.py"


rule crops_gather:
    input:
        index=of(needs.of_units, file="index"),
        qc=of(needs.of_units, file="qc"),
        statistics=of(needs.of_units, file="statistics"),
    output:
        index=plan.screen().crops,
        qc=plan.screen().qc,
        statistics=plan.screen().statistics,
        notes=plan.screen().crops_notes,
    log:
        plan.log("crops_gather/{screen}"),
    benchmark:
        plan.usage("crops_gather/{screen}")
    conda:
        "../envs/crops.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(2000),
        runtime=runtime(30),
    params:
        plates=of(needs.crop_plates),
    script:
        "../workflow_scripts/crops_gather.py"


rule crops:
    input:
        needs.all_crops(),
