# The only job with thousands of inputs: which record goes where, with the checksum of every shard.
rule assign:
    input:
        # Experiments are read, too; each exists before its coefficients anyway.
        coefficients=[PATHS.coefficients(number) for number in EXPERIMENTS],
    output:
        PATHS.assignment,
    log:
        PATHS.log("assign"),
    benchmark:
        PATHS.benchmark("assign")
    resources:
        runtime=runtime("assign"),
        mem_mb=memory("assign"),
        study=STUDY_AND_FOLDER,
    params:
        fingerprint=STUDY.fingerprint("pack"),
        here=HERE,
    message:
        "assign the images of {STUDY.simulate.experiments} experiments to batches"
    shell:
        "xscatter pack {resources.study} --assign > {log} 2>&1"


# Batches of experiments that were added later are jobs of this rule, too; the old batches stay, and
# do not depend on when the assignment was written.
rule pack:
    input:
        assignment=lambda wildcards: (
            ancient(PATHS.assignment)
            if foreseen().stays(int(wildcards.batch))
            else PATHS.assignment
        ),
    output:
        PATHS.batch("{batch}"),
    log:
        PATHS.log("pack", "{batch}"),
    benchmark:
        PATHS.benchmark("pack", "{batch}")
    resources:
        runtime=runtime("pack"),
        mem_mb=memory("pack"),
        study=STUDY_AND_FOLDER,
    params:
        here=HERE,
    message:
        "pack batch {wildcards.batch}"
    shell:
        "xscatter pack {resources.study} --batch {wildcards.batch} > {log} 2>&1"


rule index:
    input:
        assignment=PATHS.assignment,
        batches=lambda wildcards: [PATHS.batch(number) for number in range(foreseen().batches)],
    output:
        PATHS.records,
    log:
        PATHS.log("index"),
    benchmark:
        PATHS.benchmark("index")
    resources:
        runtime=runtime("index"),
        mem_mb=memory("index"),
        study=STUDY_AND_FOLDER,
    params:
        here=HERE,
    message:
        "index the batches"
    shell:
        "xscatter pack {resources.study} --index > {log} 2>&1"
