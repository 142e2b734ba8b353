# SPDX-License-Identifier: Apache-2.0
"""Checks that a folder of src/ includes only itself and folders above it.

The order is the architecture: what comes later knows what came before, never the other way round.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

LAYERS = ["base", "plan", "lane", "run", "api"]
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')


def problems(path: Path, layer: int, root: Path) -> list[str]:
    found = []
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        match = INCLUDE.match(line)
        if not match or match[1] == "quadcone.h":
            continue
        folder = match[1].split("/")[0]
        where = f"{path.relative_to(root)}:{number}"
        if folder not in LAYERS or not (root / "src" / match[1]).is_file():
            found.append(f'{where}: "{match[1]}" is not a path from src/')
        elif LAYERS.index(folder) > layer:
            found.append(f'{where}: {LAYERS[layer]}/ must not know "{match[1]}"')
    return found


def main() -> int:
    root = Path(__file__).resolve().parent.parent
    found = []
    for path in sorted((root / "src").rglob("*.[ch]")):
        layer = path.relative_to(root / "src").parts[0]
        if layer not in LAYERS:
            found.append(f"{path.relative_to(root)}: {layer}/ has no place in the order of layers")
            continue
        found += problems(path, LAYERS.index(layer), root)
    print("\n".join(found), file=sys.stderr, end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
