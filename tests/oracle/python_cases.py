"""Grammar-based generators of versions, specifiers, markers, requirements, wheel names and metadata that reach odd corners. Every generator takes a random.Random.

Left out on purpose, because lockstep refuses what is an accident of the reference there: letters beyond ASCII that lower() or re.IGNORECASE turns into ASCII ones,
letters beyond ASCII in wheel names. What lockstep refuses by rules of its own, python_test.py expects to be refused: "\\N{...}", parentheses 500 deep, wheel names
that stand for more than 1024 tags."""

SPACES = [" ", " ", "\t", "\n", "\r", "\x0b", "\x0c", "\x1c", "\x1f", "\x85", "\xa0", "\u1680", "\u2000", "\u200a", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000"]
# Beside white space in Unicode, or with bytes that white space begins with.
NEAR_SPACES = ["\x08", "\x0e", "\x1b", "\x84", "\xa1", "\u1681", "\u1641", "\u200b", "\u2027", "\u202a", "\u205e", "\u2060", "\u2041", "\u20ac", "\u3001", "\u3041", "\u4000"]
NOISE = list("0123456789.-_+!*vabcrdelpostdevrcALPHA<>=~;,()[]@'\"\\ \t\n") + ["é", "€", "\u200b", "１", "😀", ".*", "dev", "post", "and", "or", "in", "not ", "extra", "\x7f", "٣", "²", "1__0"]
OPERATORS = ["~=", "==", "!=", "<=", ">=", "<", ">", "==="]
VARIABLES = ["implementation_name", "implementation_version", "os_name", "platform_machine", "platform_python_implementation", "platform_release",
             "platform_system", "platform_version", "python_full_version", "python_version", "sys_platform", "extra"]
OLD_VARIABLES = ["os.name", "sys.platform", "platform.version", "platform.machine", "platform.python_implementation", "python_implementation", "extras",
                 "dependency_groups", "platform.release", "python.version"]
ENVIRONMENTS = [
    dict(implementation_name="cpython", implementation_version="3.11.2", os_name="posix", platform_machine="x86_64", platform_python_implementation="CPython",
         platform_release="6.1.0-13-amd64", platform_system="Linux", platform_version="#1 SMP", python_full_version="3.11.2", python_version="3.11",
         sys_platform="linux"),
    dict(implementation_name="pypy", implementation_version="7.3.13", os_name="nt", platform_machine="AMD64", platform_python_implementation="PyPy",
         platform_release="10", platform_system="Windows", platform_version="10.0.19041", python_full_version="3.10.13", python_version="3.10",
         sys_platform="win32"),
    dict(implementation_name="cpython", implementation_version="3.13.0rc1", os_name="posix", platform_machine="aarch64", platform_python_implementation="CPython",
         platform_release="5.4", platform_system="Linux", platform_version="", python_full_version="3.13.0rc1+", python_version="3.13", sys_platform="linux"),
    dict(implementation_name="cpython", implementation_version="3.14.0a1+", os_name="posix", platform_machine="riscv64", platform_python_implementation="CPython",
         platform_release="6.8", platform_system="Linux", platform_version="x", python_full_version="", python_version="3.14", sys_platform="linux"),
    dict(implementation_name="", implementation_version="", os_name="java", platform_machine="", platform_python_implementation="Jython", platform_release="",
         platform_system="Java", platform_version="1.2.3", python_full_version="2.7.3", python_version="2.7", sys_platform="java1.8"),
]


def spaces(r, chance=.1):
    return "".join(r.choice(SPACES if r.random() < .97 else NEAR_SPACES) for _ in range(r.randint(1, 2))) if r.random() < chance else ""


def any_bytes(r, text):
    """Now and then with bytes that are no UTF-8 (as surrogateescape has them)."""
    at = r.randint(0, len(text))
    return text[:at] + r.choice(["\udce2\udc80", "\udcc2", "\udcff"]) + text[at:] if r.random() < .003 else text


def case(r, text):
    return text if r.random() < .8 else "".join(c.upper() if c.isascii() and r.random() < .5 else c for c in text)


def mutate(r, text, noise=NOISE):
    for _ in range(r.randint(1, 3)):
        at = r.randint(0, len(text))
        text = text[:at] + (r.choice(noise) if r.random() < .7 else "") + text[at + r.randint(0, 2):]
    return text


def number(r):
    kind = r.random()
    if kind < .75:
        return str(r.randint(0, 3))
    if kind < .88:
        return str(r.randint(0, 30))
    if kind < .94:
        return "0" * r.randint(1, 3) + str(r.randint(0, 20))
    if kind < .99:
        return str(r.randint(2**31 - 2, 2**31 + 1) * r.choice([1, 2, 4, 2**32, 2**33]))
    if r.random() < .1:
        return r.choice(["١", "３", "²", "1_0"])
    return r.choice(["9", "19", "0"]) * r.choice([5, 19, 20, 40, 300])


def release(r, most=4):
    return ".".join(number(r) for _ in range(r.randint(1, most)))


def separator(r):
    return r.choice(["", "", "", ".", "-", "_"])


def tagged(r, words):
    return separator(r) + case(r, r.choice(words)) + separator(r) + (number(r) if r.random() < .8 else "")


def public(r):
    text = (number(r) + "!" if r.random() < .08 else "") + release(r)
    if r.random() < .3:
        text += tagged(r, ["a", "b", "rc", "alpha", "beta", "c", "pre", "preview"])
    if r.random() < .25:
        text += "-" + number(r) if r.random() < .2 else tagged(r, ["post", "rev", "r"])
    if r.random() < .2:
        text += tagged(r, ["dev"])
    return text


def local(r):
    return "+" + "".join((r.choice(".-_") if i else "") + r.choice([number(r), case(r, r.choice(["abc", "a1", "1a", "ubuntu", "g0f", "z"]))])
                         for i in range(r.randint(1, 3)))


def version(r, odd=True):
    text = public(r) + (local(r) if r.random() < .15 else "")
    if odd and r.random() < .15:
        text = spaces(r, .5) + r.choice(["", "v", "V"]) + text + spaces(r, .5)
    return mutate(r, text) if odd and r.random() < .1 else text


def near(r, text):
    """A version that is likely to lie on a border of what a specifier with `text` takes."""
    kind = r.randint(0, 11)
    if kind == 0:
        return text
    if kind == 1:
        return text + r.choice([".0", ".0.0", ".1", ".dev0", ".dev1", "a0", "a1", "rc1", ".post0", ".post1", ".post1.dev0", "a1.dev1"])
    if kind == 2:
        return text.split("+")[0] + local(r)
    if kind == 3:
        return text + r.choice([".dev", ".post", "a"]) + number(r)
    if kind in (4, 5):
        digits = [i for i, c in enumerate(text) if c.isascii() and c.isdigit()]
        if digits:
            at = r.choice(digits)
            return text[:at] + str(r.randint(0, 9)) + text[at + 1:]
    if kind == 6:
        return text.split(".")[0]
    if kind == 7:
        return text.rsplit(".", 1)[0]
    if kind == 8:
        return text.lower().split("a")[0].split("d")[0].rstrip(".") or "1"
    if kind == 9:
        return case(r, text.swapcase() if text.isascii() else text)
    return version(r)


def specifier(r):
    operator = r.choice(OPERATORS)
    if operator == "===":
        text = r.choice([version(r, False), version(r, False), r.choice(["foobar", "", "1.0.*", "x;y", "a)b", "é", "1.0 2"])])
    elif operator in ("==", "!=") and r.random() < .4:
        text = (number(r) + "!" if r.random() < .1 else "") + release(r) + ".*"
    elif operator in ("==", "!="):
        text = version(r, False)
    else:
        text = public(r) + (local(r) if r.random() < .03 else "")
    if operator == "~=" and "." not in text:
        text += "." + number(r)
    text = r.choice(["", "", "", "", "v", "V"]) + text
    whole = operator + spaces(r, .12) + text
    return mutate(r, whole) if r.random() < .05 else whole


def specifier_set(r):
    return ",".join(spaces(r, .08) + (specifier(r) if r.random() < .97 else "") + spaces(r, .08) for _ in range(r.choice([0, 1, 1, 1, 1, 2, 2, 3, 4])))


def blanks(r, least=0):
    return "".join(r.choice("  \t") for _ in range(r.choice([least, least, 1, 1, 1, 2]))) if r.random() < .99 else r.choice(["\n", "\xa0"])


ESCAPES = ["\\n", "\\\\", "\\'", '\\"', "\\x41", "\\x4", "\\xzz", "\\101", "\\0", "\\1234", "\\8", "\\u0041", "\\u20ac", "\\U0001f600", "\\U00110000", "\\u12", "\\d",
           "\\x22", "\\47", "\\a", "\\b", "\\f", "\\r", "\\t", "\\v", "\\\n", "\\\r", "\\\r\n", "\\", "\n", "\\777", "\\ud800", "\\é"]


def literal(r):
    if r.random() < .01:
        return r.choice(['"\'\\x22"', "'\"\\47'"])  # both kinds of quotes: there is no way to write that down again
    kind = r.randint(0, 9)
    if kind < 3:
        text = r.choice(["3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "2.7", "3", "3.11.*", "3.11.2", "3.13.0rc1", "3.13.0rc1+local"])
    elif kind == 3:
        text = version(r)
    elif kind < 7:
        text = r.choice(["posix", "nt", "linux", "win32", "Linux", "Windows", "x86_64", "aarch64", "CPython", "PyPy", "cpython", "6.1.0-13-amd64", "10", "", "java", "#1 SMP"])
    elif kind == 7:
        text = r.choice(["Foo_bar", "foo.bar", "foo", "foo-bar", "FOO--BAR", "-x", "test", ""])
    elif kind == 8:
        text = r.choice(VARIABLES + ["3.10 3.11", "3.10, 3.11", "linux win32", "=3.11", "= 3.11", "foo-bar,test"])
    else:
        text = "".join(r.choice([r.choice("ab .é"), r.choice(ESCAPES)]) for _ in range(r.randint(0, 4)))
    if r.random() < .05:
        text = mutate(r, text)
    return r.choice(["'%s'", '"%s"']) % text


def operand(r):
    kind = r.random()
    if r.random() < .003:
        return r.choice(VARIABLES) + r.choice(["_", "x", "1", "é", "-"])
    if kind < .46:
        return r.choice(VARIABLES)
    if kind < .5:
        return r.choice(OLD_VARIABLES)
    return literal(r)


def comparison(r):
    left, right = operand(r), operand(r)
    if r.random() < .85 and (left[0] in "'\"") == (right[0] in "'\""):
        left, right = r.choice([(r.choice(VARIABLES), literal(r)), (literal(r), r.choice(VARIABLES))])
    operator = r.choice(OPERATORS + ["==", ">=", "<", "in", "not in", "not  in"])
    if operator[0] in "in":
        return left + blanks(r, 1) + operator + blanks(r, 1) + right
    return left + blanks(r) + operator + blanks(r) + right


def marker_part(r, depth=0):
    parts = []
    for i in range(r.choice([1, 1, 1, 1, 2, 2, 3, 4] if depth < 3 else [1])):
        if i:
            parts.append(blanks(r, 1) + r.choice(["and", "or"]) + blanks(r, 1))
        parts.append("(" + blanks(r) + marker_part(r, depth + 1) + blanks(r) + ")" if r.random() < .2 and depth < 4 else comparison(r))
    return "".join(parts)


def odd_marker(r):
    """What lockstep refuses by rules of its own, and what is near to that."""
    if r.random() < .4:
        return 'os_name == "' + r.choice(["", "a", "\\\\"]) + '\\N{BULLET}"'
    depth = r.choice([60, 600])
    return "(" * depth + comparison(r) + ")" * r.choice([depth, depth, depth - 1, depth + 1])


def marker(r):
    text = marker_part(r)
    if r.random() < .1:
        text = blanks(r) + text + blanks(r)
    return mutate(r, text) if r.random() < .08 else text


def name(r):
    text = "".join(r.choice(["a", "b", "Z", "0", "foo", "Bar", "-", ".", "_", "--", "._"]) for _ in range(r.randint(1, 5)))
    return mutate(r, text) if r.random() < .1 else text


def good_name(r):
    return r.choice(["foo", "A", "zope.interface", "Foo_Bar", "x-y", "b2", "foo_", "a.-"])


def requirement(r):
    text = blanks(r) + (good_name(r) if r.random() < .9 else name(r)) + blanks(r)
    if r.random() < .25:
        text += "[" + blanks(r) + (blanks(r) + "," + blanks(r)).join(good_name(r) for _ in range(r.randint(0, 3))) + blanks(r) + "]" + blanks(r)
    kind = r.random()
    if kind < .12:
        text += "@" + blanks(r) + r.choice(["https://x.invalid/a-1.0.whl", "file:///a;b", "git+ssh://u@h/p@v1#egg=x", "a", "é\n"]) + blanks(r, 1)
    elif kind < .8:
        inside = (blanks(r) + "," + blanks(r)).join(specifier(r) for _ in range(r.choice([1, 1, 1, 2, 3, 0]))) + ("," if r.random() < .05 else "")
        text += "(" + blanks(r) + inside + blanks(r) + ")" if r.random() < .25 else inside
    text += blanks(r)
    if r.random() < .4:
        text += ";" + blanks(r) + marker_part(r, 2) + blanks(r)
    return mutate(r, text) if r.random() < .1 else text


WHEEL_NOISE = [c for c in NOISE if c.isascii() or c == "€"] + ["-", "-", "_", "__", ".whl", "py3"]


def tag_set(r, choices):
    return ".".join(r.choice(choices) if r.random() < .997 else "" for _ in range(r.choice([1, 1, 1, 2, 3])))


def wheel(r):
    python = tag_set(r, ["py2", "py3", "cp311", "cp310", "cp38", "cp313", "cp314", "py311", "CP39", "pp310", "pp311", "pp3", "3py", "_x"])
    abi = tag_set(r, ["none", "none", "abi3", "cp311", "cp39", "cp38m", "cp313t", "cp314", "abi3t", "pypy310_pp73", "pypy311_pp73"])
    machine = r.choice(MACHINES)
    platform = tag_set(r, ["any", "any", "linux_", "manylinux_2_17_", "manylinux2014_", "manylinux2010_", "manylinux1_", "manylinux_2_28_", "musllinux_1_1_",
                           "musllinux_1_2_", "win_amd64", "macosx_11_0_arm64", "Linux_X86_64", "manylinux_3_0_"])
    platform = ".".join(p + machine if p.endswith("_") else p for p in platform.split("."))
    if r.random() < .004:
        python, platform = ".".join(f"p{i}" for i in range(r.choice([1, 32, 33, 1024, 1025]))), ".".join(f"q{i}" for i in range(r.choice([1, 32, 1100])))
    build = r.choice(["1-", "01abc-", "x-", "2_3-", "9" * 30 + "-", "-"]) if r.random() < .15 else ""
    text = r.choice(["foo", "Foo_Bar", "zope.interface", "a__b", "_x", "x_", "ns.a_b"]) + "-" + version(r, r.random() < .2) + "-" + build
    text += python + "-" + abi + "-" + platform + (".whl" if r.random() < .98 else r.choice(["", ".WHL", ".zip"]))
    return mutate(r, text, WHEEL_NOISE) if r.random() < .12 else text


MACHINES = ["x86_64", "x86_64", "x86_64", "aarch64", "aarch64", "i686", "armv7l", "armv8l", "ppc64", "ppc64le", "s390x", "riscv64", "loongarch64", "mips", "armv6l"]


def platform(r):
    libc = r.choice(["glibc", "glibc", "glibc", "musl", "musl", ""])
    libc_version = f"2.{r.randint(0, 45)}" if libc == "glibc" else f"1.{r.randint(0, 5)}"
    if libc == "glibc" and r.random() < .1:
        libc_version = f"{r.randint(1, 4)}.{r.randint(0, 60)}"
    if r.random() < .25:
        libc_version = r.choice(["", "", "x", "2.100", "100.2", "2", "2.36-9+deb12u1", "1.2.5", "2.-1", "+2.3", " 2.3", "2.", "2,3"])
    python = f"3.{r.randint(0, 15)}" if r.random() < .9 else r.choice(["2.7", "2.6", "4.0", "4.1"])
    if python[:2] == "3." and int(python[2:]) >= 13 and r.random() < .3:
        python += "t"
    return [python, r.choice(["cpython"] * 7 + ["pypy", "pypy", "graalpy"]), r.choice(MACHINES), libc, libc_version]


FIELDS = ["Summary", "Description", "Description-Content-Type", "Author", "Author-email", "Maintainer", "License", "License-Expression", "License-File", "Classifier",
          "Keywords", "Home-page", "Project-URL", "Platform", "Requires", "Provides", "Obsoletes", "Requires-External", "Provides-Dist", "Obsoletes-Dist", "Dynamic",
          "Import-Name", "Import-Namespace", "Download-URL", "Supported-Platform", "X", "Namee", "Nam", "Requires-Dis"]


def metadata(r):
    end = r.choice(["\n", "\n", "\n", "\r\n", "\r"])
    lines = []

    def header(word, value):
        value = r.choice(["", " ", " ", " ", "  ", "\t"]) + value
        for _ in range(r.choice([0] * 18 + [1, 2])):
            at = r.randint(0, len(value))
            value = value[:at] + end + r.choice([" ", "\t", "        ", "       |", " \t"]) + value[at:]
        if r.random() < .01:
            at = r.randint(0, len(value))
            value = value[:at] + r.choice(["\0", "\udcff", "\udcc3", "\udcc0\udc80", "\udced\udca0\udc80", "\x0c", "\x85", "é"]) + value[at:]
        lines.append((case(r, word) if r.random() < .2 else word) + ":" + value)

    for word, make in (("Metadata-Version", lambda r: r.choice(["1.0", "1.1", "1.2", "2.0", "2.1", "2.1", "2.2", "2.3", "2.4", "2.5", "2.6", "3.0", "x", ""])), ("Name", good_name), ("Version", lambda r: version(r, r.random() < .1))):
        for _ in range(r.choice([0] + [1] * 30 + [2])):
            header(word, make(r))
    for _ in range(r.randint(0, 5)):
        word, make = r.choice([("Requires-Dist", requirement), ("Requires-Dist", requirement), ("Provides-Extra", good_name), ("Requires-Python", specifier_set),
                               ("Dynamic", lambda r: r.choice(["Requires-Dist", "Version", "Name", "Summary"])), (r.choice(FIELDS), name), (r.choice(FIELDS), marker),
                                ("Author", lambda r: "é \xa0")])
        header(word, make(r).replace("\n", " ").replace("\r", " "))
    if r.random() < .3:
        r.shuffle(lines)
    if r.random() < .1:
        lines.insert(r.randint(0, len(lines)), r.choice(["From me", ":empty", "  folded", "no header", "a b: c", "", "é: x", "a\x7f: b", "a\x7fb", "a~: b", "\udcff: x", "Name\0: x", ": : ", "\ufeff", "--x", "Name", " "]))
    text = end.join(lines) + end
    if r.random() < .5:
        text += end + "Name: body" + end + "Requires-Dist: none" + end
    return mutate(r, text) if r.random() < .1 else text
