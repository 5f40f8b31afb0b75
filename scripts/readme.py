"""Puts today's figures into README.md and README.zh-CN.md: python3 scripts/readme.py STEELYARD DATE.

The sample of `weigh` stands after <!-- weigh -->, the goals of `validate` after <!-- validate -->; both end at <!-- end -->.
DATE, such as 2026-11-22, takes the place of the date before the table.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

steelyard, date = os.path.abspath(sys.argv[1]), sys.argv[2]
root = pathlib.Path(__file__).resolve().parent.parent


def run(*args):
    env = {**os.environ, "COLUMNS": "240" if args[0] == "validate" else "100"}
    out = subprocess.run([steelyard, *args], cwd=root, env=env, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return out.stdout.decode()


def sample(lang):
    """The answer up to the end of its first table."""
    with tempfile.TemporaryDirectory() as out:
        lines = run("weigh", "examples/deepseek-v3.1-chat.toml", "--lang", lang, "--out", out).splitlines()
    rules = [i for i, line in enumerate(lines) if line.startswith("───")]
    return "```text\n" + "\n".join(lines[: rules[1] + 1]) + "\n```"


def goals(lang):
    """The first table, as Markdown."""
    lines = run("validate", "--lang", lang, "--by", "metric").splitlines()
    rules = [i for i, line in enumerate(lines) if line.startswith("───")]
    rows = [re.split(r"\s{2,}", line.strip()) for line in lines[: rules[1]] if not line.startswith("───")]
    heads = ["---"] + ["---:"] * (len(rows[0]) - 2) + ["---"]
    return "\n".join("| " + " | ".join(row) + " |" for row in [rows[0], heads, *rows[1:]])


def put(text, mark, what):
    text, count = re.subn(f"(<!-- {mark} -->\n).*?(\n<!-- end -->)", lambda m: m[1] + what + m[2], text, flags=re.S)
    assert count == 1, mark
    return text


for name, lang in [("README.md", "en"), ("README.zh-CN.md", "zh")]:
    path = root / name
    text = put(path.read_text(), "weigh", sample(lang))
    text = put(text, "validate", "\n" + goals(lang) + "\n")
    before, after = text.split("<!-- validate -->")
    before = re.sub(r"\d{4}-\d\d-\d\d(?!.*\d{4}-\d\d-\d\d)", date, before, flags=re.S)
    path.write_text(before + "<!-- validate -->" + after)
