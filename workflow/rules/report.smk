rule report:
    input:
        evaluations=[PATHS.evaluation(view) for view in evaluated()],
        sequence=[PATHS.evaluation(SEQUENCE.name)] if SEQUENCES else [],
    output:
        report(PATHS.report, caption="../report/report.rst", category="Report"),
    log:
        PATHS.log("report"),
    benchmark:
        PATHS.benchmark("report")
    resources:
        runtime=runtime("report"),
        mem_mb=memory("report"),
        study=STUDY_AND_FOLDER,
    params:
        here=HERE,
    message:
        "write the report"
    shell:
        "xscatter report {resources.study} > {log} 2>&1"
