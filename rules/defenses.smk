# Defences, each on each attacked model.


rule defend:
    input:
        # Weights and triggered clips are for the defences that train the model anew, and for the judge.
        clips=at("data", "clips.npy"),
        triggered=triggered,
        weights=weights,
        victim=at("attack", "result.json"),
        model=at("attack", "model.safetensors"),
        code=lambda wc: code(
            "scripts/defend.py", defense_code(wc), trigger_code(wc), model_code(wc)
        ),
    output:
        result=at("defense", "result.json"),
        scores=at("defense", "scores.npz"),
    log:
        log_of("defense"),
    threads: 1
    resources:
        gpu=GPU,
    params:
        p=lambda wc: json.dumps({"defense": section("defenses", wc.defense)}),
    message:
        "{wildcards.defense} against {wildcards.attack} ({wildcards.mode}), seed {wildcards.seed}"
    shell:
        "python scripts/defend.py --params {params.p:q} --clips {input.clips}"
        " --triggered {input.triggered} --weights {input.weights}"
        " --victim {input.victim} --name {wildcards.defense} --result {output.result}"
        " &> {log}"


# What looks for a backdoor looks into clean models too: its false alarms.
use rule defend as defend_clean with:
    input:
        clips=at("data", "clips.npy"),
        triggered=[],
        weights=weights,
        victim=at("baseline", "result.json"),
        model=at("baseline", "model.safetensors"),
        code=lambda wc: code("scripts/defend.py", defense_code(wc), model_code(wc)),
    output:
        result=at("scan", "result.json"),
        scores=at("scan", "scores.npz"),
    log:
        log_of("scan"),
    message:
        "{wildcards.defense} on clean {wildcards.model}, seed {wildcards.seed}"
