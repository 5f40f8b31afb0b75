"""Conversion throughput beside torch and ml_dtypes: python3 benches/formats.py [MiB] (needs cargo; the rest if installed).

GB/s of BF16 input per second of CPU time on one thread, so that other users of the machine count little. Ours comes from
`cargo run --release --example throughput`. Python's data stays in the cache, ours does not: this flatters Python.
"""

import subprocess
import sys
import time

mib = sys.argv[1] if len(sys.argv) > 1 else "256"
ours = {}
command = ["cargo", "run", "-q", "--release", "-p", "steelyard-formats", "--example", "throughput", mib, "all"]
for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines():
    what, name, level, rate = line.split()
    ours.setdefault((what, name), {})[level] = float(rate)


def rate(run, size, seconds=1.0):
    run()
    start, runs = time.process_time(), 0
    while time.process_time() - start < seconds:
        run()
        runs += 1
    return runs * size / (time.process_time() - start) / 1e9


peers = {}
try:
    import ml_dtypes
    import numpy as np

    x = (np.random.default_rng(0).standard_normal((1024, 4096), dtype=np.float32) * 0.02).astype(ml_dtypes.bfloat16)

    def numpy_tiles():
        f = x.astype(np.float32).reshape(8, 128, 32, 128)
        e = np.ceil(np.log2(np.abs(f).max((1, 3), keepdims=True) / 448))
        return (f * np.exp2(-e)).astype(ml_dtypes.float8_e4m3fn)

    def numpy_mx(limit, emax, dtype):
        f = x.astype(np.float32).reshape(-1, 32)
        e = np.floor(np.log2(np.abs(f).max(1, keepdims=True))) - emax
        return np.clip(f * np.exp2(-e), -limit, limit).astype(dtype)

    peers["numpy + ml_dtypes"] = {
        "deepseek-ue8m0": rate(numpy_tiles, x.nbytes),
        "mxfp8": rate(lambda: numpy_mx(448, 8, ml_dtypes.float8_e4m3fn), x.nbytes),
        "mxfp4": rate(lambda: numpy_mx(6, 2, ml_dtypes.float4_e2m1fn), x.nbytes),
    }
except ImportError as missing:
    print(f"SKIPPED numpy + ml_dtypes: {missing.name} is not installed")
try:
    import torch

    torch.set_num_threads(1)
    t = (torch.randn(1024, 4096) * 0.02).bfloat16()

    def torch_tiles(t):
        f = t.float().view(8, 128, 32, 128)
        e = torch.ceil(torch.log2(f.abs().amax((1, 3), keepdim=True) / 448))
        return (f * torch.exp2(-e)).to(torch.float8_e4m3fn)

    def torch_mx(t):
        f = t.float().view(-1, 32)
        e = torch.floor(torch.log2(f.abs().amax(1, keepdim=True))) - 8
        return (f * torch.exp2(-e)).clamp(-448, 448).to(torch.float8_e4m3fn)

    size = t.numel() * 2
    peers["torch eager"] = {
        "deepseek-ue8m0": rate(lambda: torch_tiles(t), size),
        "mxfp8": rate(lambda: torch_mx(t), size),
    }
    if "--compile" in sys.argv:
        tiles, mx = torch.compile(torch_tiles), torch.compile(torch_mx)
        peers["torch.compile"] = {
            "deepseek-ue8m0": rate(lambda: tiles(t), size),
            "mxfp8": rate(lambda: mx(t), size),
        }
except ImportError:
    print("SKIPPED torch: it is not installed")

levels = list(dict.fromkeys(level for rates in ours.values() for level in rates))
columns = levels + list(peers)
print(f"{'GB/s of BF16 per CPU second':30}" + "".join(f"{c:>19}" for c in columns))
for (what, name), rates in ours.items():
    cells = [rates.get(level) for level in levels]
    cells += [peer.get(name) if what == "encode" else None for peer in peers.values()]
    print(f"{what + ' ' + name:30}" + "".join(f"{c:19.2f}" if c is not None else f"{'-':>19}" for c in cells))
