# The workflow: params.yaml says which cells there are, rules/ how each is made.
import inspect

from snakemake.utils import min_version

min_version("9.11")


include: "rules/stated.smk"


configfile: "params.yaml"


# Used with --software-deployment-method apptainer alone; container.def builds it.
container: "container.sif"


include: "rules/common.smk"
include: "rules/places.smk"
include: "rules/cells.smk"
include: "rules/inputs.smk"
include: "rules/data.smk"
include: "rules/models.smk"
include: "rules/attacks.smk"
include: "rules/defenses.smk"
include: "rules/fusion.smk"
include: "rules/extraction.smk"
include: "rules/report.smk"


# Seconds each: on a cluster they run where Snakemake does.
localrules:
    table,
    figure,
    metrics,
    cells,
    gallery,
    stealth,
    spectrograms,


# Without a target everything is made; each phase is a target too, for DVC and for a part.
rule all:
    default_target: True
    input:
        victims=victims(),
        ablated=ablated(),
        defended=defended() + scanned(),
        fused=fused(),
        stolen=stolen() + inherited(),
        report=report_files(),


rule data:
    input:
        clips=data_files(),


rule models:
    input:
        victims=baselines(),
        starts=clone_starts(),


rule attacks:
    input:
        victims=attacked(),
        ablated=ablated(),


rule defenses:
    input:
        defended=defended() + scanned(),


rule fusion:
    input:
        fused=fused(),


rule extraction:
    input:
        stolen=stolen() + inherited(),


rule report:
    input:
        files=report_files(),


onstart:
    # Some time after each look at the jobs that are ready, Snakemake 9 takes another, for ever: more
    # and more often, which after five hundred jobs took a third of a core. Only its limit of jobs
    # in a time needs that, and these take seconds each.
    workflow.scheduler.job_rate_limiter = None


onsuccess:
    made = Path("results/report", CONFIG.configuration)
    if made.is_dir():
        print(f"Tables and figures lie in {made}/", file=sys.stderr)


# Snakemake asks every function of a rule for its signature, in each job: some 6 % of a long plan's
# time, unless the function has it at hand.
for rule in workflow.rules:
    for part in (*rule.input, *rule.params, *rule.resources.values()):
        if inspect.isfunction(part):
            part.__signature__ = inspect.signature(part)
