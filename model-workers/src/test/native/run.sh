#!/usr/bin/env bash
# Runs the kernels' own test under the sanitizers: run.sh WORK_FOLDER, and true to leave it out.
set -euo pipefail

for skip in "${@:2}"; do
  [ "$skip" != true ] || exit 0
done
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source=$here/../../main/native
work=$1/test
say() { printf 'kernels: %s\n' "$*"; }

# shellcheck source=../../main/native/compiler.sh
. "$source/compiler.sh"
if ! find_compiler || [ -n "$zig" ]; then
  say "WARNING: the test under the sanitizers is left out: it needs g++ or clang++"
  exit 0
fi
flags=(-std=c++17 -ffp-contract=off -fno-strict-aliasing -pthread -I "$source")

# build NAME VARIANTS FLAG...: one program. Memory errors are looked for in all variants; for the rest,
# whose code they share, one of them stands for all, or the compiler would take minutes.
build() {
  local name=$1 folder=$work/$1 variants=$2 variant file running=()
  shift 2
  if [ -x "$folder/test" ] && [ -z "$(find "$source" "$here" -type f -newer "$folder/test" -print -quit)" ]; then
    return 0
  fi
  rm -rf "$folder"
  mkdir -p "$folder"
  for file in "$here/kernels_test.cc" "$source/kernels.cc" "$source/lookup.cc" "$source/checks.cc" "$source/thread_pool.cc"; do
    "${compiler[@]}" "${flags[@]}" "$@" -c "$file" -o "$folder/$(basename "$file" .cc).o" &
    running+=($!)
  done
  for variant in $variants; do
    # shellcheck disable=SC2046
    "${compiler[@]}" "${flags[@]}" "$@" $(flags_of "$variant") -DPARLEY_VARIANT="$variant" \
      -c "$source/variant.cc" -o "$folder/$variant.o"
  done
  for job in "${running[@]}"; do
    wait "$job"
  done
  "${compiler[@]}" -pthread "$@" "$folder"/*.o -o "$folder/test"
}

started=$SECONDS
if ! echo 'int main() { return 0; }' | "${compiler[@]}" -fsanitize=address,undefined -x c++ - -o /dev/null 2>/dev/null; then
  say "WARNING: the test under the sanitizers is left out: ${compiler[*]} has none"
  exit 0
fi
build memory "$(variants)" -O0 -fsanitize=address
build undefined portable -O1 -DPARLEY_ONLY_PORTABLE -fsanitize=undefined -fno-sanitize-recover=all
build threads portable -O1 -DPARLEY_ONLY_PORTABLE -fsanitize=thread
for name in memory undefined threads; do
  printf 'kernels: %s: ' "$name"
  "$work/$name/test"
done
say "tested under the sanitizers in $((SECONDS - started)) s"
