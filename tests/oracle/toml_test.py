#!/usr/bin/env python3
"""The TOML reader beside Python's tomllib: written cases, generated documents, and mutations of both must be read alike, or refused alike."""
import datetime, json, math, os, random, subprocess, sys, tomllib

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ENCODER = os.path.join(ROOT, "build", os.environ.get("LOCKSTEP_ORACLE_BUILD", "debug"), "tests/oracle/toml_encoder")
DECODER = os.path.join(ROOT, "build", os.environ.get("LOCKSTEP_ORACLE_BUILD", "debug"), "tests/oracle/toml_decoder")

SEEDS = [
    'a = 1\nb.c = "x"\n[t]\nd = [1, 2,\n 3]\n[[p]]\nname = "n"\n[[p.q]]\nz = {a = 1, b = {c = 2}}\n',
    's = "a\\tb\\u00e9\\U0001F600\\\\"\nl = \'a\\b\'\nm = """\nx \\\n   y""z"""\nn = \'\'\'\nq\'\'\'\'\'\n',
    'i = +1_000\nh = 0xDEAD_beef\no = 0o17\nb = 0b11\nf = 6.26e-34\ng = -0.0\nx = inf\ny = -nan\nt = true\n',
    'a = 1979-05-27T07:32:00Z\nb = 1979-05-27 07:32:00.999-07:00\nc = 1979-05-27T07:32:00\nd = 1979-05-27\ne = 07:32:00.5\n',
    '"quoted key" = 1\n\'lit\' = 2\n"a.b".c = 3\n[ x . "y z" ]\nk = {}\n[x]\nw = []\n# comment\n',
    '[[a.b]]\nc.d = 1\n[a.b.e]\nf = 2\n[[a.b]]\n[a.g]\nh = [[1, [2]], {i = 3}]\n',
    '[fruit]\napple.color = "red"\napple.taste.sweet = true\n[fruit.apple.texture]\nsmooth = true\n',
    'version = 1\n[[package]]\nname = "numpy"\nwheels = [\n    { url = "https://x/y.whl", hash = "sha256:00", size = 10 },\n]\r\n',
]
SEEDS += [
    "".join(f"k{i} = {i}\n" for i in range(70)) + "k3 = 1\n", "a = [#\x01\n]\n", "#\x7f\n", "a = [1 #\x01", "[", "a = 1979-05-27 0x:1", "a = 1979-05-27 xx:1", "a = 1979--5-27", "a = 1979-05-27 1", "a = 1979-05-27 07:32:00\0", "a = 1979-05-27T07:32:00Zx", "a = 1979-05-27T07:32:00Z1", "a = {", "a = { b = 1", "a = [1", "é = \ud800", "# é\n'é' = 1\nb = \ud800",
    'a = "\\u12', 'a = "\\', 'a = "\\\0"', 'a = """\\', 'a = """\\ ', 'a = 0x_1', 'a = 1__2', 'a = 0xG', 'a = 1_', 'a = _1', '1979 = 1\na = 1979', 'a = 1979-x',
    'a = 1979-05-27 07:32', "[a]\n[b.c]\n[a]\nx = 1\n[b]\n[b]\n",
]
# What TOML allows and lockstep does not: nesting deeper than 100, more than two million values.
BEYOND_LIMITS = [
    "[" + ".".join("a" * 105) + "]\n", "[" + ".".join("a" * 101) + "]\n", "[[" + ".".join("a" * 100) + "]]\n", ".".join("a" * 105) + " = 1\n",
    "a = " + "[" * 101 + "]" * 101, "a = " + "{b = " * 101 + "1" + "}" * 101, "a = [" + "1," * 2000000 + "]", "a = [" + "1," * 1999998 + "?]", "a = [" + "{}," * 2000000 + "]",
]
WITHIN_LIMITS = ["[" + ".".join("a" * 100) + "]\n", "[[" + ".".join("a" * 99) + "]]\n", ".".join("a" * 100) + " = 1\n", "a = " + "[" * 99 + "1" + "]" * 99]
PIECES = ["[", "]", "[[", "]]", "{", "}", "=", ".", ",", '"', "'", '"""', "'''", "\\", "\n", "\r\n", "\r", "#", " ", "\t", "a", "b.c", "1", "0", "_", "-", "+",
          "e", "0x", "true", "inf", "1979-05-27", "07:32:00", "T", "Z", "\\u00e9", "\\ud800", "\x00", "\x7f", "é", "\ufeff", "a = 1\n", "[a]\n", "[[a]]\n", "a.b = 2\n"]


