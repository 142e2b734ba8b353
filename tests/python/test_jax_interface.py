# SPDX-License-Identifier: Apache-2.0
"""python/ext/xla.h against the header of XLA that JAX ships."""

from __future__ import annotations

import subprocess
from pathlib import Path

import jax
import pytest

ROOT = Path(__file__).parents[2]
OURS = ROOT / "python/ext/xla.h"
THEIRS = Path(jax.ffi.include_dir()) / "xla/ffi/api/c_api.h"

# Ours, XLA's, and the members of both.
STRUCTURES = {
    ("xla_extension", "XLA_FFI_Extension_Base"): "size:struct_size kind:type next",
    ("xla_version", "XLA_FFI_Api_Version"): (
        "size:struct_size extensions:extension_start major:major_version minor:minor_version"
    ),
    ("xla_metadata", "XLA_FFI_Metadata"): "size:struct_size version:api_version traits",
    ("xla_metadata_extension", "XLA_FFI_Metadata_Extension"): "base:extension_base metadata",
    ("xla_error_request", "XLA_FFI_Error_Create_Args"): (
        "size:struct_size extensions:extension_start message code:errc"
    ),
    ("xla_api", "XLA_FFI_Api"): (
        "size:struct_size extensions:extension_start version:api_version internal:internal_api "
        "create_error:XLA_FFI_Error_Create"
    ),
    ("xla_buffer", "XLA_FFI_Buffer"): (
        "size:struct_size extensions:extension_start type:dtype data rank dims"
    ),
    ("xla_buffers", "XLA_FFI_Args"): (
        "size:struct_size extensions:extension_start count:size kinds:types items:args"
    ),
    ("xla_buffers", "XLA_FFI_Rets"): (
        "size:struct_size extensions:extension_start count:size kinds:types items:rets"
    ),
    ("xla_text", "XLA_FFI_ByteSpan"): "start:ptr length:len",
    ("xla_array", "XLA_FFI_Array"): "type:dtype length:size data",
    ("xla_attributes", "XLA_FFI_Attrs"): (
        "size:struct_size extensions:extension_start count:size kinds:types names items:attrs"
    ),
    ("xla_call", "XLA_FFI_CallFrame"): (
        "size:struct_size extensions:extension_start api context:ctx stage operands:args "
        "results:rets attributes:attrs"
    ),
}

CONSTANTS = {
    "XLA_MAJOR": "XLA_FFI_API_MAJOR",
    "XLA_EXTENSION_METADATA": "XLA_FFI_Extension_Metadata",
    "XLA_INT64": "XLA_FFI_DataType_S64",
    "XLA_UINT32": "XLA_FFI_DataType_U32",
    "XLA_F32": "XLA_FFI_DataType_F32",
    "XLA_F64": "XLA_FFI_DataType_F64",
    "XLA_ATTRIBUTE_ARRAY": "XLA_FFI_AttrType_ARRAY",
    "XLA_STAGE_EXECUTE": "XLA_FFI_ExecutionStage_EXECUTE",
    "XLA_INVALID_ARGUMENT": "XLA_FFI_Error_Code_INVALID_ARGUMENT",
    "XLA_RESOURCE_EXHAUSTED": "XLA_FFI_Error_Code_RESOURCE_EXHAUSTED",
    "XLA_UNIMPLEMENTED": "XLA_FFI_Error_Code_UNIMPLEMENTED",
    "XLA_INTERNAL": "XLA_FFI_Error_Code_INTERNAL",
}


def compiles(directory, assertions):
    lines = [f'#include "{OURS}"', f'#include "{THEIRS}"']
    lines += [f'_Static_assert({assertion}, "differs");' for assertion in assertions]
    source = directory / "interface.c"
    source.write_text("\n".join(lines) + "\n")
    command = ["cc", "-std=c11", "-fsyntax-only", str(source)]
    run = subprocess.run(command, capture_output=True, text=True)
    return run.returncode == 0, run.stderr


def place(kind, member):
    return f"offsetof({kind}, {member}) * 1000 + sizeof((({kind} *)0)->{member})"


@pytest.mark.parametrize(("kinds", "members"), STRUCTURES.items(), ids=lambda v: str(v[0]))
def test_structures(tmp_path, kinds, members):
    """Every member is where XLA has it, and as large."""
    ours, theirs = kinds
    pairs = [(name.split(":")[0], name.split(":")[-1]) for name in members.split()]
    assertions = [f"{place(ours, us)} == {place(theirs, them)}" for us, them in pairs]
    good, error = compiles(tmp_path, assertions)
    assert good, error


def test_constants(tmp_path):
    assertions = [f"(int){ours} == (int){theirs}" for ours, theirs in CONSTANTS.items()]
    good, error = compiles(tmp_path, assertions)
    assert good, error


def test_a_difference_is_seen(tmp_path):
    good, _ = compiles(tmp_path, ["offsetof(xla_call, stage) == offsetof(XLA_FFI_CallFrame, ctx)"])
    assert not good
