# SPDX-License-Identifier: Apache-2.0
"""Interfaces by the names of the packages that they stand in for."""

import subprocess
import sys

CODE = """
import sys, types
from quadcone.compat import replace

replace("qpth", "cvxpylayers", "proxsuite.torch")
from qpth.qp import QPFunction
import qpth.solvers.pdipm.batch
from cvxpylayers.torch.cvxpylayer import CvxpyLayer
from proxsuite.torch.utils import extract_nBatch

import quadcone.compat.cvxpylayers.torch
import quadcone.compat.qpth.qp as own
assert own is qpth.qp and own.QPFunction is QPFunction
assert own.__spec__.name == own.__name__ == "quadcone.compat.qpth.qp"
assert quadcone.compat.cvxpylayers.torch.CvxpyLayer is CvxpyLayer

def error(name):
    try:
        __import__(name) if "." in name else replace(name)
    except Exception as error:
        return type(error), str(error)

assert error("qpth.nothing") == (ModuleNotFoundError, "No module named 'qpth.nothing'")
assert error("numpy")[0] is ValueError
sys.modules["diffcp"] = types.ModuleType("diffcp")
assert error("diffcp") == (
    RuntimeError, "diffcp has been imported already; replace it before that"
)
replace("qpth")
"""


def test_replace():
    subprocess.run([sys.executable, "-c", CODE], check=True)


def test_replace_a_part_of_what_is_installed(tmp_path):
    """The rest of proxsuite stays what it is."""
    (tmp_path / "proxsuite").mkdir()
    (tmp_path / "proxsuite" / "__init__.py").write_text("proxqp = 'theirs'")
    code = (
        "from quadcone.compat import replace\n"
        "replace('proxsuite.torch')\n"
        "import proxsuite, proxsuite.torch.qplayer as layer\n"
        "assert proxsuite.proxqp == 'theirs'\n"
        "assert layer.__name__ == 'quadcone.compat.proxsuite_torch.qplayer'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
