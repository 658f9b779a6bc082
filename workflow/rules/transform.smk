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
        tasks=1,
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
