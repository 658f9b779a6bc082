# The tagger: what `xscatter predict --model results/<study>` uses.
rule bundle:
    input:
        models=[ModelFolder(PATHS.model(view)).network for view in ANSWERING],
        evaluations=[PATHS.evaluation(view) for view in ANSWERING],
        sequence=(
            [
                ModelFolder(PATHS.model(SEQUENCE.name)).network,
                PATHS.evaluation(SEQUENCE.name),
            ]
            if SEQUENCES
            else []
        ),
    output:
        description=PATHS.tagger / bundle.DESCRIPTION,
        card=PATHS.tagger / bundle.CARD,
        study=PATHS.tagger / bundle.STUDY,
        networks=[
            PATHS.tagger / bundle.network_file(view)
            for view in [*ANSWERING, *([SEQUENCE.name] if SEQUENCES else [])]
        ],
    log:
        PATHS.log("bundle"),
    benchmark:
        PATHS.benchmark("bundle")
    resources:
        runtime=runtime("bundle"),
        mem_mb=memory("bundle"),
    params:
        root=PATHS.root,
    message:
        "make the tagger"
    shell:
        "xscatter bundle {params.root} > {log} 2>&1"
