# Sourced: which C++ compiler to use, and how to tell it what a CPU has.

# Sets compiler and link_flags; false when there is none.
find_compiler() {
  local candidate
  for candidate in ${CXX:-} c++ g++ clang++; do
    if works "$candidate"; then
      compiler=("$candidate")
      # its libstdc++ may be newer than where the library runs; none of it is to be seen from outside
      link_flags=(-static-libstdc++ -Wl,--exclude-libs,ALL -Wl,--gc-sections)
      zig=
      return 0
    fi
  done
  zig_from_pip
}

works() {
  command -v "$1" >/dev/null 2>&1 && echo 'int main() { return 0; }' | "$1" -std=c++17 -x c++ - -c -o /dev/null 2>/dev/null
}

# The package's compiler brings its own headers and libraries.
zig_from_pip() {
  local folder=${XDG_CACHE_HOME:-$HOME/.cache}/parley/compiler/ziglang-0.17.1
  command -v python3 >/dev/null 2>&1 || return 1
  if [ ! -f "$folder/ziglang/__main__.py" ]; then
    mkdir -p "$folder"
    python3 -m pip install --quiet --no-deps --target "$folder" ziglang==0.17.1 2>/dev/null || return 1
  fi
  compiler=(env "PYTHONPATH=$folder" python3 -m ziglang c++ -target "$(uname -m)-linux-gnu.2.17")
  link_flags=()
  zig=1
  echo 'int main() { return 0; }' | "${compiler[@]}" -x c++ - -c -o /dev/null 2>/dev/null
}

# feature_flags FEATURE...: nothing more than what is named, and the CPU family's minimum
feature_flags() {
  local feature
  if [ -n "$zig" ]; then
    if [ "$(uname -m)" = x86_64 ]; then
      printf -- '-mcpu=x86_64'
      for feature in "$@"; do printf '+%s' "$feature"; done
    fi
    return 0
  fi
  for feature in "$@"; do printf -- '-m%s ' "$feature"; done
}

# The variants for this kind of CPU, and the flags of each.
variants() {
  case $(uname -m) in
    x86_64) echo avx512bf16 avx512f avx2 portable ;;
    *) echo portable ;;
  esac
}

flags_of() {
  case $1 in
    avx512bf16) feature_flags avx512f avx512bw avx512vl avx512dq avx512bf16 avx2 fma ;;
    avx512f) feature_flags avx512f avx2 fma ;;
    avx2) feature_flags avx2 fma ;;
    *) feature_flags ;;
  esac
}
