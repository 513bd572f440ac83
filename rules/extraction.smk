# Model extraction: ask a victim once, train clones on what it said, look at what they inherit.


rule query:
    input:
        clips=at("data", "clips.npy"),
        pools=foreign_pools,
        weights=asking_weights,
        victim=lambda wc: victim_of(wc, "result.json"),
        model=lambda wc: victim_of(wc, "model.safetensors"),
    output:
        result=at("transfer", "result.json"),
        transfer=at("transfer", "transfer.npz"),
        clips=at("transfer", "clips.npy"),
        queries=at("transfer", "queries.jsonl"),
        monitor=at("transfer", "monitor.npz"),
    log:
        log_of("transfer"),
    threads: 1
    resources:
        gpu=GPU,
    params:
        code=lambda wc: code("scripts/query.py", query_code(wc), model_code(wc)),
        p=query_params,
        pools=pool_arguments,
    message:
        "asking {wildcards.model} ({wildcards.victim}) by {wildcards.transfer}, seed {wildcards.seed}"
    shell:
        "python scripts/query.py --params {params.p:q} --victim {input.victim:q}"
        " --clips {input.clips:q} --pools {params.pools:q} --weights {input.weights:q}"
        " --name {wildcards.transfer} --result {output.result:q} &> {log:q}"


rule steal:
    input:
        clips=at("data", "clips.npy"),
        pools=foreign_pools,
        triggered=triggered,
        weights=clone_weights,
        victim=lambda wc: victim_of(wc, "result.json"),
        model=lambda wc: victim_of(wc, "model.safetensors"),
        # How much of the ASR has a clone of the clean victim, which inherits nothing?
        control=clean_clone,
        asked=lambda wc: asked_of(wc, "result.json"),
        transfer=lambda wc: asked_of(wc, "transfer.npz"),
    output:
        model=at("clone", "model.safetensors"),
        card=at("clone", "model.json"),
        result=at("clone", "result.json"),
        curves=at("clone", "curves.npz"),
    log:
        log_of("clone"),
    threads: lambda wc: cores(CONFIG.training_of(wc.clone, wc.theft))
    resources:
        gpu=lambda wc: gpus(CONFIG.training_of(wc.clone, wc.theft)),
    params:
        code=lambda wc: code(
            "scripts/steal.py",
            *(query_code(wc), model_code(wc), clone_code(wc)),
            *victims_trigger_code(wc),
        ),
        p=steal_params,
        pools=pool_arguments,
    message:
        "{wildcards.theft} of {wildcards.model} ({wildcards.victim}) to {wildcards.clone},"
        " {wildcards.budget} queries, seed {wildcards.seed}"
    shell:
        "python scripts/steal.py --params {params.p:q} --transfer {input.asked:q}"
        " --budget {wildcards.budget} --victim {input.victim:q} --clips {input.clips:q}"
        " --pools {params.pools:q} --triggered {input.triggered:q} --weights {input.weights:q}"
        " --control {input.control:q} --theft {wildcards.theft} --clone {wildcards.clone}"
        " --gpus {resources.gpu} --result {output.result:q} &> {log:q}"


# A clone is a model like any other: does one find in it what it inherited?
use rule defend as defend_clone with:
    input:
        clips=at("data", "clips.npy"),
        triggered=triggered,
        maps=[],
        weights=clone_weights,
        taught=[],
        victim=at("clone", "result.json"),
        model=at("clone", "model.safetensors"),
    output:
        result=at("inherited", "result.json"),
        scores=at("inherited", "scores.npz"),
    log:
        log_of("inherited"),
    params:
        code=lambda wc: code(
            "scripts/defend.py",
            *(defense_code(wc), clone_code(wc)),
            *victims_trigger_code(wc),
        ),
    message:
        "{wildcards.defense} on the clone {wildcards.clone} of {wildcards.victim}, seed {wildcards.seed}"
