rule simulate:
    output:
        PATHS.experiment("{number}"),
    log:
        PATHS.log("simulate", "{number}"),
    benchmark:
        PATHS.benchmark("simulate", "{number}")
    params:
        fingerprint=STUDY.fingerprint("simulate"),
        study=PATHS.study,
        results=PATHS.root,
    message:
        "simulate experiment {wildcards.number}"
    shell:
        "xscatter simulate {params.study} --experiments {wildcards.number} -o {params.results} > {log} 2>&1"
