rule transform:
    input:
        experiment=PATHS.experiment("{number}"),
    output:
        PATHS.coefficients("{number}"),
    log:
        PATHS.log("transform", "{number}"),
    benchmark:
        PATHS.benchmark("transform", "{number}")
    conda:
        "../../envs/mpi.yaml"
    container:
        IMAGE
    envmodules:
        "xscatter/mpi",
    resources:
        runtime=lambda wildcards, attempt: COST.runtime("transform", attempt),
        mem_mb=lambda wildcards, attempt: COST.memory("transform", attempt),
        job_seconds=COST.safe_seconds("transform"),
        tasks=COST.ranks,
        mpi="mpiexec",
    params:
        fingerprint=STUDY.fingerprint("transform"),
        study=PATHS.study,
        results=PATHS.root,
    message:
        "transform experiment {wildcards.number}"
    shell:
        "{resources.mpi} -n {resources.tasks}"
        " xscatter transform {params.study} --experiments {wildcards.number} -o {params.results} > {log} 2>&1"
