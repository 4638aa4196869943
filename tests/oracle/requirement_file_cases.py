"""Generators of requirement files: lines of every form and option, continuations, comments, quotes, variables, encodings, and files that name others."""
import python_cases as make

VARIABLES = {"A": "value", "B_1": "two words", "EMPTY": "", "LOOP": "${A}${B_1}", "Q": "it's", "C": "# no comment", "OPT": "--pre", "NL": "a\n--pre", "BS": "x\\", "_": "u", "0": "zero",
             "SP": " lead", "E": "é"}
SPACES = [" ", " ", " ", "  ", "\t", "\u00a0", "\u3000"]
ENDS = ["\n"] * 12 + ["\r\n", "\r", "\v", "\f", "\x1c", "\x1e", "\x85", "\u2028", "\u2029"]
NAMES = ["a", "numpy", "Foo.Bar", "x_y", "zope-interface"]
FILES = ["b.txt", "sub/c.txt", "../d.txt", "./b.txt", "sub/../b.txt", "/abs/e.txt", "//abs/e.txt", "///abs/e.txt", "missing.txt", "sub//c.txt", "..", "", "http://h/p/r.txt", "https://h/p/s.txt",
         "HTTP://h/p/t.txt", "file:///abs/e.txt", "s.txt", "../q/u.txt", "a b.txt", "a.txt", "../../../x.txt", "y.txt", "é.txt", "${A}.txt", "?x", "//i/z.txt", "http://["]
FEATURES = ["fast-deps", "inprocess-build-deps", "venv-isolation", "truststore", "no-binary-enable-wheel-cache", "build-constraint", "2020-resolver", "", "FAST-DEPS"]
PLACES = ["https://h/x-1.0-py3-none-any.whl", "git+https://u:p@h/x.git@main#egg=x&subdirectory=y", "./x", "file:///x#egg=x", "x[a,b]", "hg+http://h/x", ".", "../y[z]", "x @ https://h/x.zip#sha256=0"]
URLS = ["https://h/simple", "https://${A}:${B_1}@h/simple", "http://h", "", "x", "file:///x y", "--pre"]
HASHES = ["sha256:" + "a" * 64, "sha256:b", "sha384:c", "sha512:d", "md5:e", "sha256", "sha256:", ":", "SHA256:x", "sha512:f:g", "sha256=x"]
SETTINGS = ["a=b", "a=c", "x=", "=y", "novalue", "a=b=c", "--global-option=x", "é=ü"]
LISTS = [":all:", ":none:", "a", "Foo.Bar", "a,b", ":all:,:none:", ":none:,:all:", ":all:,:none:,x", "a,:all:,b", ":all:,:none:,x,:all:,:none:,y", "", "a,,b", "x,:none:,y", "-a", "numpy,a", ":ALL:", "a,:none:",
         ":all:,x", "x_y,X-Y", ":all:,x,y", ":all:,x,:none:,y"]
WITH_VALUE = {"--index-url": URLS, "-i": URLS, "--pypi-url": URLS, "--extra-index-url": URLS, "-c": FILES, "--constraint": FILES, "-r": FILES, "--requirement": FILES, "-e": PLACES, "--editable": PLACES,
              "-f": URLS + ["links"], "--find-links": URLS + ["links"], "--no-binary": LISTS, "--only-binary": LISTS, "--all-releases": LISTS, "--only-final": LISTS, "--trusted-host": ["h", "h:80", ""],
              "--use-feature": FEATURES, "--hash": HASHES, "--config-settings": SETTINGS, "-C": SETTINGS}
WITHOUT = ["--no-index", "--prefer-binary", "--require-hashes", "--no-require-hashes", "--pre"]
UNKNOWN = ["--unknown", "-x", "-h", "--help", "--global-option=x", "--install-option=x", "--", "-", "--=x", "--no", "--require", "--pr", "--con", "-é", "--no-index=1", "--process-dependency-links",
           "--src=x", "-t"]


def quoted(r, text):
    kind = r.random()
    if kind < .6:
        return text
    if kind < .75:
        return '"' + text.replace('"', '\\"') + '"'
    if kind < .9:
        return "'" + text + "'"
    return r.choice(["\\" + text, '"' + text, "'" + text, text + "\\", text[:1] + '"' + text[1:] + '"', '"a\\b\\\\c\\"d"' + text, "'a\\'" + text, '""' + text, "''"])