def document(r, depth=0):
    def key():
        return r.choice(["a", "b", "c", "d-e", "1", '"x y"', "'z'", "a.b", "c . d"])

    def value(deep):
        kind = r.randrange(9 if deep < 3 else 7)
        if kind == 0:
            return str(r.randrange(-2**63, 2**63))
        if kind == 1:
            return repr(r.uniform(-1e9, 1e9))
        if kind == 2:
            return r.choice(["true", "false"])
        if kind == 3:
            return json.dumps("".join(r.choice("aé\n\"\\\t😀x ") for _ in range(r.randrange(6))), ensure_ascii=r.random() < .3).replace("\\ud83d\\ude00", "\\U0001F600")
        if kind == 4:
            return "'''" + "".join(r.choice("ab\n'\" ") for _ in range(r.randrange(6))).replace("'''", "") + "x'''"
        if kind == 5:
            return r.choice(["1999-12-31", "2000-02-29T23:59:59.123456Z", "00:00:00", "2001-01-01 01:01:01+23:59"])
        if kind == 6:
            return r.choice(["[]", "{}", "0x1F", "1e3", "1_0.0_1"])
        if kind == 7:
            return "[" + r.choice(["", "\n", " # c\n"]) + ", ".join(value(deep + 1) for _ in range(r.randrange(4))) + "]"
        return "{" + ", ".join(f"{key()} = {value(deep + 1)}" for _ in range(r.randrange(3))) + "}"

    lines = []
    for _ in range(r.randrange(1, 9)):
        kind = r.randrange(6)
        lines.append(f"[{key()}]" if kind == 0 else f"[[{key()}]]" if kind == 1 else f"{key()} = {value(0)}" + r.choice(["", " # c"]))
    return r.choice(["\n", "\r\n"]).join(lines) + "\n"


def mutate(r, text):
    for _ in range(r.randrange(1, 4)):
        at, to = r.randrange(len(text) + 1), r.randrange(1, 4)
        text = text[:at] + (r.choice(PIECES) if r.random() < .7 else "") + (text[at:] if r.random() < .5 else text[at + to:])
    return text


def tagged(v):
    if isinstance(v, dict):
        return {k: tagged(x) for k, x in v.items()}
    if isinstance(v, list):
        return [tagged(x) for x in v]
    if isinstance(v, bool):
        return ("bool", v)
    if isinstance(v, float):
        return ("float", "nan" if math.isnan(v) else v)
    if isinstance(v, int):
        return ("integer", v)
    return (type(v).__name__, v)


def untagged(v):
    if isinstance(v, list):
        return [untagged(x) for x in v]
    if not (set(v) == {"type", "value"} and isinstance(v["value"], str)):
        return {k: untagged(x) for k, x in v.items()}
    kind, text = v["type"], v["value"]
    if kind == "bool":
        return ("bool", text == "true")
    if kind == "float":
        return ("float", "nan" if text == "nan" else float(text))
    if kind == "integer":
        return ("integer", int(text))
    if kind == "string":
        return ("str", text.replace("\r\n", "\n"))
    if kind == "date-local":
        return ("date", datetime.date.fromisoformat(text))
    if kind == "time-local":
        return ("time", datetime.time.fromisoformat(text))
    return ("datetime", datetime.datetime.fromisoformat(text))


