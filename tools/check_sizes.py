# SPDX-License-Identifier: Apache-2.0
"""Checks that files and functions stay small.

A file has at most 500 lines, a function at most 100, and 95 of 100 functions at most 50, counted
from the first line to the last.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

FILE_LIMIT = 500
FUNCTION_LIMIT = 100
FUNCTION_USUAL = 50
USUAL_SHARE = 0.95


def sources() -> list[Path]:
    """All C and Python files that git tracks or would track."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(
        [*command, "*.c", "*.h", "*.py"], capture_output=True, text=True, check=True
    )
    return [path for name in listed.stdout.splitlines() if (path := Path(name)).exists()]


def c_functions(lines: list[str]) -> Iterator[tuple[int, int]]:
    """First line and length of every function, by the style's layout: a brace alone in column 0
    opens one, the next brace in column 0 closes it, and its head starts after a blank line."""
    start = None
    for number, line in enumerate(lines):
        if line.rstrip() == "{":
            start = number
            while start > 0 and lines[start - 1].strip() and not lines[start - 1].startswith("#"):
                start -= 1
        elif line.startswith("}") and start is not None:
            yield start + 1, number - start + 1
            start = None


def python_functions(text: str) -> Iterator[tuple[int, int]]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.lineno, (node.end_lineno or node.lineno) - node.lineno + 1


def main() -> int:
    complaints: list[str] = []
    lengths: list[int] = []
    for path in sources():
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines()
        if len(lines) > FILE_LIMIT:
            complaints.append(f"{path}: {len(lines)} lines, over {FILE_LIMIT}")
        found = python_functions(text) if path.suffix == ".py" else c_functions(lines)
        for first, length in found:
            lengths.append(length)
            if length > FUNCTION_LIMIT:
                complaints.append(f"{path}:{first}: a function of {length} lines")
    short = sum(length <= FUNCTION_USUAL for length in lengths)
    if short < USUAL_SHARE * len(lengths):
        complaints.append(f"only {short} of {len(lengths)} functions have {FUNCTION_USUAL} lines")
    print(
        "\n".join(complaints)
        or f"sizes: {len(lengths)} functions, {short} within {FUNCTION_USUAL} lines"
    )
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
