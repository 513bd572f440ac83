# Attacked models: poison, fine-tune from the same weights as the baseline, measure CDA and ASR.


rule stamp:
    input:
        clips="results/data/{dataset}/clips.npy",
        code=lambda wc: code("scripts/stamp.py", trigger_code(wc)),
    output:
        clips="results/attacks/{dataset}/{attack}/{mode}.npy",
    log:
        "results/logs/stamp/{dataset}/{attack}/{mode}.log",
    params:
        p=lambda wc: json.dumps({"attack": section("attacks", wc.attack)}),
    message:
        "triggering all clips of {wildcards.dataset}: {wildcards.attack} ({wildcards.mode})"
    shell:
        "python scripts/stamp.py --params {params.p:q} --clips {input.clips}"
        " --mode {wildcards.mode} --out {output.clips} &> {log}"


rule optimise:
    input:
        clips="results/data/{dataset}/clips.npy",
        model="results/models/{dataset}/{model}/seed{seed}/model.safetensors",
        code=lambda wc: code("scripts/optimise.py", model_code(wc)),
    output:
        trigger="results/attacks/{dataset}/{model}/{attack}/seed{seed}.npz",
    log:
        "results/logs/optimise/{dataset}/{model}/{attack}/seed{seed}.log",
    threads: 1
    resources:
        gpu=GPU,
    params:
        target=lambda wc: CONFIG.attacks[wc.attack].target,
    message:
        "searching the {wildcards.attack} trigger on {wildcards.model}, seed {wildcards.seed}"
    shell:
        "python scripts/optimise.py --model {input.model} --clips {input.clips}"
        " --target {params.target} --seed {wildcards.seed} --out {output.trigger} &> {log}"


rule attack:
    input:
        clips=clips,
        triggered=triggered,
        weights=weights,
        optimised=optimised,
        code=lambda wc: code("scripts/train.py", model_code(wc), trigger_code(wc)),
    output:
        model="results/attacks/{dataset}/{model}/{attack}/{mode}/seed{seed}/model.safetensors",
        card="results/attacks/{dataset}/{model}/{attack}/{mode}/seed{seed}/model.json",
        result="results/attacks/{dataset}/{model}/{attack}/{mode}/seed{seed}/result.json",
        curves="results/attacks/{dataset}/{model}/{attack}/{mode}/seed{seed}/curves.npz",
    log:
        "results/logs/attack/{dataset}/{model}/{attack}/{mode}/seed{seed}.log",
    threads: 1
    resources:
        gpu=GPU,
    params:
        p=lambda wc: attack_params(wc),
    message:
        "{wildcards.attack} ({wildcards.mode}) on {wildcards.model}, seed {wildcards.seed}"
    shell:
        "python scripts/train.py --params {params.p:q} --clips {input.clips}"
        " --triggered {input.triggered} --weights {input.weights} --seed {wildcards.seed}"
        " --dataset {wildcards.dataset} --model {wildcards.model}"
        " --attack {wildcards.attack} --mode {wildcards.mode}"
        " --result {output.result} &> {log}"


# The same with fewer poisoned frames a clip ("Look, Listen, and Attack", Figure 4).
use rule attack as ablate with:
    output:
        model="results/attacks/{dataset}/{model}/{attack}/{mode}/frames{frames}/seed{seed}/model.safetensors",
        card="results/attacks/{dataset}/{model}/{attack}/{mode}/frames{frames}/seed{seed}/model.json",
        result="results/attacks/{dataset}/{model}/{attack}/{mode}/frames{frames}/seed{seed}/result.json",
        curves="results/attacks/{dataset}/{model}/{attack}/{mode}/frames{frames}/seed{seed}/curves.npz",
    log:
        "results/logs/ablate/{dataset}/{model}/{attack}/{mode}/{frames}/seed{seed}.log",
    params:
        p=lambda wc: attack_params(wc, frames=frames(wc)),
    message:
        "{wildcards.attack} on {wildcards.frames} frames of {wildcards.model}, seed {wildcards.seed}"
