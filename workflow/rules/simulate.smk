rule simulate:
    output:
        PATHS.experiment("{number}"),
    log:
        PATHS.log("simulate", "{number}"),
    benchmark:
        PATHS.benchmark("simulate", "{number}")
    resources:
        runtime=runtime("simulate"),
        mem_mb=memory("simulate"),
        job_seconds=COST.safe_seconds("simulate"),
        limit_minutes=COST.limit,
        study=STUDY_AND_FOLDER,
    params:
        fingerprint=STUDY.fingerprint("simulate"),
        here=HERE,
    shell:
        "xscatter simulate {resources.study} --experiments {wildcards.number} > {log} 2>&1"
