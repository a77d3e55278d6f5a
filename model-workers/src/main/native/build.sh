#!/usr/bin/env bash
# Builds the kernels into TARGET/linux-<architecture>: build.sh TARGET WORK. With no C++ compiler it says so and leaves no
# library: the node then runs the pure TensorFlow graph.
#
# Compilers, the first that is there: $CXX, c++, g++, clang++, the one in the PyPI package ziglang.
set -euo pipefail

source=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
target=$1/linux-$(uname -m)
work=$2
library=$target/libparley_kernels.so
say() { printf 'kernels: %s\n' "$*"; }

if [ -f "$library" ] && [ -z "$(find "$source" -type f -newer "$library" -print -quit)" ]; then
  exit 0
fi

# shellcheck source=compiler.sh
. "$source/compiler.sh"
mkdir -p "$target" "$work"
rm -f "$library"
if ! find_compiler; then
  say "WARNING: no C++ compiler (c++, g++, clang++, or pip for the package ziglang): built without kernels;"
  say "WARNING: the engine will run TensorFlow's own operations, several times slower"
  exit 0
fi

started=$SECONDS
# no contraction: what is fused is written so, or two loops over the same row could differ
common=(-std=c++17 -O3 -fPIC -fvisibility=hidden -ffp-contract=off -fno-strict-aliasing -fno-math-errno
  -Wall -Wextra -Wno-unknown-warning-option -Wno-uninitialized -Wno-maybe-uninitialized -pthread)
compile_variant() {
  # shellcheck disable=SC2046  # a list of words on purpose
  "${compiler[@]}" "${common[@]}" $(flags_of "$1") -DPARLEY_VARIANT="$1" -c "$source/variant.cc" -o "$work/$1.o"
}
compile_plain() {
  # shellcheck disable=SC2046
  "${compiler[@]}" "${common[@]}" $(feature_flags) -c "$source/$1.cc" -o "$work/$1.o"
}

plain=(kernels lookup checks thread_pool huge_pages memory_rate op_context ops encoder_ops)
running=()
wait_for_one() { wait "${running[0]}"; running=("${running[@]:1}"); }
read -r -a variants <<<"$(variants)"
for variant in "${variants[@]}"; do
  compile_variant "$variant" &
  running+=($!)
done
for file in "${plain[@]}"; do
  [ "${#running[@]}" -lt 4 ] || wait_for_one
  compile_plain "$file" &
  running+=($!)
done
for job in "${running[@]}"; do
  wait "$job"
done

# a weak symbol of one variant could replace that of another, for a CPU that lacks its instructions
if command -v nm >/dev/null 2>&1; then
  for variant in "${variants[@]}"; do
    if nm -C "$work/$variant.o" | grep -E ' [WVu] ' >&2; then
      say "ERROR: $variant.o defines what another variant could define, too"
      exit 1
    fi
  done
fi

# TensorFlow's library is found by its name, because it is loaded before; an empty one stands for it here
echo | "${compiler[@]}" -shared -Wl,-soname,libtensorflow_framework.so.2 -x c - -o "$work/libtensorflow_framework.so.2"
objects=()
for name in "${variants[@]}" "${plain[@]}"; do
  objects+=("$work/$name.o")
done
"${compiler[@]}" -shared -pthread "${link_flags[@]}" "${objects[@]}" \
  -Wl,--no-as-needed "$work/libtensorflow_framework.so.2" -o "$work/libparley_kernels.so"
mv "$work/libparley_kernels.so" "$library"
say "built $(basename "$library") (${variants[*]}) with ${compiler[*]} in $((SECONDS - started)) s"
