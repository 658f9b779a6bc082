# The models are the outputs. Checkpoints are not, so that nothing deletes them, and a job that was
# killed or ran out of walltime resumes from them. When experiments were added, --continue starts
# from the weights of the smaller study, with all batches.


# A training longer than a walltime is a chain of legs: each resumes from the last checkpoint, stops
# itself before its limit, and ends well. Legs that follow the end of the training take no time.
rule train_leg:
    input:
        lambda wildcards: [
            ancient(PATHS.leg(wildcards.view, leg)) for leg in [int(wildcards.leg) - 1] if leg
        ],
        lambda wildcards: list(parents(PATHS, wildcards.view).values()),
        records=PATHS.records,
    output:
        PATHS.leg("{view}", "{leg}"),
    log:
        PATHS.log("train_leg", "{view}-{leg}"),
    benchmark:
        PATHS.benchmark("train_leg", "{view}-{leg}")
    threads: STUDY.train.threads
    resources:
        runtime=runtime("train"),
        mem_mb=memory("train"),
        # No parameter: another walltime does not make another training.
        leg_minutes=str(COST.leg_minutes),
    params:
        training=lambda wildcards: STUDY.train.decides(wildcards.view),
        here=HERE,
    message:
        "train the {wildcards.view} network, leg {wildcards.leg}"
    shell:
        "xscatter train {params.here} --view {wildcards.view} --continue"
        " --leg-minutes {resources.leg_minutes} --leg-file {output} >> {log} 2>&1"


for view in VIEWS:

    rule:
        name:
            f"train_{view}"
        input:
            [ancient(PATHS.leg(view, legs)) for legs in [STUDY.walltime.training_legs - 1] if legs],
            **{"records": PATHS.records} | parents(PATHS, view),
        output:
            model=ModelFolder(PATHS.model(view)).network,
            facts=ModelFolder(PATHS.model(view)).training,
            calibration=ModelFolder(PATHS.model(view)).calibration,
            history=ModelFolder(PATHS.model(view)).history,
            timings=ModelFolder(PATHS.model(view)).timings,
        log:
            PATHS.log("train", view),
        benchmark:
            PATHS.benchmark("train", view)
        threads: STUDY.train.threads
        resources:
            runtime=runtime("train"),
            mem_mb=memory("train"),
        params:
            view=view,
            training=STUDY.train.decides(view),
            here=HERE,
        message:
            "train the {params.view} network"
        shell:
            "xscatter train {params.here} --view {params.view} --continue >> {log} 2>&1"
