"""Traces by Python's protobuf and the schema that MLCommons publishes (pip install mlc-chakra==1.0.0), for tests.

    python3 scripts/traces_golden.py           write crates/sim/tests/golden/*.et
    python3 scripts/traces_golden.py --check [PROGRAM]
        compare with what is checked in; with the program, also read all that chakra_generator makes with it, and read what
        it writes here

step.{0,1}.et     two ranks: compute with a duration, an all-reduce in a process group, a message, compute by operations,
                  a host operator, dependencies of both kinds; the second file is packed with gzip
kinds.0.et        a metadata node with an attribute of every type of the schema, lists too
"""

import gzip
import io
import json
import pathlib
import subprocess
import sys
import tempfile

from chakra.schema.protobuf import et_def_pb2 as et
from google.protobuf.internal.encoder import _VarintBytes

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "crates/sim/tests/golden"


def record(message):
    data = message.SerializeToString(deterministic=True)
    return _VarintBytes(len(data)) + data


def metadata():
    return record(et.GlobalMetadata(version="0.0.4"))


def attribute(name, **value):
    return et.AttributeProto(name=name, **value)


def node(number, name, kind, micros=0, ctrl=(), data=(), attributes=()):
    made = et.Node(id=number, name=name, type=kind, duration_micros=micros, ctrl_deps=ctrl, data_deps=data)
    made.attr.extend(attributes)
    return record(made)


def step(rank):
    """100 us, then an all-reduce of 1 MiB beside a message of 4 KiB from rank 0 to 1, then a GEMM that only says its work."""
    device = attribute("is_cpu_op", bool_val=False)
    pair = [attribute("comm_src", int32_val=0), attribute("comm_dst", int32_val=1), attribute("comm_tag", int32_val=7)]
    size = attribute("comm_size", uint64_val=4096)
    send = rank == 0
    return b"".join([
        metadata(),
        node(10, "forward", et.COMP_NODE, 100, attributes=[device]),
        node(11, "ncclDevKernel_AllReduce", et.COMM_COLL_NODE, data=[10], attributes=[
            device, attribute("comm_type", int64_val=et.ALL_REDUCE), attribute("comm_size", int64_val=1 << 20),
            attribute("pg_name", string_val="tp"), attribute("comm_priority", int32_val=0)]),
        node(12, "send" if send else "recv", et.COMM_SEND_NODE if send else et.COMM_RECV_NODE, ctrl=[10],
             attributes=[device, *pair, size]),
        node(13, "gemm", et.COMP_NODE, data=[11], ctrl=[12, 11], attributes=[
            device, attribute("num_ops", uint64_val=2 * 4096**3), attribute("tensor_size", uint64_val=3 * 4096**2 * 2)]),
        node(14, "aten::log", et.COMP_NODE, 3, attributes=[attribute("is_cpu_op", bool_val=True)]),
    ])


def kinds():
    scalars = ["double", "float", "int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64",
               "sfixed32", "sfixed64"]
    attributes = []
    for name in scalars:
        attributes.append(attribute(name, **{f"{name}_val": 5}))
        made = attribute(name + "s")
        getattr(made, f"{name}_list").values.extend([1, 2, 300])
        attributes.append(made)
    attributes.append(attribute("bool", bool_val=True))
    attributes.append(attribute("bools", bool_list=et.BoolList(values=[True, False])))
    attributes.append(attribute("text", string_val="text"))
    attributes.append(attribute("texts", string_list=et.StringList(values=["a", "b"])))
    attributes.append(attribute("bytes", bytes_val=b"\x00\xff"))
    attributes.append(attribute("bytess", bytes_list=et.BytesList(values=[b"a", b"\xff"])))
    return metadata() + node(1, "everything", et.METADATA_NODE, attributes=attributes)


def packed(data):
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as file:
        file.write(data)
    return out.getvalue()


def made():
    return {"step.0.et": step(0), "step.1.et": packed(step(1)), "kinds.0.et": kinds(),
            "groups.json": b'{"tp": [0, 1]}\n'}


def records(data):
    at = 0
    while at < len(data):
        length = shift = 0
        while True:
            byte = data[at]
            at += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
        yield data[at:at + length]
        at += length


def check_program(program):
    def run(*arguments):
        return subprocess.run([program, *map(str, arguments)], check=True, capture_output=True, text=True).stdout

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        generator = pathlib.Path(sys.executable).with_name("chakra_generator")
        subprocess.run([generator, "--num_npus", "4"], cwd=folder, check=True, capture_output=True)
        prefixes = sorted({f.name.rsplit(".", 2)[0] for f in folder.glob("*.et")})
        # Its lone messages say neither how many bytes they are nor with whom.
        lone = [p for p in prefixes if p.startswith(("one_comm_send", "one_comm_recv"))]
        for prefix in lone:
            refused = subprocess.run([program, "trace", "show", folder / prefix], capture_output=True, text=True)
            assert refused.returncode == 2 and "has no comm_size" in refused.stderr, (prefix, refused)
        for prefix in set(prefixes) - set(lone):
            shown = json.loads(run("trace", "show", folder / prefix, "--json"))
            assert shown["ranks"] == 4 and shown["nodes"] >= 4, (prefix, shown)
        out = folder / "ours"
        run("trace", "write", out, "--op", "all-gather", "--bytes", "1MiB", "--ranks", 2, "--rounds", 2,
            "--compute", "7 us")
        for rank in range(2):
            first, *rest = records((out / f"trace.{rank}.et").read_bytes())
            assert et.GlobalMetadata.FromString(first).version == "0.0.4"
            nodes = [et.Node.FromString(r) for r in rest]
            assert [n.type for n in nodes] == [et.COMP_NODE, et.COMM_COLL_NODE] * 2
            assert [list(n.data_deps) for n in nodes] == [[], [0], [1], [2]]
            attributes = {a.name: a for a in nodes[1].attr}
            assert attributes["comm_type"].int64_val == et.ALL_GATHER
            assert attributes["comm_size"].int64_val == 1 << 20 and nodes[0].duration_micros == 7
        print(f"{len(prefixes) - len(lone)} traces of chakra_generator read, {len(lone)} refused: messages without bytes; "
              "what is written here is read by Python")


def main():
    if "--check" not in sys.argv:
        FOLDER.mkdir(parents=True, exist_ok=True)
        for name, data in made().items():
            (FOLDER / name).write_bytes(data)
        return
    # A packed file depends on zlib's release: what is in it counts.
    unpacked = lambda data: gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    wrong = [n for n, data in made().items() if unpacked((FOLDER / n).read_bytes()) != unpacked(data)]
    if wrong:
        sys.exit(f"not as they would be made: {', '.join(wrong)}")
    if sys.argv[-1] != "--check":
        check_program(sys.argv[-1])


main()
