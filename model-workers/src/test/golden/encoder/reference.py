"""The embeddings of texts by BERT as its paper has it, in 64-bit floats: reference.py MODEL TEXTS OUT."""

import base64
import json
import math
import struct
import sys

import numpy
from tokenizers import Tokenizer

folder, texts, out = sys.argv[1:]
config = json.load(open(f"{folder}/config.json"))


def tensors(path):
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
        data = file.read()
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            begin, end = entry["data_offsets"]
            values = numpy.frombuffer(data[begin:end], "<f4").astype(numpy.float64)
            yield name, values.reshape(entry["shape"])


weights = dict(tensors(f"{folder}/model.safetensors"))
error_function = numpy.vectorize(math.erf)


def linear(x, name):
    return x @ weights[name + ".weight"].T + weights[name + ".bias"]


def norm(x, name):
    centred = x - x.mean(axis=1, keepdims=True)
    variance = (centred**2).mean(axis=1, keepdims=True)
    scaled = centred / numpy.sqrt(variance + config["layer_norm_eps"])
    return scaled * weights[name + ".weight"] + weights[name + ".bias"]


def attention(x, layer):
    heads = config["num_attention_heads"]
    query, key, value = (
        linear(x, f"{layer}.attention.self.{part}").reshape(len(x), heads, -1).transpose(1, 0, 2)
        for part in ("query", "key", "value")
    )
    scores = query @ key.transpose(0, 2, 1) / math.sqrt(query.shape[2])
    odds = numpy.exp(scores - scores.max(axis=2, keepdims=True))
    mixed = (odds / odds.sum(axis=2, keepdims=True)) @ value
    return mixed.transpose(1, 0, 2).reshape(len(x), -1)


def embedding(ids):
    x = (
        weights["embeddings.word_embeddings.weight"][ids]
        + weights["embeddings.position_embeddings.weight"][: len(ids)]
        + weights["embeddings.token_type_embeddings.weight"][0]
    )
    x = norm(x, "embeddings.LayerNorm")
    for number in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{number}"
        mixed = linear(attention(x, layer), f"{layer}.attention.output.dense")
        x = norm(x + mixed, f"{layer}.attention.output.LayerNorm")
        opened = linear(x, f"{layer}.intermediate.dense")
        bent = opened * 0.5 * (1 + error_function(opened / math.sqrt(2)))
        x = norm(x + linear(bent, f"{layer}.output.dense"), f"{layer}.output.LayerNorm")
    mean = x.mean(axis=0)
    return mean / numpy.linalg.norm(mean)


tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
tokenizer.no_truncation()
tokenizer.no_padding()
results = []
for text in json.load(open(texts)):
    ids = tokenizer.encode(text).ids
    vector = embedding(ids).astype("<f4").tobytes()
    results.append({"text": text, "ids": ids, "embedding": base64.b64encode(vector).decode()})
with open(out, "w") as file:
    json.dump(results, file, indent=1, ensure_ascii=True)
    file.write("\n")
