# Clean models: pretraining once an architecture, then the baseline of every dataset.


rule pretrain:
    input:
        clips=clips,
        code=lambda wc: code("scripts/train.py", model_code(wc)),
    output:
        model=at("pretrained", "model.safetensors"),
        card=at("pretrained", "model.json"),
        result=at("pretrained", "result.json"),
        curves=at("pretrained", "curves.npz"),
    log:
        log_of("pretrained"),
    # Before all that starts from it.
    priority: leads_to_first
    # Many small models side by side are faster than one on all cores; README says how to change it.
    threads: 1
    resources:
        gpu=GPU,
    params:
        p=lambda wc: step_params(wc, training=pretraining(wc)),
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
        model=at("baseline", "model.safetensors"),
        card=at("baseline", "model.json"),
        result=at("baseline", "result.json"),
        curves=at("baseline", "curves.npz"),
    log:
        log_of("baseline"),
    priority: leads_to_first
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
