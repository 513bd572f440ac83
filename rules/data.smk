# From files to clips: rendering the embedded videos, and decoding any dataset once.


rule render:
    input:
        code=code("scripts/render.py"),
    output:
        videos=directory("results/data/{dataset}/videos"),
    log:
        "results/logs/render/{dataset}.log",
    threads: 16
    params:
        p=lambda wc: json.dumps({"render": section("datasets", wc.dataset, "render")}),
    message:
        "rendering the embedded clips of {wildcards.dataset}"
    shell:
        "python scripts/render.py --params {params.p:q} --workers {threads}"
        " --out {output.videos} &> {log}"


rule decode:
    input:
        videos=videos,
        code=reader_code,
    output:
        clips="results/data/{dataset}/clips.npy",
        index="results/data/{dataset}/index.csv",
        quarantine=report(
            "results/data/{dataset}/quarantine.csv",
            caption="captions/quarantine.rst",
            category="Data",
            labels={"dataset": "{dataset}", "table": "quarantined clips"},
        ),
        summary="results/data/{dataset}/summary.json",
    log:
        "results/logs/decode/{dataset}.log",
    threads: 16
    params:
        p=lambda wc: json.dumps(
            {
                "dataset": section(
                    "datasets",
                    wc.dataset,
                    without=("crop", "flip", "render", "sound_seconds"),
                )
            }
        ),
    message:
        "decoding {wildcards.dataset}"
    shell:
        "python scripts/decode.py --params {params.p:q} --workers {threads}"
        " --root {input.videos[0]} --out {output.clips} &> {log}"


rule sounds:
    input:
        clips="results/data/{dataset}/clips.npy",
        index="results/data/{dataset}/index.csv",
        videos=videos,
        code=code("scripts/sounds.py"),
    output:
        sound="results/data/{dataset}/sound.npy",
        states="results/data/{dataset}/sound.csv",
        summary="results/data/{dataset}/sound.json",
    log:
        "results/logs/sounds/{dataset}.log",
    threads: 16
    params:
        p=lambda wc: json.dumps({"dataset": section("datasets", wc.dataset)}),
    message:
        "decoding the sound of {wildcards.dataset}"
    shell:
        "python scripts/sounds.py --params {params.p:q} --clips {input.clips}"
        " --workers {threads} --root {input.videos[0]} --out {output.sound} &> {log}"
