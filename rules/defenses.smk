# Defences, each on each attacked model.


# Once for all attacks: what a VAE learns of are the defender's clean clips.
rule vae:
    input:
        clips=at("data", "clips.npy"),
    output:
        model=at("taught", "model.safetensors"),
        card=at("taught", "model.json"),
    log:
        log_of("taught"),
    threads: 1
    resources:
        gpu=GPU,
    params:
        code=code("scripts/vae.py"),
        p=lambda wc: teach_params(wc),
    message:
        "teaching {wildcards.defense} the clean clips of {wildcards.dataset}, seed {wildcards.seed}"
    shell:
        "python scripts/vae.py {input.clips:q} --params {params.p:q} --seed {wildcards.seed}"
        " --out {output.model:q} &> {log:q}"


rule defend:
    input:
        # Weights and triggered clips are for the defences that train the model anew, and for the judge.
        clips=at("data", "clips.npy"),
        triggered=triggered,
        maps=maps,
        weights=lambda wc: initial(wc.model),
        taught=taught,
        victim=at("attack", "result.json"),
        model=at("attack", "model.safetensors"),
    output:
        result=at("defense", "result.json"),
        scores=at("defense", "scores.npz"),
    log:
        log_of("defense"),
    threads: 1
    resources:
        gpu=GPU,
    params:
        code=lambda wc: code(
            "scripts/defend.py", defense_code(wc), *trigger_code(wc), model_code(wc)
        ),
        p=lambda wc: defense_params(wc),
    message:
        "{wildcards.defense} against {wildcards.attack} ({wildcards.mode}) on {wildcards.model},"
        " seed {wildcards.seed}"
    shell:
        "python scripts/defend.py --params {params.p:q} --clips {input.clips:q}"
        " --triggered {input.triggered:q} --maps {input.maps:q} --weights {input.weights:q}"
        " --victim {input.victim:q} --name {wildcards.defense} --result {output.result:q}"
        " &> {log:q}"


# What looks for a backdoor looks into clean models too: its false alarms.
use rule defend as defend_clean with:
    input:
        clips=at("data", "clips.npy"),
        triggered=[],
        maps=maps,
        weights=lambda wc: initial(wc.model),
        taught=[],
        victim=at("baseline", "result.json"),
        model=at("baseline", "model.safetensors"),
    output:
        result=at("scan", "result.json"),
        scores=at("scan", "scores.npz"),
    log:
        log_of("scan"),
    params:
        code=lambda wc: code("scripts/defend.py", defense_code(wc), model_code(wc)),
    message:
        "{wildcards.defense} on clean {wildcards.model}, seed {wildcards.seed}"
