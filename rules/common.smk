# Helpers of the rules: the checked configuration, and what a step gets of it.
import atexit
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from functools import cache
from itertools import takewhile
from pathlib import Path

from snakemake.exceptions import WorkflowError

from vbd.checking import check, refusal
from vbd.data.fingerprint import fingerprint
from vbd.trial.verdict import tried

# Where it lies, quoted for the shell, in which Snakemake looks for braces.
PYTHON = (
    shlex.quote(str(Path(sys.executable).parent)).replace("{", "{{").replace("}", "}}")
)
# Steps run with the Python that runs Snakemake, also where its environment is not activated, and
# start warm. A tenth of a training step's time on a CPU goes into pages that glibc gives back after
# each batch and takes anew for the next, unless told to keep them.
shell.prefix(
    f"export PATH={PYTHON}:$PATH "
    'PYTHONPATH="$PWD:${{PYTHONPATH:-}}"; '
    "export MALLOC_MMAP_THRESHOLD_=33554432 MALLOC_TRIM_THRESHOLD_=4294967296; "
    'python() {{ command python -I -S vbd/warm.py "$@"; }}; '
    "set -euo pipefail; "
)


wildcard_constraints:
    dataset="[a-z0-9_]+",
    architecture="[a-z0-9_]+",
    model="[a-z0-9_]+",
    attack="[a-z0-9_]+",
    mode="[a-z0-9_]+",
    frames="[0-9]+|random",
    defense="[a-z0-9_]+",
    video="[a-z0-9_]+",
    audio="[a-z0-9_]+",
    seed="[0-9]+",
    # Clean, or an attack in one of its modes.
    victim="clean|[a-z0-9_]+/[a-z0-9_]+",
    transfer="[a-z0-9_]+",
    theft="[a-z0-9_]+",
    clone="[a-z0-9_]+",
    budget="[0-9]+",
    # Those that show a trigger, not results, have rules of their own.
    figure="(?!figure3_gallery|figure7_spectrograms)[a-z0-9_]+",


# A report belongs to a configuration: an overlay that names none is called as its file is, of several
# the last, or its tables would take the place of the default's or a preset's.
OVERLAYS = [
    path
    for path in workflow.overwrite_configfiles
    if Path(path).resolve() != Path("params.yaml").resolve()
]
if OVERLAYS and not any("configuration" in part for _, part in STATED.parts[-2:]):
    stem = Path(OVERLAYS[-1]).stem.lower()
    config["configuration"] = re.sub(r"[^a-z0-9_]+", "_", stem)

# A dry run shows the plan where datasets and weights are not at hand, too.
DRY = workflow.output_settings.dryrun


def tell(text):
    """Say what is not here; of a plan below its hundreds of jobs, where it is seen."""
    if DRY:
        atexit.register(print, text)
    else:
        print(text, file=sys.stderr)


# Asked of a dataset by its trial and by its decoding.
fingerprint = cache(fingerprint)

try:
    CONFIG = check(config, STATED)
    # Jobs that read the workflow again, as on a cluster, start where it has passed.
    if workflow.is_main_process and (wrong := tried(CONFIG, fingerprint)):
        if not (DRY and all(one.absent for one in wrong)):
            raise refusal(wrong, STATED)
        tell(f"Not here, which a run needs:\n{STATED.told(wrong)}")
except ConfigError as error:
    raise WorkflowError(str(error))


# What of a model's section is not the model itself, and is told to its steps in other ways.
BEYOND = ["init", "training", "pretraining"]


def section(*path, without=()):
    """The checked section at path as JSON; what it leaves out does not re-run the step."""
    part = CONFIG
    for name in path:
        part = part[name] if isinstance(part, dict) else getattr(part, name)
    return in_order(json.loads(part.model_dump_json(exclude=set(without))))


def in_order(section):
    """A section whose params, which stand in any order in the file, stand in one."""
    if not isinstance(section, dict):
        return section
    found = {key: in_order(value) for key, value in section.items()}
    if isinstance(section.get("params"), dict):
        found["params"] = json.loads(json.dumps(section["params"], sort_keys=True))
    return found


