rule transform:
    input:
        experiment=PATHS.experiment("{number}"),
    output:
        PATHS.coefficients("{number}"),
    log:
        PATHS.log("transform", "{number}"),
    benchmark:
        PATHS.benchmark("transform", "{number}")
    resources:
        runtime=runtime("transform"),
        mem_mb=memory("transform"),
        job_seconds=COST.safe_seconds("transform"),
        limit_minutes=COST.limit,
        tasks=COST.ranks,
        mpi="mpiexec",
        study=STUDY_AND_FOLDER,
    params:
        fingerprint=STUDY.fingerprint("transform"),
        here=HERE,
    shell:
        "{resources.mpi} -n {resources.tasks}"
        " xscatter transform {resources.study} --experiments {wildcards.number} > {log} 2>&1"
