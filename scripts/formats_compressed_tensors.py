"""Reads what we write with the compressed-tensors package: formats_compressed_tensors.py STEELYARD BF16_MODEL WORK_FOLDER.

Its configuration classes must accept our quantization_config, and its decompressors must give the values of our own BF16
output, bit by bit. BF16_MODEL is a folder with config.json, for instance the MiniLM of formats_e2e.py. Prints SKIPPED
where the package is not installed (0.20.0 was used).
"""

import json
import subprocess
import sys

try:
    from compressed_tensors.compressors import BaseCompressor
    from compressed_tensors.quantization import QuantizationConfig
    from safetensors.torch import load_file
except ImportError as missing:
    print(f"SKIPPED compressed-tensors: {missing.name} is not installed")
    sys.exit(0)

steelyard, model, work = sys.argv[1:]


def convert(*args):
    subprocess.run([steelyard, "quantize", *args, "-q", "--overwrite"], check=True, stdout=subprocess.DEVNULL)


for target in ["nvfp4", "mxfp4", "mxfp6-e2m3", "mxfp8", "deepseek-ue8m0", "deepseek-fp32"]:
    out, back = f"{work}/ct-{target}", f"{work}/ct-{target}-bf16"
    convert(model, out, "--to", target, "--layout", "compressed-tensors")
    convert(out, back, "--to", "bf16")
    config = json.load(open(f"{out}/config.json"))["quantization_config"]
    scheme = QuantizationConfig.model_validate(config).config_groups["group_0"]
    compressor = BaseCompressor.get_value_from_registry(config["format"])
    stored, ours = load_file(f"{out}/model.safetensors"), load_file(f"{back}/model.safetensors")
    codes = [k for k in stored if k.endswith((".weight_packed", ".weight")) and f"{k.split('.weight')[0]}.weight_scale" in stored]
    for key in codes:
        base = key.split(".weight")[0]
        part = {k[len(base) + 1 :]: v for k, v in stored.items() if k.startswith(f"{base}.weight")}
        theirs = compressor.decompress(part, scheme)["weight"].bfloat16()
        assert (theirs == ours[f"{base}.weight"]).all(), f"{target} {base}"
    print(f"{target}: {config['format']}, {len(codes)} matrices, the same values")
