# Tables and figures, made from the results of the cells and nothing else.


from snakemake.assets import Assets


# What Snakemake's report opens on.
report: "captions/start.rst"


rule table:
    input:
        results=lambda wc: made_from(TABLES[wc.table], wc.dataset),
        # The one file that makes it: an edit of another table re-runs nothing here.
    output:
        csv=at("report", "tables/{table}.csv"),
        html=report(
            at("report", "tables/{table}.html"),
            caption="captions/table.rst",
            category=lambda wc: (
                "1 Main table" if wc.table == "summary" else "2 Tables"
            ),
            labels={"dataset": "{dataset}", "table": "{table}"},
        ),
        md=at("report", "tables/{table}.md"),
        tex=at("report", "tables/{table}.tex"),
    log:
        log_of("report", "tables/{table}"),
    priority: lambda wc: int(wc.table in FIRST)
    params:
        code=lambda wc: code("scripts/table.py", TABLES[wc.table].file),
        published=published_dataset,
    message:
        "table {wildcards.table} of {wildcards.dataset}"
    shell:
        "python scripts/table.py --table {wildcards.table} --results {input.results:q}"
        " --published {params.published} --out {output.csv:q} &> {log:q}"


# For `dvc metrics`, which shows a row a file, of plain numbers.
rule metrics:
    input:
        results=lambda wc: victims(wc.dataset)
        + defended(wc.dataset)
        + scanned(wc.dataset),
    output:
        models=directory(at("report", "metrics")),
    log:
        log_of("report", "metrics"),
    params:
        code=code("scripts/metrics.py"),
    message:
        "metrics of {wildcards.dataset}"
    shell:
        "python scripts/metrics.py --results {input.results:q} --out {output.models:q} &> {log:q}"


# Of all results, and small: what another run is compared with.
rule cells:
    input:
        results=lambda wc: every_result(wc.dataset),
    output:
        csv=at("report", "cells.csv"),
    log:
        log_of("report", "cells"),
    params:
        code=code("scripts/cells.py"),
        configuration=CONFIG.configuration,
        # With input: how it was started is no parameter of the file.
        command=lambda wc, input: shlex.join(["snakemake", *sys.argv[1:]]),
    message:
        "all cells of {wildcards.dataset}"
    shell:
        "python scripts/cells.py --results {input.results:q} --configuration {params.configuration:q}"
        " --command {params.command:q} --out {output.csv:q} &> {log:q}"


# Vega draws the plots of `dvc plots`, by default from the network; Snakemake's own reports bring it.
rule page:
    output:
        html=at("page"),
    log:
        log_of("page"),
    params:
        code=code("scripts/page.py"),
        # With input: where Snakemake is installed is no parameter of the page.
        scripts=lambda wc, input: [
            Assets.base_path() / f"{name}/{name}.js"
            for name in ("vega", "vega-lite", "vega-embed")
        ],
    message:
        "the page of dvc plots"
    shell:
        "python scripts/page.py --scripts {params.scripts:q} --out {output.html:q} &> {log:q}"


# All figures that are made from results, as one rule makes all tables; contents.py lists them.
rule figure:
    input:
        results=figure_results,
    output:
        png=report(
            at("report", "figures/{figure}.png"),
            caption="captions/figure.rst",
            category="3 Figures",
            labels=figure_labels,
        ),
    log:
        log_of("report", "figures/{figure}"),
    params:
        code=figure_code,
        name=lambda wc: figures_of(wc.dataset)[wc.figure][0],
        # Snakemake takes one file of captions a rule: that file shows this parameter.
        caption=caption,
    message:
        "figure {wildcards.figure} of {wildcards.dataset}"
    shell:
        "python scripts/figure.py --figure {params.name} --results {input.results:q}"
        " --out {output.png:q} &> {log:q}"


# Triggers, not results: drawn from the clips, so they can be looked at before any model is trained.
rule gallery:
    input:
        clips=at("data", "clips.npy"),
        triggers=lambda wc: shown_triggers(wc.dataset).values(),
    output:
        sheet=report(
            at("report", "figures/figure3_gallery.png"),
            caption="captions/gallery.rst",
            category="3 Figures",
            labels={"dataset": "{dataset}", "figure": "3: trigger gallery"},
        ),
        loops=report(
            directory(at("report", "figures/gallery")),
            patterns=["{trigger}.gif"],
            caption="captions/gallery.rst",
            category="4 Triggers in motion",
            labels={"dataset": "{dataset}", "trigger": "{trigger}"},
        ),
    log:
        log_of("report", "figures/gallery"),
    params:
        code=lambda wc: trigger_codes(wc, "scripts/gallery.py", "video"),
        p=lambda wc: trigger_params(wc, "video"),
    message:
        "trigger gallery of {wildcards.dataset}"
    shell:
        "python scripts/gallery.py --params {params.p:q} --clips {input.clips:q}"
        " --sheet {output.sheet:q} --loops {output.loops:q} &> {log:q}"


rule stealth:
    input:
        clips=at("data", "clips.npy"),
        sounds=lambda wc: attacks_on(wc.dataset, "audio")
        and file_of("data", "sound.npy", dataset=wc.dataset),
        triggers=lambda wc: shown_triggers(wc.dataset).values(),
    output:
        json=at("report", "stealth.json"),
    log:
        log_of("report", "stealth"),
    params:
        code=lambda wc: trigger_codes(wc, "scripts/stealth.py", "video", "audio"),
        p=lambda wc: trigger_params(wc, "video", "audio"),
    message:
        "how visible and audible the triggers on {wildcards.dataset} are"
    shell:
        "python scripts/stealth.py --params {params.p:q} --clips {input.clips:q}"
        " --sounds {input.sounds:q} --out {output.json:q} &> {log:q}"


rule spectrograms:
    input:
        sounds=at("data", "sound.npy"),
    output:
        figure=report(
            at("report", "figures/figure7_spectrograms.png"),
            caption="captions/spectrograms.rst",
            category="3 Figures",
            labels={"dataset": "{dataset}", "figure": "7: spectrograms"},
        ),
        wavs=report(
            directory(at("report", "figures/sounds")),
            patterns=["{sound}.wav"],
            caption="captions/spectrograms.rst",
            category="5 Triggers to listen to",
            labels={"dataset": "{dataset}", "sound": "{sound}"},
        ),
    log:
        log_of("report", "figures/spectrograms"),
    params:
        code=lambda wc: trigger_codes(wc, "scripts/spectrograms.py", "audio"),
        p=lambda wc: trigger_params(wc, "audio"),
    message:
        "figure 7 of {wildcards.dataset}"
    shell:
        "python scripts/spectrograms.py --params {params.p:q} --sounds {input.sounds:q}"
        " --figure {output.figure:q} --wavs {output.wavs:q} &> {log:q}"