def beyond_python(v):
    """Numbers of more than 64 bits and leap seconds are read by only one of the two, and Python's dates begin with year 1."""
    if isinstance(v, dict):
        return any(beyond_python(x) for x in v.values())
    if isinstance(v, list):
        return any(beyond_python(x) for x in v)
    return isinstance(v, int) and not -2**63 <= v < 2**63


def compare(text, line):
    raw = text.encode("utf-8", "surrogatepass")
    try:
        expected = tomllib.loads(raw.decode())
    except (ValueError, RecursionError):
        return line == "invalid" or ":60" in text or "0000-" in text
    if line == "invalid":
        # tomllib.loads() takes a byte order mark for a key's first character and refuses it; nothing else is lenient but numbers.
        return beyond_python(expected)
    seen = untagged(json.loads(line))
    return seen == tagged(expected)


def check_limits():
    texts = BEYOND_LIMITS + WITHIN_LIMITS
    for i, text in enumerate(texts):
        with open(f"limit{i}", "w") as f:
            f.write(text)
    lines = subprocess.run([DECODER, *(f"limit{i}" for i in range(len(texts))), "not-there"], capture_output=True).stdout.split(b"\n")
    wrong = [text[:60] for text, line in zip(texts, lines) if (line == b"invalid") != (text in BEYOND_LIMITS)]
    return wrong + ([] if lines[len(texts)] == b"invalid" else ["a file that is not there"])


def check_writer(r):
    """Texts of any bytes: each byte that is no UTF-8 is written as U+FFFD."""
    texts = [b"".join(r.choice([b"a", b"\"", b"\\", b"\n", b"\t\r\b\f", b"\x01", b"\x7f", b"\xff", b"\xc3", "é".encode(), b"\xed\xa0\x80", "😀".encode(), b"\xf0\x9f"])
                      for _ in range(r.randrange(1, 9))) for _ in range(300)]
    for i, text in enumerate(texts):
        with open(f"text{i}", "wb") as f:
            f.write(text)
    lines = subprocess.run([ENCODER, *(f"text{i}" for i in range(len(texts)))], capture_output=True, check=True).stdout.decode().split("\n")
    meant = ["".join("\ufffd" if "\udc80" <= c <= "\udcff" else c for c in text.decode("utf-8", "surrogateescape")) for text in texts]
    return [repr(text) for text, line, wanted in zip(texts, lines, meant, strict=False) if tomllib.loads("a = " + line)["a"] != wanted]


def main():
    r = random.Random(20261123)
    refused = check_limits() + check_writer(r)
    if refused:
        print("\n".join(refused))
        return 1
    texts = list(SEEDS)
    texts += [document(r) for _ in range(1500)]
    texts += [mutate(r, r.choice(SEEDS if r.random() < .5 else texts[:600])) for _ in range(3000)]
    os.mkdir("in")
    names = []
    for i, text in enumerate(texts):
        names.append(f"in/{i}.toml")
        with open(names[-1], "wb") as f:
            f.write(text.encode("utf-8", "surrogatepass"))
    lines = []
    for at in range(0, len(names), 500):
        done = subprocess.run([DECODER, *names[at:at + 500]], capture_output=True)
        if done.returncode != 0:
            print(done.stderr.decode("utf-8", "replace")[-3000:])
            return 1
        lines += done.stdout.decode().splitlines()
    wrong = [(t, l) for t, l in zip(texts, lines) if not compare(t, l)]
    for text, line in wrong[:5]:
        print(f"differs: {text!r}\n  lockstep: {line}")
    valid = sum(l != "invalid" for l in lines)
    print(f"{len(texts)} documents, {valid} valid, {len(wrong)} differ")
    return 1 if wrong or len(lines) != len(texts) or valid < 500 else 0


sys.exit(main())
