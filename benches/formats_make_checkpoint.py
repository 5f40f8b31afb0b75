"""Writes a BF16 checkpoint of a given size with weights like a trained model's: formats_make_checkpoint.py FOLDER GB."""

import json
import os
import struct
import sys

import numpy as np


def bf16(x):
    bits = x.view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def main():
    folder, gigabytes = sys.argv[1], float(sys.argv[2])
    os.makedirs(folder, exist_ok=True)
    rng = np.random.default_rng(0)
    rows, cols = 4096, 14336
    data = bf16(rng.standard_normal((rows, cols), dtype=np.float32) * np.float32(0.02)).tobytes()
    count = max(2, round(gigabytes * 1e9 / len(data)))
    shards, weight_map = 2, {}
    for shard in range(shards):
        names = [f"model.layers.{i}.mlp.up_proj.weight" for i in range(count) if i * shards // count == shard]
        file = f"model-{shard + 1:05}-of-{shards:05}.safetensors"
        header, at = {}, 0
        for name in names:
            header[name] = {"dtype": "BF16", "shape": [rows, cols], "data_offsets": [at, at + len(data)]}
            weight_map[name] = file
            at += len(data)
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        with open(os.path.join(folder, file), "wb") as f:
            f.write(struct.pack("<Q", len(text)) + text)
            for _ in names:
                f.write(data)
            f.flush()
            os.fsync(f.fileno())
    with open(os.path.join(folder, "model.safetensors.index.json"), "w") as f:
        json.dump({"metadata": {"total_size": count * len(data)}, "weight_map": weight_map}, f)
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump({"model_type": "llama", "torch_dtype": "bfloat16"}, f)


main()
