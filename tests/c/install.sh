#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# install.sh BUILD SOURCE   installs the library into a fresh prefix, and builds and runs examples/c
# against it, by CMake's package and by pkg-config.
set -euo pipefail
build=$1 source=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix

cmake --install "$build" --prefix "$prefix" >"$work/log" || { cat "$work/log"; exit 1; }
libdir=$(dirname "$(find "$prefix" -name libquadcone.a)")
export LD_LIBRARY_PATH=$libdir PKG_CONFIG_PATH=$libdir/pkgconfig

echo "by find_package"
cmake -S "$source/examples/c" -B "$work/build" -DCMAKE_PREFIX_PATH="$prefix" >"$work/log" &&
    cmake --build "$work/build" >"$work/log" || { cat "$work/log"; exit 1; }
"$work/build/portfolio"

echo "by pkg-config"
cp "$source"/examples/c/{portfolio.c,Makefile} "$work"
make -C "$work" >"$work/log" || { cat "$work/log"; exit 1; }
"$work/portfolio"

echo "static, by pkg-config"
cc "$work/portfolio.c" $(pkg-config --cflags quadcone) "$libdir/libquadcone.a" \
    $(pkg-config --libs --static quadcone | sed 's/-lquadcone//') -o "$work/static"
LD_LIBRARY_PATH= "$work/static"

echo "only the public names are exported"
if nm -D --defined-only "$libdir/libquadcone.so" | awk '{print $3}' | grep -v '^qc_[a-z]'; then
    exit 1
fi
