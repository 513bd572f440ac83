# From files to clips: rendering the embedded ones, and decoding any dataset once.


rule render:
    output:
        rendered=directory(at("data", "rendered")),
    log:
        log_of("data", "render"),
    priority: 2
    # As many as there are up to 16: nothing else can run before there are clips.
    threads: CORES
    params:
        code=code("scripts/render.py"),
        p=lambda wc: render_params(wc),
    message:
        "rendering the embedded clips of {wildcards.dataset}"
    shell:
        "python scripts/render.py --params {params.p:q} --workers {threads}"
        " --out {output.rendered:q} &> {log:q}"


rule decode:
    input:
        rendered=embedded_files,
    output:
        clips=at("data", "clips.npy"),
        index=at("data", "index.csv"),
        quarantine=report(
            at("data", "quarantine.csv"),
            caption="captions/quarantine.rst",
            category="Data",
            labels={"dataset": "{dataset}", "table": "quarantined clips"},
        ),
        summary=at("data", "summary.json"),
    log:
        log_of("data", "decode"),
    # Before all training: it takes all cores, and would keep some idle until they are all free.
    priority: 2
    threads: CORES
    params:
        code=reader_code,
        root=lambda wc: root(wc),
        changes=lambda wc: changes(wc.dataset),
        pool=lambda wc: "" if wc.dataset in learnt() else "--pool",
        # What a model sees of a stored clip is decided later, and must not decode all of them again.
        p=lambda wc: json.dumps(
            {
                "dataset": section(
                    "datasets",
                    wc.dataset,
                    without=("crop", "flip", "render", "faces", "sound_seconds"),
                )
            }
        ),
    message:
        "decoding {wildcards.dataset}"
    shell:
        "python scripts/decode.py --params {params.p:q} --workers {threads} {params.pool}"
        " --root {params.root:q} --out {output.clips:q} 2> {log:q} | tee -a {log:q}"


# After the clips, not with them: most runs never ask for sound.
rule sounds:
    input:
        clips=at("data", "clips.npy"),
        index=at("data", "index.csv"),
        rendered=embedded_files,
    output:
        sound=at("data", "sound.npy"),
        states=at("data", "sound.csv"),
        summary=at("data", "sound.json"),
    log:
        log_of("data", "sound"),
    threads: CORES
    params:
        code=code("scripts/sounds.py"),
        root=lambda wc: root(wc),
        p=lambda wc: json.dumps(
            {
                "dataset": section(
                    "datasets",
                    wc.dataset,
                    without=("crop", "flip", "render", "faces", "decoder"),
                )
            }
        ),
    message:
        "decoding the sound of {wildcards.dataset}"
    shell:
        "python scripts/sounds.py --params {params.p:q} --clips {input.clips:q}"
        " --workers {threads} --root {params.root:q} --out {output.sound:q} &> {log:q}"
