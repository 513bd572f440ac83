# Attacked models: poison, fine-tune from the same weights as the baseline, measure CDA and ASR.


# Only for attacks with `stored: true`; the others are stamped batch by batch, in training.
rule stamp:
    input:
        clips=at("data", "clips.npy"),
    output:
        clips=at("stored"),
    log:
        log_of("stored"),
    priority: 1
    params:
        code=lambda wc: code("scripts/stamp.py", *trigger_code(wc)),
        p=lambda wc: json.dumps({"attack": section("attacks", wc.attack)}),
    message:
        "triggering all clips of {wildcards.dataset}: {wildcards.attack} ({wildcards.mode})"
    shell:
        "python scripts/stamp.py --params {params.p:q} --clips {input.clips:q}"
        " --mode {wildcards.mode} --out {output.clips:q} &> {log:q}"


rule optimise:
    input:
        clips=at("data", "clips.npy"),
        # The attacker's own clean model, of the same seed: each seed has another trigger.
        model=at("baseline", "model.safetensors"),
    output:
        trigger=at("searched"),
    log:
        log_of("searched"),
    priority: 1
    threads: 1
    resources:
        gpu=GPU,
    params:
        code=lambda wc: code("scripts/optimise.py", model_code(wc)),
        target=lambda wc: CONFIG.attacks[wc.attack].target,
    message:
        "searching the {wildcards.attack} trigger on {wildcards.model}, seed {wildcards.seed}"
    shell:
        "python scripts/optimise.py --model {input.model:q} --clips {input.clips:q}"
        " --target {params.target} --seed {wildcards.seed} --out {output.trigger:q} &> {log:q}"


# What the frozen half of a network makes of the clips that carry the trigger.
use rule encode as encode_trigger with:
    input:
        clips=clips,
        triggered=triggered,
        weights=lambda wc: initial(wc.model),
        optimised=optimised,
    output:
        maps=at("encoded_trigger", "maps.npy"),
        rows=at("encoded_trigger", "rows.npy"),
    log:
        log_of("encoded_trigger"),
    params:
        code=lambda wc: code("scripts/encode.py", model_code(wc), *trigger_code(wc)),
        p=encode_params,
        how="--mode {mode} --seed {seed}",
    message:
        "encoding {wildcards.attack} ({wildcards.mode}) by {wildcards.model}, seed {wildcards.seed}"


rule attack:
    input:
        clips=clips,
        triggered=triggered,
        maps=maps,
        # Those that the baseline starts from: then the poison is all that differs.
        weights=weights,
        optimised=optimised,
    output:
        model=at("attack", "model.safetensors"),
        card=at("attack", "model.json"),
        result=at("attack", "result.json"),
        curves=at("attack", "curves.npz"),
    log:
        log_of("attack"),
    priority: leads_to_first
    threads: lambda wc: cores(CONFIG.training_of(wc.model))
    resources:
        gpu=lambda wc: gpus(CONFIG.training_of(wc.model)),
    params:
        code=lambda wc: code("scripts/train.py", model_code(wc), *trigger_code(wc)),
        p=lambda wc: attack_params(wc),
    message:
        "{wildcards.attack} ({wildcards.mode}) on {wildcards.model}, seed {wildcards.seed}"
    shell:
        "python scripts/train.py --params {params.p:q} --clips {input.clips:q}"
        " --triggered {input.triggered:q} --maps {input.maps:q} --weights {input.weights:q}"
        " --seed {wildcards.seed}"
        " --dataset {wildcards.dataset} --model {wildcards.model} --gpus {resources.gpu}"
        " --attack {wildcards.attack} --mode {wildcards.mode}"
        " --result {output.result:q} &> {log:q}"


# The same with fewer poisoned frames a clip ("Look, Listen, and Attack", Figure 4).
use rule attack as ablate with:
    output:
        model=at("ablation", "model.safetensors"),
        card=at("ablation", "model.json"),
        result=at("ablation", "result.json"),
        curves=at("ablation", "curves.npz"),
    log:
        log_of("ablation"),
    priority: 0
    params:
        p=lambda wc: attack_params(wc, frames=frames(wc)),
    message:
        "{wildcards.attack} on {wildcards.frames} frames of {wildcards.model}, seed {wildcards.seed}"
