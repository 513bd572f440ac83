# Tables and figures, made from the results of the cells and nothing else.


rule table:
    input:
        results=table_results,
        code=code("scripts/table.py"),
    output:
        csv=report(
            "results/report/{dataset}/tables/{table}.csv",
            caption="captions/table.rst",
            category="Tables",
            labels={"dataset": "{dataset}", "table": "{table}"},
        ),
        md="results/report/{dataset}/tables/{table}.md",
        tex="results/report/{dataset}/tables/{table}.tex",
    log:
        "results/logs/table/{dataset}/{table}.log",
    params:
        published=lambda wc: published_dataset(wc.dataset),
    message:
        "table {wildcards.table} of {wildcards.dataset}"
    shell:
        "python scripts/table.py --table {wildcards.table} --results {input.results}"
        " --published {params.published} --out {output.csv} &> {log}"


rule metrics:
    input:
        results=lambda wc: victims(wc.dataset) + defended(wc.dataset),
        code=code("scripts/metrics.py"),
    output:
        json="results/report/{dataset}/metrics.json",
    log:
        "results/logs/metrics/{dataset}.log",
    message:
        "metrics of {wildcards.dataset}"
    shell:
        "python scripts/metrics.py --results {input.results} --out {output.json} &> {log}"


rule curves:
    input:
        results=lambda wc: victims(wc.dataset, wc.model),
        code=code("scripts/curves.py"),
    output:
        png=report(
            "results/report/{dataset}/figures/curves_{model}.png",
            caption="captions/curves.rst",
            category="Figures",
            labels={"dataset": "{dataset}", "figure": "training curves, {model}"},
        ),
    log:
        "results/logs/curves/{dataset}/{model}.log",
    message:
        "training curves of {wildcards.model} on {wildcards.dataset}"
    shell:
        "python scripts/curves.py --results {input.results} --out {output.png} &> {log}"


rule gallery:
    input:
        clips="results/data/{dataset}/clips.npy",
        code=gallery_code,
    output:
        sheet=report(
            "results/report/{dataset}/figures/gallery.png",
            caption="captions/gallery.rst",
            category="Figures",
            labels={"dataset": "{dataset}", "figure": "trigger gallery"},
        ),
        loops=report(
            directory("results/report/{dataset}/figures/gallery"),
            patterns=["{trigger}.gif"],
            caption="captions/gallery.rst",
            category="Triggers in motion",
            labels={"dataset": "{dataset}", "trigger": "{trigger}"},
        ),
    log:
        "results/logs/gallery/{dataset}.log",
    params:
        p=gallery_params,
    message:
        "trigger gallery of {wildcards.dataset}"
    shell:
        "python scripts/gallery.py --params {params.p:q} --clips {input.clips}"
        " --sheet {output.sheet} --loops {output.loops} &> {log}"
