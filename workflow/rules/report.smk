rule report:
    input:
        evaluations=[PATHS.evaluation(view) for view in (*VIEWS, "mean")],
    output:
        report(PATHS.report, caption="../report/report.rst", category="Report"),
    log:
        PATHS.log("report"),
    benchmark:
        PATHS.benchmark("report")
    conda:
        "../../envs/cpu.yaml"
    container:
        IMAGE
    envmodules:
        "xscatter/cpu",
    resources:
        runtime=runtime("report"),
        mem_mb=memory("report"),
    params:
        here=HERE,
    message:
        "write the report"
    shell:
        "xscatter report {params.here} > {log} 2>&1"
