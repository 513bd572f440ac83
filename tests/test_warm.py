"""A step that starts warm does what it does plainly, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vbd import warm

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere steps run plainly")

IS_WARM = "import sys; print('colorsys' in sys.modules)"
SERVER = "import os; print(os.getsid(0))"  # which is a session of its own


@pytest.fixture
def step(tmp_path, monkeypatch):
    """Runs a script with a server whose library is a light one, and which soon ends."""
    for name in ("SLURM_JOB_ID", "APPTAINER_CONTAINER", "SINGULARITY_CONTAINER"):
        monkeypatch.delenv(name, raising=False)
    return Steps(tmp_path)


class Steps:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.set(LIBRARIES=("colorsys",), IDLE_S=1, GRACE_S=1)

    def set(self, **constants) -> None:
        """Another server, with other constants."""
        text = Path(warm.__file__).read_text()
        for name, value in constants.items():
            before, _, after = text.partition(f"\n{name} = ")
            end = after.index("\n)\n") + 2 if after.startswith("(\n") else after.index("\n")
            text = f"{before}\n{name} = {value!r}{after[end:]}"
        (self.folder / "warm.py").write_text(text)

    def start(self, code: str, *args: str, plain=False, **options) -> subprocess.Popen:
        (self.folder / "scripts").mkdir(exist_ok=True)
        script = self.folder / "scripts/step.py"
        # Of several steps at once, an earlier one would read what a later one has just emptied.
        if not script.exists() or script.read_text() != code:
            script.write_text(code)
        flags = [] if plain else ["-I", "-S", "warm.py"]
        command = [sys.executable, *flags, "scripts/step.py", *args]
        how = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        # A shell that runs the tests in the background has them ignore SIGINT, and what they start.
        how["preexec_fn"] = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
        return subprocess.Popen(command, cwd=self.folder, text=True, **how, **options)

    def __call__(self, *args, **options) -> tuple[int, str, str]:
        """Exit status, output and errors."""
        process = self.start(*args, **options)
        out, err = process.communicate("said\n", timeout=20)
        return process.returncode, out, err


def wait_until(condition, seconds: float = 8) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def is_gone(process: int) -> bool:
    """Whether a process has ended; one that nobody waits for has too."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.parametrize(
    "code",
    [
        "import os, sys; print(sys.argv, sys.path, __name__, __file__, os.getcwd(), input())",
        "import os; print(sorted(os.environ.items())); os.write(2, b'errors')",
        "import sys; sys.exit(3)",
        "import sys; sys.exit()",
        "import sys; sys.exit('words')",
        "def broken():\n    raise ValueError('words')\n\n\nbroken()",
        "not python",
        "import atexit; atexit.register(print, 'last')",
        "from threading import Timer\nTimer(0.3, print, ['last']).start()",
        "import pickle\nclass Mine: pass\nprint(pickle.dumps(Mine()))",
    ],
)
def test_as_plainly(step, code):
    assert step(code, "--a", "b c", "é") == step(code, "--a", "b c", "é", plain=True)


def test_libraries_are_there(step):
    assert step(IS_WARM) == (0, "True\n", "")


def test_death_by_a_signal_is_a_failure(step):
    assert step("import os; os.kill(os.getpid(), 9)")[0] == 128 + 9


def test_an_edit_is_seen_by_the_next_step(step):
    for value in (1, 22):
        (step.folder / "scripts").mkdir(exist_ok=True)
        (step.folder / "scripts/module.py").write_text(f"value = {value}")
        assert step("import module; print(module.value)")[1] == f"{value}\n"


def test_unseeded_steps_differ(step):
    step.set(LIBRARIES=("numpy",))
    code = "import numpy; print(numpy.random.rand())"
    assert step(code)[1] != step(code)[1]


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_step_may_have_processes(step, method):
    code = f"""
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

def twice(x):
    return 2 * x

if __name__ == "__main__":
    with ProcessPoolExecutor(2, mp_context=get_context({method!r})) as pool:
        print(list(pool.map(twice, [1, 2])))
"""
    assert step(code) == (0, "[2, 4]\n", "")


def test_steps_at_once_share_a_server(step):
    processes = [step.start(SERVER) for _ in range(6)]
    assert len({process.communicate(timeout=20)[0] for process in processes}) == 1


