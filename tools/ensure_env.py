"""Make a virtual environment hold what a lock says: `ensure_env.py runtime|test|bench`.

Standard library only, as it runs before anything is installed. A stamp inside the environment
remembers the locks it was made from, so a second call costs milliseconds. Every package is checked
against the hashes of the lock; where packages come from is pip's own configuration.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {
    "runtime": ("build.lock", "runtime.lock"),
    "test": ("build.lock", "runtime.lock", "test.lock"),
    "bench": ("bench.lock",),
}
# Tests of the packages are never imported, and are a third of their files.
NOT_COMPILED = r"[/\\]tests[/\\]"


def fingerprint(profile: str) -> str:
    """Changes with a lock, the project's metadata, the interpreter or the folder."""
    seen = hashlib.sha256(f"{ROOT}\n{sys.version}\n".encode())
    for name in LOCKS[profile]:
        seen.update((ROOT / "requirements" / name).read_bytes())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    seen.update(json.dumps(project, sort_keys=True).encode())
    return seen.hexdigest()


def read_stamp(stamp: Path) -> dict[str, str]:
    """Profile -> fingerprint of the last complete installation; empty when there was none."""
    try:
        found = json.loads(stamp.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def run(command: list[str], what: str, *, must_pass: bool = True) -> None:
    """Run a command showing one line with the seconds so far; its output appears only when it fails."""
    live = sys.stdout.isatty()
    started = time.monotonic()
    print(f"  {what} ...", end="" if live else "\n", flush=True)
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=dict(os.environ, PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INPUT="1"),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    while True:
        try:
            output, _ = process.communicate(timeout=1 if live else 20)
            break
        except subprocess.TimeoutExpired:
            seconds = time.monotonic() - started
            print(
                f"\r  {what} ... {seconds:.0f} s" if live else f"    {seconds:.0f} s",
                end="" if live else "\n",
            )
            sys.stdout.flush()
    seconds = time.monotonic() - started
    print(f"\r  {what}: {seconds:.0f} s    " if live else f"  {what}: {seconds:.0f} s", flush=True)
    if process.returncode and must_pass:
        print(output, file=sys.stderr)
        sys.exit(f"{what}: failed (exit {process.returncode}); its output stands above")


def install(python: Path, profile: str) -> None:
    """The locked packages by hash, byte-compiled, then this checkout itself."""
    locks = LOCKS[profile]
    count = sum("==" in line for line in (ROOT / "requirements" / locks[-1]).read_text().splitlines())
    pip = [str(python), "-m", "pip", "install", "--quiet"]
    hashed = ["--require-hashes", "--only-binary", ":all:", "--no-compile"]
    files = [argument for name in locks for argument in ("--requirement", f"requirements/{name}")]
    run([*pip, *hashed, *files], f"up to {count} packages, each checked by hash")
    # On all cores, where pip would use one. Uncompiled, every process would pay 3-4 s of imports; a
    # template that is no valid Python is not imported either, so its complaint is not ours.
    packages = next(python.parent.parent.glob("lib/python*/site-packages"))
    compileall = [str(python), "-m", "compileall", "-qq", "-j", "0", "-x", NOT_COMPILED, str(packages)]
    run(compileall, "byte-compiling", must_pass=False)
    if profile != "bench":
        run([*pip, "--no-deps", "--no-build-isolation", "--editable", "."], "Ytterby itself")


def main(profile: str) -> None:
    venv = ROOT / (".venv-bench" if profile == "bench" else ".venv")
    python = venv / "bin" / "python"
    stamp = venv / ".ytterby-stamp.json"
    wanted = fingerprint(profile)
    made = read_stamp(stamp)
    if made.get(profile) == wanted and python.exists():
        return
    print(f"Preparing {venv.name} ({profile}), once:", flush=True)
    stamp.unlink(missing_ok=True)
    # An older stamp of the other profile stays good when its locks did not change.
    kept = {name: value for name, value in made.items() if name in LOCKS and fingerprint(name) == value}
    version = ".".join(map(str, sys.version_info[:3]))
    clear = [] if kept or not made else ["--clear"]
    run([sys.executable, "-m", "venv", *clear, str(venv)], f"environment of Python {version}")
    install(python, profile)
    stamp.write_text(json.dumps(kept | {profile: wanted}))


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in LOCKS:
        sys.exit(f"usage: ensure_env.py {'|'.join(LOCKS)}")
    main(sys.argv[1])
