rule test:
    input:
        records=PATHS.records,
        model=ModelFolder(PATHS.model("{view}")).network,
    output:
        evaluation=PATHS.evaluation("{view}"),
        scores=PATHS.scores("{view}"),
    log:
        PATHS.log("test", "{view}"),
    benchmark:
        PATHS.benchmark("test", "{view}")
    threads: STUDY.train.threads
    resources:
        runtime=runtime("test"),
        mem_mb=memory("test"),
        study=STUDY_AND_FOLDER,
    params:
        here=HERE,
    message:
        "test the {wildcards.view} network on batch {STUDY.pack.test_batch}"
    shell:
        "xscatter test {resources.study} --view {wildcards.view} > {log} 2>&1"


# The mean of the single views' logits: the baseline that the joint network must beat.
rule test_mean:
    input:
        records=PATHS.records,
        models=[ModelFolder(PATHS.model(view)).network for view in averaged()],
    output:
        evaluation=PATHS.evaluation("mean"),
        scores=PATHS.scores("mean"),
    log:
        PATHS.log("test", "mean"),
    benchmark:
        PATHS.benchmark("test", "mean")
    threads: STUDY.train.threads
    resources:
        runtime=runtime("test"),
        mem_mb=memory("test"),
        study=STUDY_AND_FOLDER,
    params:
        here=HERE,
    message:
        "test the mean of the image and coefficient logits"
    shell:
        "xscatter test {resources.study} --view mean > {log} 2>&1"
