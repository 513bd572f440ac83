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
        published=published_dataset,
    message:
        "table {wildcards.table} of {wildcards.dataset}"
    shell:
        "python scripts/table.py --table {wildcards.table} --results {input.results}"
        " --published {params.published} --out {output.csv} &> {log}"


rule metrics:
    input:
        results=lambda wc: victims(wc.dataset)
        + defended(wc.dataset)
        + scanned(wc.dataset),
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
        code=code("scripts/figure.py"),
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
        "python scripts/figure.py --figure curves --results {input.results}"
        " --out {output.png} &> {log}"


rule gallery:
    input:
        clips="results/data/{dataset}/clips.npy",
        triggers=lambda wc: shown_triggers(wc.dataset).values(),
        code=lambda wc: trigger_codes(wc, "scripts/gallery.py", "video"),
    output:
        sheet=report(
            "results/report/{dataset}/figures/figure3_gallery.png",
            caption="captions/gallery.rst",
            category="Figures",
            labels={"dataset": "{dataset}", "figure": "3: trigger gallery"},
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
        p=lambda wc: trigger_params(wc, "video"),
    message:
        "trigger gallery of {wildcards.dataset}"
    shell:
        "python scripts/gallery.py --params {params.p:q} --clips {input.clips}"
        " --sheet {output.sheet} --loops {output.loops} &> {log}"


rule stealth:
    input:
        clips="results/data/{dataset}/clips.npy",
        sounds=lambda wc: attacks_on(wc.dataset, "audio")
        and f"results/data/{wc.dataset}/sound.npy",
        triggers=lambda wc: shown_triggers(wc.dataset).values(),
        code=lambda wc: trigger_codes(wc, "scripts/stealth.py", "video", "audio"),
    output:
        json="results/report/{dataset}/stealth.json",
    log:
        "results/logs/stealth/{dataset}.log",
    params:
        p=lambda wc: trigger_params(wc, "video", "audio"),
    message:
        "how visible and audible the triggers on {wildcards.dataset} are"
    shell:
        "python scripts/stealth.py --params {params.p:q} --clips {input.clips}"
        " --sounds {input.sounds} --out {output.json} &> {log}"


rule spectrograms:
    input:
        sounds="results/data/{dataset}/sound.npy",
        code=lambda wc: trigger_codes(wc, "scripts/spectrograms.py", "audio"),
    output:
        figure=report(
            "results/report/{dataset}/figures/figure7_spectrograms.png",
            caption="captions/spectrograms.rst",
            category="Figures",
            labels={"dataset": "{dataset}", "figure": "7: spectrograms"},
        ),
        wavs=report(
            directory("results/report/{dataset}/figures/sounds"),
            patterns=["{sound}.wav"],
            caption="captions/spectrograms.rst",
            category="Triggers to listen to",
            labels={"dataset": "{dataset}", "sound": "{sound}"},
        ),
    log:
        "results/logs/spectrograms/{dataset}.log",
    params:
        p=lambda wc: trigger_params(wc, "audio"),
    message:
        "figure 7 of {wildcards.dataset}"
    shell:
        "python scripts/spectrograms.py --params {params.p:q} --sounds {input.sounds}"
        " --figure {output.figure} --wavs {output.wavs} &> {log}"


rule frames:
    input:
        results=lambda wc: attacked(wc.dataset, wc.model)
        + ablated(wc.dataset, wc.model),
        code=code("scripts/figure.py"),
    output:
        png=report(
            "results/report/{dataset}/figures/figure4_frames_{model}.png",
            caption="captions/frames.rst",
            category="Figures",
            labels={"dataset": "{dataset}", "figure": "4: poisoned frames, {model}"},
        ),
    log:
        "results/logs/frames/{dataset}/{model}.log",
    message:
        "figure 4, {wildcards.model} on {wildcards.dataset}"
    shell:
        "python scripts/figure.py --figure frames --results {input.results}"
        " --out {output.png} &> {log}"


rule strip:
    input:
        results=lambda wc: defenses_of(wc.dataset, "strip"),
        code=code("scripts/figure.py"),
    output:
        png=report(
            "results/report/{dataset}/figures/figure5_strip.png",
            caption="captions/strip.rst",
            category="Figures",
            labels={"dataset": "{dataset}", "figure": "5: entropy under STRIP"},
        ),
    log:
        "results/logs/strip/{dataset}.log",
    message:
        "figure 5 of {wildcards.dataset}"
    shell:
        "python scripts/figure.py --figure strip --results {input.results}"
        " --out {output.png} &> {log}"


rule pruning:
    input:
        results=lambda wc: defenses_of(wc.dataset, "fine_pruning"),
        code=code("scripts/figure.py"),
    output:
        png=report(
            "results/report/{dataset}/figures/figure6_pruning.png",
            caption="captions/pruning.rst",
            category="Figures",
            labels={"dataset": "{dataset}", "figure": "6: pruning"},
        ),
    log:
        "results/logs/pruning/{dataset}.log",
    message:
        "figure 6 of {wildcards.dataset}"
    shell:
        "python scripts/figure.py --figure pruning --results {input.results}"
        " --out {output.png} &> {log}"


rule heatmap:
    input:
        results=lambda wc: attacked(wc.dataset) + defended(wc.dataset),
        code=code("scripts/figure.py"),
    output:
        png=report(
            "results/report/{dataset}/figures/defenses.png",
            caption="captions/defenses.rst",
            category="Figures",
            labels={"dataset": "{dataset}", "figure": "attacks and defences"},
        ),
    log:
        "results/logs/heatmap/{dataset}.log",
    message:
        "attacks and defences on {wildcards.dataset}"
    shell:
        "python scripts/figure.py --figure defenses --results {input.results}"
        " --out {output.png} &> {log}"


rule cleansed:
    input:
        results=lambda wc: scans(wc.dataset),
        code=code("scripts/figure.py"),
    output:
        png=report(
            "results/report/{dataset}/figures/neural_cleanse.png",
            caption="captions/neural_cleanse.rst",
            category="Figures",
            labels={"dataset": "{dataset}", "figure": "recovered triggers"},
        ),
    log:
        "results/logs/cleansed/{dataset}.log",
    message:
        "the triggers that Neural Cleanse recovered on {wildcards.dataset}"
    shell:
        "python scripts/figure.py --figure neural_cleanse --results {input.results}"
        " --out {output.png} &> {log}"
