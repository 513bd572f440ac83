# Audiovisual models: every victim embedded once, then fused in pairs ("Look, Listen, and Attack", 4.4).


rule embed:
    input:
        clips=clips,
        triggered=triggered,
        victim="results/attacks/{dataset}/{model}/{attack}/{mode}/seed{seed}/result.json",
        weights="results/attacks/{dataset}/{model}/{attack}/{mode}/seed{seed}/model.safetensors",
        code=lambda wc: code("scripts/embed.py", model_code(wc), trigger_code(wc)),
    output:
        npz="results/embeddings/{dataset}/{model}/{attack}/{mode}/seed{seed}.npz",
    log:
        "results/logs/embed/{dataset}/{model}/{attack}/{mode}/seed{seed}.log",
    threads: 1
    resources:
        gpu=GPU,
    message:
        "embedding {wildcards.model} under {wildcards.attack} ({wildcards.mode}), seed {wildcards.seed}"
    shell:
        "python scripts/embed.py --clips {input.clips} --triggered {input.triggered}"
        " --victim {input.victim} --out {output.npz} &> {log}"


use rule embed as embed_clean with:
    input:
        clips=clips,
        triggered=[],
        victim="results/models/{dataset}/{model}/seed{seed}/result.json",
        weights="results/models/{dataset}/{model}/seed{seed}/model.safetensors",
        code=lambda wc: code("scripts/embed.py", model_code(wc)),
    output:
        npz="results/embeddings/{dataset}/{model}/seed{seed}.npz",
    log:
        "results/logs/embed/{dataset}/{model}/seed{seed}.log",
    message:
        "embedding {wildcards.model}, clean, seed {wildcards.seed}"


# One step for all pairs of a seed: its dozens of cells take seconds, less than to start each.
rule fuse:
    input:
        video=lambda wc: embedded(wc, "video"),
        audio=lambda wc: embedded(wc, "audio"),
        code=code("scripts/fuse.py"),
    output:
        results=directory("results/fusion/{dataset}/{video}/{audio}/seed{seed}"),
    log:
        "results/logs/fuse/{dataset}/{video}/{audio}/seed{seed}.log",
    message:
        "fusing {wildcards.video} and {wildcards.audio} on {wildcards.dataset}, seed {wildcards.seed}"
    shell:
        "python scripts/fuse.py --video {input.video} --audio {input.audio}"
        " --dataset {wildcards.dataset} --model {wildcards.video}+{wildcards.audio}"
        " --seed {wildcards.seed} --out {output.results} &> {log}"