def option(r, names=None):
    kind = r.random()
    if kind < .12 and not names:
        return r.choice(WITHOUT)
    if kind < .15:
        return r.choice(UNKNOWN)
    name = r.choice(names or list(WITH_VALUE))
    values = WITH_VALUE[name]
    value = quoted(r, r.choice(values[:max(2, len(values) * 2 // 3)] if r.random() < .85 else values))
    if name.startswith("--"):
        if r.random() < .12:
            name = name[:r.randint(4, len(name))]
        return name + (r.choice(["=", "=", " ", "  ", "\t"]) + value if r.random() < .98 else "")
    return name + r.choice([" ", " ", "", "=", "  "]) + value if r.random() < .98 else name


def requirement(r):
    kind = r.random()
    if kind < .55:
        return r.choice(NAMES) + r.choice(["", "==1.0", ">=1,<2", "[a]~=1.0", " ; python_version < '3'", "; extra == \"x\"", " @ https://h/x.whl", "==${A}", "===1 --x", "==1.0#egg", "==1 #c", "==1\t# c"])
    if kind < .7:
        return make.requirement(r)
    return r.choice(PLACES)


def line(r, files):
    kind = r.random()
    if kind < .4:
        text = requirement(r)
        for _ in range(r.choice([0, 0, 0, 1, 1, 2, 3])):
            text += r.choice([" ", " ", " ", "  ", " \\\n    ", "\t", " \\\r\n"]) + option(r, ["--hash", "--hash", "--config-settings", "-C"] if r.random() < .9 else None)
    elif kind < .5:
        text = r.choice(["-e ", "--editable=", "-e", "--editable "]) + quoted(r, r.choice(PLACES)) + (" " + option(r, ["-C"]) if r.random() < .2 else "")
    elif kind < .62 and files:
        text = r.choice(["-r ", "-c ", "--requirement ", "--constraint=", "-r", "--req="]) + quoted(r, r.choice(files) if r.random() < .9 else r.choice(FILES))
    elif kind < .7:
        text = " ".join(r.choice(["--no-binary=", "--only-binary=", "--no-binary ", "--all-releases=", "--only-final="]) + r.choice([v for v in LISTS if v[:1] not in ("", "-")]) for _ in range(r.randint(1, 4)))
    elif kind < .85:
        text = r.choice([" ", "  "]).join(option(r) for _ in range(r.choice([1, 1, 1, 2, 3])))
    elif kind < .93:
        text = r.choice(["", "# comment", " # c \\", "#-r b.txt", "#c\\", "\\", "\\\\", "   ", "x\\", "${A}", "${SP}", "${OPT}", "${C}", "${NL}", "${LOOP} ${A}", "${EMPTY}x", "${nope}", "${NOPE}", "-e \"${BS}", "$A", "${A", "${BS}",
                         "${_}${0}", "${${A}}", "${}", "\\x\\"])
    else:
        text = "".join(r.choice(list("ab-='\"\\# \t${}A_:;[]@/é\n\r") + ["--hash=", " -r ", "${A}", "\\\n", " #"]) for _ in range(r.randint(1, 14)))
    if r.random() < .1:
        text += r.choice([" # c", "#c", "\t#", " #", "\u00a0# c", " # c \\", "\\"])
    if r.random() < .08:
        at = r.randint(0, len(text))
        text = text[:at] + r.choice(["\\\n", "\\\r\n", "\\\\\n", " \\\n # c\n", "\\\n\\\n", "${B_1}", "${E}"]) + text[at:]
    if r.random() < .05:
        text = r.choice(SPACES) + text + r.choice(SPACES)
    return text


def text(r, files):
    return "".join(line(r, files) + r.choice(ENDS if r.random() < .3 else ["\n"]) for _ in range(r.choice([0, 1, 1, 2, 3, 4, 6]))) + (line(r, files) if r.random() < .3 else "")


CODINGS = ["utf-8", "UTF8", "latin-1", "Latin_1", "iso-8859-15", "cp1252", "windows-1251", "koi8-r", "ascii", "us-ascii", "iso8859-1", "utf-16", "utf-16-le", "UTF_16BE", "utf-32", "utf_32_le", "cp437",
           "gb2312", "cp949", "866", "l9", "utf.8", "iso.8859.15", "utf-8-sig", "nope", "rot13", "utf--8", "-latin-1-", "8859", "646", "utf_32_be", "cp1250", "iso-8859-7", "hebrew", "koi8_u"]


def encoded(r, content):
    """The content as bytes in some encoding that it says, or not."""
    kind = r.random()
    if kind < .75:
        return content.encode()
    if kind < .85:
        mark, codec = r.choice([(b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"), (b"\xff\xfe\0\0", "utf-32-le"), (b"\0\0\xfe\xff", "utf-32-be"),
                                (b"\xff\xfe\xff\xfe", "utf-16-le"), (b"\xff\xfe\xfe\xff", "utf-16-be"), (b"\xfe\xff\xfe\xff", "utf-16-be"), (b"\xef\xbb\xbf\xef\xbb\xbf", "utf-8")])
        content = r.choice(["", "", "😀"]) + content
        data = mark + content.encode(codec)
        return data[:-1] if r.random() < .05 else data + r.choice([b"", b"", b"", b"\x00\xd8", b"\xd8\x00", b"\xff"]) if r.random() < .1 else data
    name = r.choice(CODINGS)
    head = r.choice(["# -*- coding: %s -*-\n", "#coding=%s\n", "# vim: set fileencoding=%s :\n", "# first\n# coding: %s\n", "\n#coding:%s\n", "# a\n# b\n# coding: %s\n", " # coding: %s\n", "# coding:  \t%s",
                     "x # coding: %s\n", "# coding %s\n", "# coding: \n# coding: %s\n", "#coding:#coding:%s\n", "# coding=%s\r# coding=utf-8\n"]) % name
    try:
        codec = "".encode(name) and name or name
        if r.random() < .8 and name.lower().replace("_", "-")[:5] not in ("utf-1", "utf-3"):
            return (head + content + r.choice(["", "é", "ж", "한"])).encode(codec)
    except (LookupError, UnicodeEncodeError):
        pass
    return head.encode() + bytes(r.choice([0x23, 0xe9, 0x41, 0x81, 0xc3, 0xa9, 0xff, 0xa4, 0x20]) for _ in range(r.randint(0, 4))) + r.choice([b"", b"\n"]) + r.choice([b"", content.encode()])
