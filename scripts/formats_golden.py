"""Makes the golden vectors of crates/formats/tests/golden with ml_dtypes 0.6.0, torch (if it is there) and NumPy.

    python3 scripts/formats_golden.py           write them
    python3 scripts/formats_golden.py --check   compare with what is checked in

casts-*.bin    the code of each of the 65,536 BF16 inputs, one byte each, deflated
blocks-*.bin   a matrix of 128 x 128 BF16 inputs (shared: blocks-input.bin) by container: codes, then scales, deflated

Where the oracles disagree, the file name says which one it is:
  E4M3 above 464, infinities: ml_dtypes gives NaN, torch the largest value; we can do both.
  E5M2 NaN: ml_dtypes writes 0x7E, torch 0x7F; we write 0x7E, and the test compares NaN with NaN.
  E8M0 of 0 and of negative values: ml_dtypes gives NaN, torch 2^-127 and ignores the sign; we follow ml_dtypes.
  E8M0 of FP32 subnormals: ml_dtypes does not round to nearest there; the test leaves them out.
  E2M1, E2M3, E3M2 NaN: ml_dtypes gives -0 for NaN and +0 for -NaN; we give -0 for both.
"""

import pathlib
import sys
import zlib

import ml_dtypes
import numpy as np

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "crates/formats/tests/golden"
assert ml_dtypes.__version__ == "0.6.0", f"ml_dtypes 0.6.0 is wanted, {ml_dtypes.__version__} is here"

DTYPES = {
    "e4m3": (ml_dtypes.float8_e4m3fn, 448.0, 8, 3),
    "e5m2": (ml_dtypes.float8_e5m2, 57344.0, 15, 2),
    "e2m3": (ml_dtypes.float6_e2m3fn, 7.5, 2, 3),
    "e3m2": (ml_dtypes.float6_e3m2fn, 28.0, 4, 2),
    "e2m1": (ml_dtypes.float4_e2m1fn, 6.0, 2, 1),
}


def all_bf16():
    return np.arange(65536, dtype=np.uint16).view(ml_dtypes.bfloat16)


def casts(files):
    x = all_bf16()
    for name, (dtype, *_) in {**DTYPES, "e8m0": (ml_dtypes.float8_e8m0fnu,)}.items():
        with np.errstate(all="ignore"):
            files[f"casts-{name}-ml_dtypes.bin"] = x.astype(np.float32).astype(dtype).view(np.uint8).tobytes()
    try:
        import torch
    except ImportError:
        print("torch is not installed: its cast of E4M3 is left as it is")
        return
    t = torch.arange(65536, dtype=torch.int32).to(torch.uint16).view(torch.bfloat16)
    for name, dtype in [("e4m3", torch.float8_e4m3fn), ("e5m2", torch.float8_e5m2)]:
        files[f"casts-{name}-torch.bin"] = t.to(dtype).view(torch.uint8).numpy().tobytes()


def exponent(a, limit, emax, width, rule):
    """The exponent of a power-of-two scale, in real arithmetic as the rules are written."""
    a = a.astype(np.float64)
    safe = np.where(a == 0, 1.0, a)
    floor = np.floor(np.log2(safe))
    if rule == "floor":
        e = floor - emax
    elif rule == "ceil":
        e = np.ceil(np.log2(safe / limit))
    elif rule == "even":
        step = 2.0 ** (floor - width)
        e = np.floor(np.log2(np.floor(safe / step + 0.5) * step)) - emax
    elif rule == "ceil-max":
        e = np.ceil(np.log2(safe)) - emax
    else:
        e = floor - emax + 1
    return np.where(a == 0, 0.0, e)


def encode(y, dtype, limit):
    return np.clip(y, -limit, limit).astype(dtype).view(np.uint8)


def pack4(codes):
    return (codes[..., 0::2] | codes[..., 1::2] << 4).astype(np.uint8)


def pack6(codes):
    c = codes.reshape(-1, 4).astype(np.uint32)
    word = c[:, 0] | c[:, 1] << 6 | c[:, 2] << 12 | c[:, 3] << 18
    return np.stack([word & 255, word >> 8 & 255, word >> 16], axis=-1).astype(np.uint8)