def step_params(wc, **sections):
    """What training a victim gets as --params; Snakemake re-runs the step when it changes."""
    heard = is_heard(wc.model)
    kept = CONFIG.models[wc.model].windows
    # The sound that a video model does not hear must not re-run it.
    sections["dataset"] = section(
        "datasets", wc.dataset, without=[] if heard else ["sound_seconds"]
    )
    sections["model"] = section("models", wc.model, without=BEYOND)
    how = CONFIG.evaluation_of(wc.dataset)
    sections["evaluation"] = json.loads(
        # Neither sound nor maps can be cut as a system cuts whole videos.
        how.model_dump_json(exclude={"video"} if heard or kept else set())
    )
    return json.dumps(sections)


def training(wc):
    """How the model of a step is trained."""
    return json.loads(CONFIG.training_of(wc.model).model_dump_json())


def pretraining(wc):
    """How the model of a step is pretrained."""
    return json.loads(CONFIG.pretraining_of(wc.model).training.model_dump_json())


def encode_params(wc):
    """What encoding gets; the attack is that of the wildcards, where there is one."""
    sections = {
        "dataset": section("datasets", wc.dataset, without=["sound_seconds"]),
        "model": section("models", wc.model, without=BEYOND),
    }
    if "attack" in wc.keys():
        sections["attack"] = attack_section(wc, without=["modes", "frames"])
    return json.dumps(sections)


def attack_section(wc, without=("modes",)):
    """The section of an attack; of one whose trigger is searched, with the file."""
    attack = section("attacks", wc.attack, without=without)
    if is_searched(wc.attack):
        attack["params"]["path"] = optimised(wc)
    return attack


def attack_params(wc, **changed):
    """What training an attacked model gets, with what an ablation changes in the attack."""
    attack = attack_section(wc) | changed
    params = json.loads(step_params(wc, training=training(wc), attack=attack))
    params["evaluation"]["frames"] = tested_frames(wc)
    return json.dumps(params)


# Of all that can run next, what these tables need runs first: whoever tries the workflow for the
# first time sees the attacks while the defences still go on.
FIRST = ("table1_static", "table2_dynamic", "table3_natural")


def leads_to_first(wc):
    """The priority of a model: those tables are of attacks on clips, on their frames."""
    seen = not is_heard(wc.model) and not CONFIG.datasets[wc.dataset].images
    return int(wc.model in attacked_models() and seen)


def nodes():
    """The cores of each kind of node that Slurm has here, and whether it has GPUs; none without."""
    # Only who sends steps elsewhere asks, or each plan would wait for a Slurm that does not answer.
    if workflow.is_main_process and workflow.resource_settings.nodes is None:
        return []
    if shutil.which("sinfo") is None:
        return []
    try:
        said = subprocess.run(
            ["sinfo", "--noheader", "--format=%c %G"],
            capture_output=True,
            text=True,
            timeout=20,
        )
    except subprocess.TimeoutExpired:
        return []
    found = [line.split(maxsplit=1) for line in said.stdout.splitlines()]
    return [
        (int(cores.rstrip("+")), "gpu" in devices)
        for cores, devices in found
        if cores.rstrip("+").isdigit()
    ]


NODES = nodes()

# What a step takes that takes all cores: what asks for more than any node has waits for ever.
CORES = min(16, max((cores for cores, _ in NODES), default=16))


def visible():
    """How many GPUs of this machine steps may use."""
    try:
        said = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, timeout=20
        )
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return 0
    there = sum(line.startswith("GPU ") for line in said.stdout.splitlines())
    listed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if listed is None:
        return there
    # CUDA reads no further than a name that is none.
    names = takewhile(lambda name: name.strip() not in ("", "-1"), listed.split(","))
    return min(there, len(list(names)))


HERE = visible()
# Snakemake counts GPUs, vbd picks them; where there is none no step may wait for it.
GPU = int(HERE > 0 or any(gpu for _, gpu in NODES))
# All of them, unless --resources or a profile says how many. On a cluster Slurm counts.
if HERE and workflow.local_exec and "gpu" not in workflow.global_resources:
    workflow.global_resources["gpu"] = HERE


def gpus(how):
    """What a training asks for; of more than may be used Snakemake makes all."""
    return GPU * how.gpus


def cores(how):
    """A core for each process of a training, of which there is one a GPU."""
    return max(1, gpus(how))
