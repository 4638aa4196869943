#!/usr/bin/env python3
"""direct_url.json (PEP 610) beside packaging.direct_url and pip, and addresses beside urllib. LOCKSTEP_ORACLE_CASES, LOCKSTEP_ORACLE_SEED, LOCKSTEP_ORACLE_BUILD as in
beside.py."""
import json, os, re, sys, urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import beside
beside.enter_venv()

USES_NETLOC = list(urllib.parse.uses_netloc)

from packaging import direct_url as reference
from pip._internal.models.direct_url import DirectUrl, DirectUrlValidationError
from pip._internal.utils.direct_url_helpers import direct_url_as_pep440_direct_reference

# pip tells urllib of its version control systems as it is imported, which changes how "ssh:/x" is put together: there packaging without pip is followed.
urllib.parse.uses_netloc[:] = USES_NETLOC

SCHEMES = ["https", "http", "file", "git+https", "git+ssh", "ssh", "git", "svn", "HTTPS", "File", "ftp", "x", "", "1a", "hg+http", "a.b", "sip", "tel", "ws", "wais", "é"]
USERS = ["", "", "user@", "user:password@", "git@", "git:@", "${USER}@", "${USER}:${PASSWORD}@", "${USER}:secret@", "user:${PASSWORD}@", "${a-b_C}@", "${}@", "${USER@", "a@b@",
         "$USER@", "${U}:${P}x@", "é@", "@", ":@", "${U}:@", "[x]@"]
HOSTS = ["host", "host", "example.org", "h:80", "h:", "", "[::1]", "[::1]:80", "[::1", "::1]", "[1.2.3.4]", "[v1.x]", "[vF.a:b]", "[v.x]", "[v1x]", "[v1.]", "[fe80::1%eth0]", "[fe80::1%]",
         "[fe80::1%a%b]", "[::1]x", "x[::1]", "[]", "[::g]", "[1:2:3:4:5:6:7:8]", "[1:2:3:4:5:6:7:8:9]", "[::1.2.3.4]", "[::01.2.3.4]", "hé", "h\u2100", "h\uff0f", "h\u2048", "h\ufe55",
         "\u3002", "v1.x", "a b", "[::1]:", "]x[", "[a]b]", "[12345::]", "]@[::1", "[a]@v1.x", "[a]@v1.x:80", "[a]@1.2.3.4", "[a]@[::1]"]
PATHS = ["", "/", "/a", "/a/b", "/a/b/", "a", "a/b", "../x", "/../x", "./x", "x/./y", "x//y", "/x//y/..", "..", ".", "/a/b/..", "/a/.", "//", "//x", "///x/y", "a;b", "/a;b/c;d", "/;p", ";", ";x",
         "/a%20b", "/x.tar.gz", "/%41%zz%", "/é", "/a b", "/a\tb", "/a\nb", " /a", "\x01/a", "/a:b", "a:b", "/p@1/q", "/a#", "/a/b/c/../../../../d", "....", ".../..", "/a%00b", "/%ff"]
QUERIES = ["", "", "", "?", "?a=b", "?a?b", "?a/b;c", "#", "#f", "#a#b", "?q#f", "#f?q", "?#", "#egg=x&subdirectory=y", ";p?q", "?é"]


def url(r):
    kind = r.random()
    if kind < .06:
        return "".join(r.choice("abz:/?#@[];.% \t\né\u2100$%{}-_AZ09") for _ in range(r.randint(0, 12)))
    scheme = r.choice(SCHEMES[:6] if r.random() < .6 else SCHEMES)
    text = scheme + ":" if scheme or r.random() < .1 else ""
    if r.random() < .8:
        text += "//" + r.choice(USERS) + r.choice(HOSTS[:3] if r.random() < .6 else HOSTS)
    text += r.choice(PATHS) + (r.choice(PATHS) if r.random() < .2 else "") + r.choice(QUERIES)
    if r.random() < .04:
        at = r.randint(0, len(text))
        text = text[:at] + r.choice(["\n", "\r", "\t", " ", "\x1f", ":", "/", "#", "?", "[", "@"]) + text[at:]
    return text


def answer(function, *arguments):
    try:
        return {"text": function(*arguments)}
    except ValueError:
        return None


def ask_split(r):
    text = url(r)
    try:
        p = urllib.parse.urlsplit(text)
    except ValueError:
        return ["split", text], None
    return ["split", text], {"scheme": p.scheme, "netloc": p.netloc, "path": p.path, "query": p.query, "fragment": p.fragment, "again": urllib.parse.urlunsplit(p)}


def ask_join(r):
    base, link = url(r), url(r)
    if r.random() < .5:
        link = r.choice(PATHS) + r.choice(QUERIES)
    return ["join", base, link], answer(urllib.parse.urljoin, base, link)


def ask_strip(r):
    text = url(r)
    return ["strip", text], answer(reference._strip_url, text, ("git",))


