# Targets that a study does not need: `snakemake --cores 2 figure_time`.
rule figure_time:
    output:
        "results/figure-time/times.csv",
        "results/figure-time/times.png",
    log:
        "results/figure-time/times.log",
    message:
        "time every stage for 1 and 5 experiments of 200 images"
    shell:
        "python {workflow.basedir}/benchmarks/figure_time.py -o results/figure-time > {log} 2>&1"
