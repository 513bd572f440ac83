"""Steps that start warm: a server that has imported the libraries forks a process for each.

``python vbd/warm.py scripts/x.py ...`` does what ``python scripts/x.py ...`` does, but begins with
the libraries imported. The first step starts the server, which ends when no more steps come; where
there can be none, the script runs plainly. The server imports nothing of vbd, so that every step
runs the code as it then is.
"""

# Every step waits for these: they are few and light.
import atexit
import gc
import hashlib
import importlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import types
from contextlib import suppress

# Slow to import, and used by many steps. None starts threads, which no fork survives.
LIBRARIES = (
    "torch",
    "torch._dynamo",  # what an optimiser imports at its first step
    "accelerate",
    # pydantic finds its parts when they are asked for: these are most of it.
    "pydantic.json_schema",
    "pydantic.main",
    "pydantic.types",
    "pandas.io.formats.style",
    "sklearn.cluster",
    "sklearn.decomposition",
    "matplotlib.backends.backend_agg",
    "matplotlib.figure",
    "safetensors.torch",
    "tabulate",
)
# Where the drivers of GPUs are: what has opened one must not be forked.
DEVICES = ("/dev/nvidia", "/dev/kfd", "/dev/dri", "/dev/dxg")
IDLE_S = 10  # after so long without a step the server ends
PATIENCE_S = 100  # how long a step waits for the server's imports
TRIES = 100  # to reach a server, a hundredth of a second apart
GRACE_S = 3  # what an interrupted step has to tidy up


def main() -> None:
    """Run the script that the arguments name, by the server where it can be, else here."""
    script = sys.argv[1:]
    server = None
    with suppress(OSError):
        server = _ask(script) if _is_for_server(script) else None
    if server is None:
        os.execv(sys.executable, [sys.executable, *script])
    status = server.recv(1)
    sys.exit(status[0] if status else "the process that ran this step was killed")


def _is_for_server(script: list[str]) -> bool:
    # Slurm and containers confine what they start, and end it: a server would belong to one job.
    elsewhere = {"SLURM_JOB_ID", "APPTAINER_CONTAINER", "SINGULARITY_CONTAINER"}
    return (
        sys.platform == "linux"
        and elsewhere.isdisjoint(os.environ)
        and os.path.isfile(script[0] if script else "")
        # A step with workers decodes, and uses none of the libraries.
        and "--workers" not in script
    )


def _ask(script: list[str]) -> socket.socket | None:
    """A connection to the server, which has got the script; None if it takes none."""
    address = _address()
    server = socket.socket(socket.AF_UNIX)
    server.settimeout(PATIENCE_S)
    for _ in range(TRIES):
        try:
            server.connect(address)
            break
        except ConnectionRefusedError:
            # There is none, or another step has just named one that does not listen yet.
            _start(address)
            time.sleep(0.01)
    if not _is_mine(server) or not server.recv(1):
        return None
    server.settimeout(None)
    socket.send_fds(server, [b"."], [0, 1, 2])
    server.sendall(json.dumps(script).encode() + b"\n")
    return server


def _address() -> str:
    """The name of the server of all steps with this Python, folder and environment.

    In Linux's abstract namespace: it is no file, and is free again when the server has ended.
    """
    with open(__file__, "rb") as file:
        code = file.read()
    environment = sorted(item for item in os.environ.items() if item[0] not in ("_", "SHLVL"))
    # In another container the same paths are other files.
    mounts = os.readlink("/proc/self/ns/mnt")
    key = (os.getuid(), mounts, os.getcwd(), sys.executable, environment, code)
    return "\0vbd-" + hashlib.sha256(repr(key).encode()).hexdigest()


def _start(address: str) -> None:
    """Start the server: steps connect at once, and wait for its imports."""
    with socket.socket(socket.AF_UNIX) as listener:
        try:
            listener.bind(address)
        except OSError:
            return  # another step was first
        listener.listen(128)
        number = listener.fileno()
        command = [sys.executable, "-P", __file__, "--serve", str(number)]
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[number],
            start_new_session=True,
        )


def _is_mine(peer: socket.socket) -> bool:
    """Whether the other end is this user's: anyone may connect to such an address, or take it."""
    credentials = struct.Struct("3i")  # process, user, group
    got = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, credentials.size)
    return credentials.unpack(got)[1] == os.getuid()


# The server, and for each step a process that watches over the one that runs it -------------------


def _serve(listener: socket.socket) -> None:
    for library in LIBRARIES:
        importlib.import_module(library)
    if _uses_gpu():
        return  # and every step runs plainly
    gc.freeze()  # a collection in a child would copy all of it
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the watching processes
    listener.settimeout(IDLE_S)
    while True:
        try:
            step = listener.accept()[0]
        except TimeoutError:
            if _has_children():
                continue
            return
        if os.fork() == 0:
            listener.close()
            _watch(step)
        step.close()


def _uses_gpu() -> bool:
    """Whether this process has opened a GPU, through whichever library: its children could not."""
    for number in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # the one that lists them
            if os.readlink(f"/proc/self/fd/{number}").startswith(DEVICES):
                return True
    return False


def _has_children() -> bool:
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return False
    return True


def _watch(step: socket.socket) -> None:
    """Run a step in a child, and tell how it ended; never returns."""
    try:
        if not _is_mine(step):
            return
        step.send(b".")
        _, streams, _, _ = socket.recv_fds(step, 1, 3)
        script = json.loads(step.makefile().readline())
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        child = os.fork()
        if child == 0:
            step.close()
            _become(script, streams)
        os.setpgid(child, child)
        for stream in streams:
            os.close(stream)
        threading.Thread(target=_end_with, args=(step, child), daemon=True).start()
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        step.send(bytes([code if code >= 0 else 128 - code]))
    finally:
        os._exit(0)


def _end_with(step: socket.socket, child: int) -> None:
    """When the step was killed, end the child and its workers: as Ctrl-C does, then by force."""
    step.recv(1)
    os.killpg(child, signal.SIGINT)
    time.sleep(GRACE_S)
    os.killpg(child, signal.SIGKILL)


# The process that runs the step ------------------------------------------------------------------


def _become(script: list[str], streams: list[int]) -> None:
    """Be the process of ``python *script``; never returns."""
    status = 1
    try:
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        importlib.invalidate_caches()
        if "numpy" in sys.modules:
            sys.modules["numpy"].random.seed()  # else unseeded steps would all draw the same
        sys.argv = script
        code = _run(os.path.realpath(script[0]))
        # What Python does at its end, but for taking down every object, which takes its time.
        threading._shutdown()  # type: ignore[attr-defined]  # private: the stubs leave it out
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        status = code
    finally:
        os._exit(status)


def _run(path: str) -> int:
    """The exit status of a script, run as ``python`` does."""
    sys.path.insert(0, os.path.dirname(path))
    module = sys.modules["__main__"] = types.ModuleType("__main__")
    module.__file__ = path
    try:
        with open(path, "rb") as file:
            exec(compile(file.read(), path, "exec"), vars(module))
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException as error:
        # Without this function's own line.
        trace = error.__traceback__ and error.__traceback__.tb_next
        sys.excepthook(type(error), error.with_traceback(trace), None)
        return 1
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        _serve(socket.socket(fileno=int(sys.argv[2])))
    else:
        main()
