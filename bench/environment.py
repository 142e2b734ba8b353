# SPDX-License-Identifier: Apache-2.0
"""An environment of our own for the peers, and a process whose threads and BLAS are under control.

bench/.venv holds the pinned peers.  It sees quadcone where the interpreter that started the
benchmark has it, so that what was built is what is measured.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

HERE = Path(__file__).parent
VENV = HERE / ".venv"
REQUIREMENTS = HERE / "requirements.txt"
WITHOUT_DEPENDENCIES = ("qpth==0.0.18",)
ONE_THREAD = ("OMP", "OPENBLAS", "MKL", "BLIS", "RAYON", "NUMEXPR")
OVERRIDES = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")  # would slow down peers that use BLAS


def enter() -> None:
    """Return if this is the benchmark's environment, else start over in it."""
    if os.environ.get("QUADCONE_BENCH") == "1":
        return
    if importlib.util.find_spec("quadcone") is None:
        sys.exit("bench: quadcone is not installed for this interpreter; run `make build` first")
    _install()
    _share_quadcone()
    environment = {k: v for k, v in os.environ.items() if k not in OVERRIDES}
    environment |= {f"{name}_NUM_THREADS": "1" for name in ONE_THREAD}
    environment |= {"QUADCONE_BENCH": "1", "MPLBACKEND": "Agg"}
    python = str(VENV / "bin" / "python")
    os.chdir(HERE.parent)
    os.execve(python, [python, "-m", "bench", *sys.argv[1:]], environment)


def _install() -> None:
    """Install the peers, once for every version of the list of them."""
    wanted = REQUIREMENTS.read_text() + "".join(WITHOUT_DEPENDENCIES) + sys.version
    digest = hashlib.sha256(wanted.encode()).hexdigest()
    stamp = VENV / "installed"
    if stamp.exists() and stamp.read_text() == digest:
        return
    print("bench: installing the peers into bench/.venv", flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True)
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    pip.append("--disable-pip-version-check")
    subprocess.run([*pip, "--requirement", str(REQUIREMENTS)], check=True)
    subprocess.run([*pip, "--no-deps", *WITHOUT_DEPENDENCIES], check=True)
    stamp.write_text(digest)


def _share_quadcone() -> None:
    """Let bench/.venv see the calling interpreter's packages, after its own."""
    theirs = sysconfig.get_path("purelib")
    ours = sysconfig.get_path("purelib", vars={"base": str(VENV), "platbase": str(VENV)})
    Path(ours, "quadcone_of_caller.pth").write_text(f"import site; site.addsitedir({theirs!r})\n")