def test_another_environment_has_another_server(step):
    code = "import os; print(os.environ['SETTING'])"
    for setting in ("1", "2"):
        assert step(code, env=os.environ | {"SETTING": setting})[1] == f"{setting}\n"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_who_kills_the_step_ends_its_child(step, number):
    code = """
import os, subprocess, time
from pathlib import Path
worker = subprocess.Popen(["sleep", "60"])
try:
    print(os.getpid(), worker.pid, flush=True)
    time.sleep(60)
finally:
    Path("tidied").touch()
"""
    process = step.start(code)
    children = [int(pid) for pid in process.stdout.readline().split()]
    process.send_signal(number)
    wait_until(lambda: all(map(is_gone, children)))
    assert process.wait() == -number
    assert (step.folder / "tidied").exists()


def test_a_child_that_will_not_end_is_killed(step):
    code = """
import os, signal, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
print(os.getpid(), flush=True)
time.sleep(60)
"""
    process = step.start(code)
    child = int(process.stdout.readline())
    process.kill()
    wait_until(lambda: is_gone(child))


def test_without_the_server_a_step_goes_on(step):
    code = "import os; os.kill(os.getsid(0), 9); print(1)"
    assert step(code) == (0, "1\n", "")
    assert step(IS_WARM)[1] == "True\n"  # by the next one


def test_without_the_process_that_watches_a_step_fails(step):
    status, _, errors = step("import os; os.kill(os.getppid(), 9)")
    assert status == 1
    assert "killed" in errors


def test_the_server_ends_by_itself(step):
    # A step longer than it would idle, at whose end it is still there.
    code = f"{SERVER}; import time; time.sleep(2.5); os.kill(os.getsid(0), 0)"
    status, server, _ = step(code)
    assert status == 0
    wait_until(lambda: is_gone(int(server)))
    assert step(SERVER)[1] != server


@pytest.mark.parametrize("name", ["SLURM_JOB_ID", "APPTAINER_CONTAINER"])
def test_where_processes_are_confined_a_step_runs_plainly(step, name):
    assert step(IS_WARM, env=os.environ | {name: "1"})[1] == "False\n"


def test_a_step_with_workers_runs_plainly(step):
    assert step(IS_WARM, "--workers", "2")[1] == "False\n"


def test_where_the_server_cannot_start_a_step_runs_plainly(step):
    step.set(LIBRARIES=("no_such_library",))
    assert step(IS_WARM) == (0, "False\n", "")


# A child would inherit what it holds of the GPU and could use neither that nor one of its own.
@pytest.mark.parametrize(("opened", "warm"), [("nvidiactl", "False"), ("other", "True")])
def test_where_a_library_has_opened_a_gpu_a_step_runs_plainly(step, opened, warm):
    (step.folder / "opens.py").write_text(f"file = open({str(step.folder / opened)!r}, 'w')")
    step.set(LIBRARIES=("colorsys", "opens"), DEVICES=(str(step.folder / "nvidia"),))
    env = os.environ | {"PYTHONPATH": str(step.folder)}
    assert step(IS_WARM, env=env) == (0, f"{warm}\n", "")


def test_a_server_that_hangs_is_not_waited_for(step):
    (step.folder / "slow.py").write_text("import time; time.sleep(5)")
    step.set(LIBRARIES=("slow",), PATIENCE_S=1)
    assert step(IS_WARM, env=os.environ | {"PYTHONPATH": str(step.folder)})[1] == "False\n"


def test_the_libraries_can_be_forked():
    code = f"""
import os, sys, torch

def is_looked_for(*args):
    raise AssertionError("a GPU is looked for")

torch.cuda.is_available = torch.cuda.device_count = torch.cuda._lazy_init = is_looked_for
torch.accelerator.current_accelerator = torch.accelerator.is_available = is_looked_for
for library in {warm.LIBRARIES}:
    __import__(library)
print("vbd" in sys.modules, len(os.listdir("/proc/self/task")))
# Which GPUs a step sees depends on its variables alone: nothing is remembered for it.
assert torch.cuda._cached_device_count is None and not torch.cuda.is_initialized()
"""
    env = os.environ | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert done.stdout == "False 1\n", done.stderr
