# Clean models: pretraining once an architecture, then the baseline of every dataset.


rule pretrain:
    input:
        clips=clips,
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
    threads: lambda wc: cores(CONFIG.pretraining_of(wc.model).training)
    resources:
        gpu=lambda wc: gpus(CONFIG.pretraining_of(wc.model).training),
    params:
        code=lambda wc: code("scripts/train.py", model_code(wc)),
        p=lambda wc: step_params(wc, training=pretraining(wc)),
    message:
        "pretraining {wildcards.model} on {wildcards.dataset}"
    shell:
        "python scripts/train.py --params {params.p:q} --clips {input.clips:q}"
        " --dataset {wildcards.dataset} --model {wildcards.model} --gpus {resources.gpu}"
        " --result {output.result:q} &> {log:q}"


# A copy, so that what starts from it depends on no file outside this folder.
rule imagenet:
    output:
        weights=at("imagenet"),
    log:
        log_of("imagenet"),
    params:
        code=code("scripts/imagenet.py"),
    message:
        "weights of {wildcards.architecture} on ImageNet"
    shell:
        "python scripts/imagenet.py --architecture {wildcards.architecture}"
        " --out {output.weights:q} &> {log:q}"


# Once for all victims: what their frozen half makes of the clean clips.
rule encode:
    input:
        clips=clips,
        triggered=[],
        weights=lambda wc: initial(wc.model),
    output:
        maps=at("encoded", "maps.npy"),
        rows=at("encoded", "rows.npy"),
    log:
        log_of("encoded"),
    priority: leads_to_first
    threads: 1
    resources:
        gpu=GPU,
    params:
        code=lambda wc: code("scripts/encode.py", model_code(wc)),
        p=encode_params,
        how="",
    message:
        "encoding {wildcards.dataset} by {wildcards.model}"
    shell:
        "python scripts/encode.py --params {params.p:q} --clips {input.clips:q}"
        " --triggered {input.triggered:q} --weights {input.weights:q} {params.how}"
        " --out {output.maps:q} &> {log:q}"


rule train:
    input:
        clips=clips,
        maps=maps,
        weights=weights,
    output:
        model=at("baseline", "model.safetensors"),
        card=at("baseline", "model.json"),
        result=at("baseline", "result.json"),
        curves=at("baseline", "curves.npz"),
    log:
        log_of("baseline"),
    priority: leads_to_first
    threads: lambda wc: cores(CONFIG.training_of(wc.model))
    resources:
        gpu=lambda wc: gpus(CONFIG.training_of(wc.model)),
    params:
        code=lambda wc: code("scripts/train.py", model_code(wc)),
        p=lambda wc: step_params(wc, training=training(wc)),
    message:
        "training {wildcards.model} on {wildcards.dataset}, seed {wildcards.seed}"
    shell:
        "python scripts/train.py --params {params.p:q} --clips {input.clips:q}"
        " --maps {input.maps:q} --weights {input.weights:q} --seed {wildcards.seed}"
        " --dataset {wildcards.dataset} --model {wildcards.model} --gpus {resources.gpu}"
        " --result {output.result:q} &> {log:q}"