def ask_file_name(r):
    text = url(r)
    # Bytes that are no UTF-8 stay bytes in lockstep, and so does an escaped NUL.
    expected = answer(lambda t: urllib.parse.unquote(urllib.parse.urlparse(t).path.rsplit("/", 1)[-1]).replace("\0", "%00"), text)
    return ["file-name", text], expected


WORDS = ["", "git", "hg", "é", "😀", "a\"b", "a\\b", "a\nb", "\u2028", "\x7f", "\x01", "abc", "0" * 40, "x" * 300, "v1.0", "a/b", "../x"]
HASHES = ["sha256=" + "a" * 64, "md5=1", "sha256:1", "=", "=x", "x=", "a=b=c", "sha512=é"]


def odd(r):
    return r.choice([None, True, False, 0, 1, 1.5, -1, "", "x", [], ["a"], {}, {"a": "b"}, {"editable": 1}, 10**15])


def pick(r, good, chance=.93):
    return good if r.random() < chance else odd(r)


def archive(r):
    d = {}
    algorithms = ["sha256", "md5", "sha512", "é", "", "blake2b"]
    if r.random() < .7:
        d["hashes"] = pick(r, {r.choice(algorithms): pick(r, r.choice(WORDS), .97) for _ in range(r.choice([0, 1, 1, 2, 3]))})
    if r.random() < .5:
        old = r.choice(HASHES)
        if isinstance(d.get("hashes"), dict) and d["hashes"] and r.random() < .7:
            key = r.choice(list(d["hashes"]))
            old = f"{key}={d['hashes'][key]}"
        d["hash"] = pick(r, old)
    return d


def shuffled(r, d):
    items = list(d.items())
    r.shuffle(items)
    return dict(items)


def document(r):
    d, kind = {}, r.choice(["vcs_info", "archive_info", "dir_info"])
    place = "file://" + r.choice(["", "", "localhost", "u:p@h"]) + r.choice(["/a/b", "/", "", "/é x"]) if kind == "dir_info" and r.random() < .8 else url(r)
    if r.random() < .98:
        d["url"] = pick(r, place, .98)
    for name in {kind} | ({r.choice(["vcs_info", "archive_info", "dir_info"])} if r.random() < .05 else set()):
        if r.random() < .02:
            continue
        if name == "vcs_info":
            d[name] = {k: pick(r, r.choice(WORDS), .97) for k in ["vcs", "commit_id", "requested_revision"] if r.random() < (.6 if k == "requested_revision" else .97)}
        elif name == "archive_info":
            d[name] = archive(r)
        else:
            d[name] = {"editable": pick(r, r.choice([True, False]))} if r.random() < .6 else {}
        if isinstance(d[name], dict):
            if r.random() < .1:
                d[name][r.choice(["unknown", "é", "editable", "vcs"])] = odd(r)
            d[name] = pick(r, shuffled(r, d[name]), .97)
    if r.random() < .4:
        d["subdirectory"] = pick(r, r.choice(WORDS))
    if r.random() < .15:
        d[r.choice(["unknown", "", "VCS_info", "vcs_info2"])] = odd(r)
    return shuffled(r, d)



def ask_direct_url(r):
    d = document(r) if r.random() < .97 else odd(r)
    text = json.dumps(d, ensure_ascii=r.random() < .5, indent=r.choice([None, 1]))
    if r.random() < .05:
        at = r.randint(0, len(text))
        text = text[:at] + r.choice(["", ",", "\"", "{", "}", "\\", "\n", "null", "\u00a0"]) + text[at + r.randint(0, 2):]
    try:
        u = DirectUrl.from_json(text)
        again = reference.DirectUrl.from_dict(json.loads(text))
        written = u.to_json()
    except Exception:
        return ["direct-url", text], None  # also where only the writing fails: an address that cannot be taken apart
    pairs = []
    json.loads(text, object_pairs_hook=lambda p: pairs.append(p))
    if any(len({k for k, _ in p}) != len(p) for p in pairs):
        return ["direct-url", text], None  # a key twice: lockstep wants none
    if re.search("[\ud800-\udfff]", json.dumps(json.loads(text), ensure_ascii=False)):
        return ["direct-url", text], None  # half a surrogate pair: no text of lockstep's
    assert again.to_dict() == u.to_dict()
    try:
        freeze = direct_url_as_pep440_direct_reference(u, "Name.x")
    except (DirectUrlValidationError, ValueError):
        # What is left of the address without its user says no folder any more; lockstep has no use for such a check here.
        freeze = None
    if freeze is None:
        return ask_direct_url(r)
    return ["direct-url", text], {"written": written, "freeze": freeze}


if __name__ == "__main__":
    sys.exit(beside.main("direct_url_oracle", [(ask_direct_url, 6), (ask_split, 2), (ask_join, 2), (ask_strip, 2), (ask_file_name, 1)]))
