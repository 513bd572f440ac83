# Attacked models: poison, fine-tune from the same weights as the baseline, measure CDA and ASR.


rule attack:
    input:
        clips="results/data/{dataset}/clips.npy",
        weights=weights,
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
        p=lambda wc: step_params(
            wc,
            training=section("training"),
            attack=section("attacks", wc.attack, without=["modes"]),
        ),
    message:
        "{wildcards.attack} ({wildcards.mode}) on {wildcards.model}, seed {wildcards.seed}"
    shell:
        "python scripts/train.py --params {params.p:q} --clips {input.clips}"
        " --weights {input.weights} --seed {wildcards.seed}"
        " --dataset {wildcards.dataset} --model {wildcards.model}"
        " --attack {wildcards.attack} --mode {wildcards.mode}"
        " --result {output.result} &> {log}"
