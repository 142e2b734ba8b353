# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

__version__: Final[str]
DEFAULTS: Final[dict[str, float]]
STATUS_NAMES: Final[tuple[str, ...]]
DERIVATIVE_STATUS_NAMES: Final[tuple[str, ...]]

Array: TypeAlias = NDArray[np.float64] | int | None
Callback: TypeAlias = Callable[[int, int, float], object]
CoreSettings: TypeAlias = tuple[
    float, float, int, int, bool, Callback | None, int, float, int, float, float, float
]

def isa_names() -> list[str]: ...
def status_text(code: int, /) -> str: ...
def multiply(
    rows: int,
    columns: int,
    batch: int,
    add: bool,
    start: NDArray[np.int64],
    column: NDArray[np.int32],
    value: Array,
    x: Array,  # [batch][columns]
    y: Array,  # [batch][rows]
    /,
) -> None: ...
def ffi_handlers() -> dict[str, object]: ...
def ffi_compile(family: NDArray[np.int64], /) -> None: ...
def ffi_clear() -> None: ...
def ffi_counts() -> tuple[int, int, int, int]: ...
def project(
    cones: tuple[int | float, ...], batch: int, v: Array, dv: Array, out: Array, /
) -> None: ...

class Report:
    batch: Final[int]
    failed: Final[int]
    invalid: Final[int]
    def __buffer__(self, flags: int, /) -> memoryview: ...

class Tape:
    report: Final[Report]
    def vjp(
        self,
        dx: Array,
        dy: Array,
        ds: Array,
        P: Array,
        q: Array,
        A: Array,
        b: Array,
        /,
        *blocks: Array,  # G, h and the rows of A, where G and h go below A and b
    ) -> None: ...
    def jvp(
        self,
        dP: Array,
        dq: Array,
        dA: Array,
        db: Array,
        x: Array,
        y: Array,
        s: Array,
        /,
    ) -> None: ...
    def vjp_many(
        self,
        first: int,
        count: int,
        directions: int,
        apart: bool,
        dx: Array,
        dy: Array,
        ds: Array,
        P: Array,
        q: Array,
        A: Array,
        b: Array,
        /,
    ) -> None: ...
    def jvp_many(
        self,
        first: int,
        count: int,
        directions: int,
        apart: bool,
        dP: Array,
        dq: Array,
        dA: Array,
        db: Array,
        x: Array,
        y: Array,
        s: Array,
        /,
    ) -> None: ...

class Plan:
    n: Final[int]
    m: Final[int]
    P_length: Final[int]
    A_length: Final[int]
    shared: Final[int]
    def __new__(
        cls,
        n: int,
        m: int,
        P_colptr: bytes | None,
        P_rowidx: bytes | None,
        A_colptr: bytes | None,
        A_rowidx: bytes | None,
        cones: tuple[int | float, ...],
        shared: int,
        isa: str,
        condense: int,
        engine: str,
        /,
    ) -> Plan: ...
    def solve(
        self,
        batch: int,
        settings: CoreSettings,
        P: Array,
        q: Array,
        A: Array,
        b: Array,
        warm_x: Array,
        warm_y: Array,
        warm_s: Array,
        x: Array,
        y: Array,
        s: Array,
        /,
        *blocks: Array,  # G, h and the rows of A, where G and h go below A and b
    ) -> tuple[Report, Tape | None]: ...
    def describe(self) -> dict[str, object]: ...
    def idle_bytes(self) -> int: ...

Tensor: TypeAlias = Any  # torch's: this module is there without it
Tensors: TypeAlias = tuple[Tensor | None, ...]

class Frame:
    def __new__(
        cls,
        plan: Plan,
        batch: int,
        rows: int | None,
        arguments: Tensors,  # P, q, A, b, G, h
        outputs: Tensors,  # x, y, s
        torch: tuple[object, type, type, Callable[[Any], bool], Callable[[Any], Any]],
        /,
    ) -> Frame: ...
    def solve(
        self, tensors: Tensors, settings: CoreSettings, full: bool, /
    ) -> tuple[tuple[Tensor, ...], Tape | None, Report] | None: ...
    def vjp(
        self, tape: Tape, cotangents: Tensors, needs: tuple[bool, ...], /
    ) -> Tensors | None: ...
