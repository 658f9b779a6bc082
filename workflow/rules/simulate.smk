rule simulate:
    output:
        PATHS.experiment("{number}"),
    log:
        PATHS.log("simulate", "{number}"),
    benchmark:
        PATHS.benchmark("simulate", "{number}")
    conda:
        "../../envs/cpu.yaml"
    container:
        IMAGE
    envmodules:
        "xscatter/cpu",
    resources:
        runtime=lambda wildcards, attempt: COST.runtime("simulate", attempt),
        mem_mb=lambda wildcards, attempt: COST.memory("simulate", attempt),
        job_seconds=COST.safe_seconds("simulate"),
    params:
        fingerprint=STUDY.fingerprint("simulate"),
        study=PATHS.study,
        results=PATHS.root,
    message:
        "simulate experiment {wildcards.number}"
    shell:
        "xscatter simulate {params.study} --experiments {wildcards.number} -o {params.results} > {log} 2>&1"
