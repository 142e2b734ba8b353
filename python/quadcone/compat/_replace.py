# SPDX-License-Identifier: Apache-2.0
"""The names of other packages for their interfaces here."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

_STAND_INS = {
    "qpth": "qpth",
    "diffcp": "diffcp",
    "cvxpylayers": "cvxpylayers",
    "proxsuite.torch": "proxsuite_torch",
    "qpax": "qpax",
}


def replace(*packages: str) -> None:
    """Makes this process import quadcone's interfaces where it imports other packages.

    packages: "qpth", "diffcp", "cvxpylayers", "proxsuite.torch" or "qpax", with all modules below.

    >>> from quadcone.compat import replace
    >>> replace("cvxpylayers", "diffcp")
    >>> from cvxpylayers.torch import CvxpyLayer  # quadcone's

    Raises ValueError for other packages, and RuntimeError for one that has been imported before:
    who has its functions would keep them.
    """
    for name in packages:
        if name not in _STAND_INS:
            raise ValueError(f"{name!r} is none of {', '.join(_STAND_INS)}")
        module = sys.modules.get(name)
        if module is not None and not module.__name__.startswith(__package__):
            raise RuntimeError(f"{name} has been imported already; replace it before that")
    sys.meta_path.insert(0, _Finder(packages))
    sys.meta_path.append(_LastResort(packages))


class _Finder(MetaPathFinder, Loader):
    """Finds modules of these packages among quadcone's."""

    def __init__(self, packages: Sequence[str]) -> None:
        self.packages = packages
        self.specs: dict[str, ModuleSpec | None] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        for name in self.packages:
            if f"{fullname}.".startswith(f"{name}."):
                own = find_spec(f"{__package__}.{_STAND_INS[name]}{fullname[len(name) :]}")
                return own and ModuleSpec(fullname, self, origin=own.name)
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = import_module(str(spec.origin))
        self.specs[spec.name] = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has put the spec of the other name here.
        if module.__spec__ is not None:
            module.__spec__ = self.specs.pop(module.__spec__.name)


class _LastResort(MetaPathFinder):
    """Finds a package that is not installed, of which a part is replaced: an empty one."""

    def __init__(self, packages: Sequence[str]) -> None:
        self.packages = packages

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        is_above = any(name.startswith(f"{fullname}.") for name in self.packages)
        return ModuleSpec(fullname, None, is_package=True) if is_above else None
