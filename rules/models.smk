# Clean models: pretraining once an architecture, then the baseline of every dataset.


rule pretrain:
    input:
        clips=clips,
        code=lambda wc: code("scripts/train.py", model_code(wc)),
    output:
        model="results/models/{dataset}/{model}/pretrained/model.safetensors",
        card="results/models/{dataset}/{model}/pretrained/model.json",
        result="results/models/{dataset}/{model}/pretrained/result.json",
        curves="results/models/{dataset}/{model}/pretrained/curves.npz",
    log:
        "results/logs/pretrain/{dataset}/{model}.log",
    threads: 1
    resources:
        gpu=GPU,
    params:
        p=lambda wc: step_params(wc, training=section("pretraining", "training")),
    message:
        "pretraining {wildcards.model} on {wildcards.dataset}"
    shell:
        "python scripts/train.py --params {params.p:q} --clips {input.clips}"
        " --dataset {wildcards.dataset} --model {wildcards.model}"
        " --result {output.result} &> {log}"


rule train:
    input:
        clips=clips,
        weights=weights,
        code=lambda wc: code("scripts/train.py", model_code(wc)),
    output:
        model="results/models/{dataset}/{model}/seed{seed}/model.safetensors",
        card="results/models/{dataset}/{model}/seed{seed}/model.json",
        result="results/models/{dataset}/{model}/seed{seed}/result.json",
        curves="results/models/{dataset}/{model}/seed{seed}/curves.npz",
    log:
        "results/logs/train/{dataset}/{model}/seed{seed}.log",
    threads: 1
    resources:
        gpu=GPU,
    params:
        p=lambda wc: step_params(wc, training=training(wc)),
    message:
        "training {wildcards.model} on {wildcards.dataset}, seed {wildcards.seed}"
    shell:
        "python scripts/train.py --params {params.p:q} --clips {input.clips}"
        " --weights {input.weights} --seed {wildcards.seed}"
        " --dataset {wildcards.dataset} --model {wildcards.model}"
        " --result {output.result} &> {log}"
