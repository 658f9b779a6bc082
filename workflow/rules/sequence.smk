# Frames in time, one file a sequence. They are never packed into batches: the frames of a sequence
# are near copies of each other.
rule simulate_sequence:
    output:
        PATHS.sequence("{number}"),
    log:
        PATHS.log("simulate_sequence", "{number}"),
    benchmark:
        PATHS.benchmark("simulate_sequence", "{number}")
    resources:
        runtime=runtime("sequence"),
        mem_mb=memory("sequence"),
        job_seconds=COST.safe_seconds("sequence"),
        limit_minutes=COST.limit,
    params:
        fingerprint=STUDY.fingerprint("sequence"),
        here=HERE,
    shell:
        "xscatter simulate {params.here} --sequences {wildcards.number} > {log} 2>&1"
