# The only wide fan-in: which record goes where, with the checksum of every shard.
rule assign:
    input:
        experiments=[PATHS.experiment(number) for number in EXPERIMENTS],
        coefficients=[PATHS.coefficients(number) for number in EXPERIMENTS],
    output:
        PATHS.assignment,
    log:
        PATHS.log("assign"),
    benchmark:
        PATHS.benchmark("assign")
    conda:
        "../../envs/cpu.yaml"
    container:
        IMAGE
    envmodules:
        "xscatter/cpu",
    resources:
        runtime=lambda wildcards, attempt: COST.runtime("assign", attempt),
        mem_mb=lambda wildcards, attempt: COST.memory("assign", attempt),
    params:
        fingerprint=STUDY.fingerprint("pack"),
        study=PATHS.study,
        results=PATHS.root,
    message:
        "assign the images of {STUDY.simulate.experiments} experiments to batches"
    shell:
        "xscatter pack {params.study} --assign -o {params.results} > {log} 2>&1"


rule pack:
    input:
        assignment=PATHS.assignment,
    output:
        PATHS.batch("{batch}"),
    log:
        PATHS.log("pack", "{batch}"),
    benchmark:
        PATHS.benchmark("pack", "{batch}")
    conda:
        "../../envs/cpu.yaml"
    container:
        IMAGE
    envmodules:
        "xscatter/cpu",
    resources:
        runtime=lambda wildcards, attempt: COST.runtime("pack", attempt),
        mem_mb=lambda wildcards, attempt: COST.memory("pack", attempt),
    params:
        study=PATHS.study,
        results=PATHS.root,
    message:
        "pack batch {wildcards.batch}"
    shell:
        "xscatter pack {params.study} --batch {wildcards.batch} -o {params.results} > {log} 2>&1"


rule index:
    input:
        assignment=PATHS.assignment,
        batches=[PATHS.batch(number) for number in range(STUDY.pack.batches)],
    output:
        PATHS.records,
    log:
        PATHS.log("index"),
    benchmark:
        PATHS.benchmark("index")
    conda:
        "../../envs/cpu.yaml"
    container:
        IMAGE
    envmodules:
        "xscatter/cpu",
    resources:
        runtime=lambda wildcards, attempt: COST.runtime("index", attempt),
        mem_mb=lambda wildcards, attempt: COST.memory("index", attempt),
    params:
        study=PATHS.study,
        results=PATHS.root,
    message:
        "index the batches"
    shell:
        "xscatter pack {params.study} --index -o {params.results} > {log} 2>&1"