def blocks(files):
    rng = np.random.default_rng(1)
    x = (rng.standard_normal((128, 128)) * np.exp(rng.standard_normal((128, 128)))).astype(np.float32) * 0.02
    x[5, 32:64] = 0
    x[6, 0:32] *= 1e-6
    x[7, 7] = -0.0
    x[:, 64:] *= np.float32(2.0**-9)
    b = x.astype(ml_dtypes.bfloat16)
    files["blocks-input.bin"] = b.view(np.uint16).tobytes()
    x = b.astype(np.float64)
    for name, (dtype, limit, emax, width) in DTYPES.items():
        v = x.reshape(-1, 32)
        for rule in ["floor", "ceil", "even", "ceil-max", "floor-plus-one"]:
            e = exponent(np.abs(v).max(-1), limit, emax, width, rule)
            codes = encode(v / 2.0 ** e[:, None], dtype, limit)
            packed = pack4(codes) if name == "e2m1" else pack6(codes) if name in ("e2m3", "e3m2") else codes
            files[f"blocks-mx-{name}-{rule}.bin"] = packed.tobytes() + (e + 127).astype(np.uint8).tobytes()
    # DeepSeek tiles of 128 x 128.
    dtype, limit, emax, width = DTYPES["e4m3"]
    tiles = np.abs(x).reshape(1, 128, 1, 128).max((1, 3))
    e = exponent(tiles, limit, emax, width, "ceil")
    spread = np.repeat(2.0 ** e, 128, axis=1)
    files["blocks-deepseek-ue8m0.bin"] = encode(x / spread, dtype, limit).tobytes() + (e + 127).astype(np.uint8).tobytes()
    s = (tiles.astype(np.float32) / np.float32(448)).astype(np.float32)
    y = x.astype(np.float32) / np.repeat(s, 128, axis=1)
    files["blocks-deepseek-fp32.bin"] = encode(y, dtype, limit).tobytes() + s.tobytes()
    # NVFP4 in FP32 arithmetic, as ModelOpt's: the block scale never below 2^-9, 1 for a block of zeros.
    f = x.astype(np.float32).reshape(-1, 16)
    g = np.float32(np.abs(f).max()) / np.float32(448 * 6)
    a = np.abs(f).max(-1)
    scale = np.clip(a / (np.float32(6) * g), np.float32(2.0**-9), np.float32(448)).astype(ml_dtypes.float8_e4m3fn)
    scale = np.where(a == 0, np.float32(1), scale.astype(np.float32)).astype(ml_dtypes.float8_e4m3fn)
    y = f / (scale.astype(np.float32) * g)[:, None]
    codes = pack4(encode(y, ml_dtypes.float4_e2m1fn, 6.0))
    files["blocks-nvfp4.bin"] = codes.tobytes() + scale.view(np.uint8).tobytes() + g.tobytes()
    # MXINT8.
    v = x.reshape(-1, 32)
    e = exponent(np.abs(v).max(-1), 127 / 64, 0, 6, "floor")
    codes = np.clip(np.rint(v / 2.0 ** e[:, None] * 64), -127, 127).astype(np.int8)
    files["blocks-mxint8-floor.bin"] = codes.tobytes() + (e + 127).astype(np.uint8).tobytes()


def main():
    files = {}
    casts(files)
    blocks(files)
    FOLDER.mkdir(parents=True, exist_ok=True)
    wrong = 0
    for name, data in sorted(files.items()):
        path = FOLDER / (name + ".z")
        if "--check" in sys.argv:
            same = path.exists() and zlib.decompress(path.read_bytes()) == data
            wrong += not same
            print("same" if same else "DIFFERENT", name)
        else:
            path.write_bytes(zlib.compress(data, 9))
    print(f"{len(files)} files, {sum((FOLDER / (n + '.z')).stat().st_size for n in files)} bytes")
    sys.exit(1 if wrong else 0)


main()
