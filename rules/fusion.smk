# Audiovisual models: every victim embedded once, then fused in pairs ("Look, Listen, and Attack", 4.4).


rule embed:
    input:
        clips=clips,
        triggered=triggered,
        victim=at("attack", "result.json"),
        weights=at("attack", "model.safetensors"),
    output:
        npz=at("embedding"),
    log:
        log_of("embedding"),
    threads: 1
    resources:
        gpu=GPU,
    params:
        code=lambda wc: code("scripts/embed.py", model_code(wc), *trigger_code(wc)),
    message:
        "embedding {wildcards.model} under {wildcards.attack} ({wildcards.mode}), seed {wildcards.seed}"
    shell:
        "python scripts/embed.py --clips {input.clips:q} --triggered {input.triggered:q}"
        " --victim {input.victim:q} --out {output.npz:q} &> {log:q}"


# Where one modality is attacked, the other's model is the clean one.
use rule embed as embed_clean with:
    input:
        clips=clips,
        triggered=[],
        victim=at("baseline", "result.json"),
        weights=at("baseline", "model.safetensors"),
    output:
        npz=at("clean_embedding"),
    log:
        log_of("clean_embedding"),
    params:
        code=lambda wc: code("scripts/embed.py", model_code(wc)),
    message:
        "embedding {wildcards.model}, clean, seed {wildcards.seed}"


# One step for all pairs of a seed: its dozens of cells take seconds, less than to start each.
rule fuse:
    input:
        video=lambda wc: embedded(wc, "video"),
        audio=lambda wc: embedded(wc, "audio"),
    output:
        results=directory(at("fusion")),
    log:
        log_of("fusion"),
    params:
        code=code("scripts/fuse.py"),
    message:
        "fusing {wildcards.video} and {wildcards.audio} on {wildcards.dataset}, seed {wildcards.seed}"
    shell:
        "python scripts/fuse.py --video {input.video:q} --audio {input.audio:q}"
        " --dataset {wildcards.dataset} --model {wildcards.video}+{wildcards.audio}"
        " --seed {wildcards.seed} --out {output.results:q} &> {log:q}"
