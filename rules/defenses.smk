# Defences, each on each attacked model.


rule defend:
    input:
        clips="results/data/{dataset}/clips.npy",
        triggered=triggered,
        weights=weights,
        victim="results/attacks/{dataset}/{model}/{attack}/{mode}/seed{seed}/result.json",
        model="results/attacks/{dataset}/{model}/{attack}/{mode}/seed{seed}/model.safetensors",
        code=lambda wc: code(
            "scripts/defend.py", defense_code(wc), trigger_code(wc), model_code(wc)
        ),
    output:
        result="results/defenses/{dataset}/{model}/{attack}/{mode}/{defense}/seed{seed}/result.json",
        scores="results/defenses/{dataset}/{model}/{attack}/{mode}/{defense}/seed{seed}/scores.npz",
    log:
        "results/logs/defend/{dataset}/{model}/{attack}/{mode}/{defense}/seed{seed}.log",
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
        clips="results/data/{dataset}/clips.npy",
        triggered=[],
        weights=weights,
        victim="results/models/{dataset}/{model}/seed{seed}/result.json",
        model="results/models/{dataset}/{model}/seed{seed}/model.safetensors",
        code=lambda wc: code("scripts/defend.py", defense_code(wc), model_code(wc)),
    output:
        result="results/defenses/{dataset}/{model}/clean/{defense}/seed{seed}/result.json",
        scores="results/defenses/{dataset}/{model}/clean/{defense}/seed{seed}/scores.npz",
    log:
        "results/logs/defend/{dataset}/{model}/clean/{defense}/seed{seed}.log",
    message:
        "{wildcards.defense} on clean {wildcards.model}, seed {wildcards.seed}"
