#!/usr/bin/env python3
"""Pages of an index that is hostile: each is passed over where it does no harm, or ends in one clear message; nothing is asked of other schemes, written elsewhere
or printed that drives a terminal. `fetch` reads them itself, in `lock` uv does, and lockstep what uv made of them."""
import json, os, re, subprocess, sys, urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "lock")]
import cases, fetch_command_test as command, index as fake
from fetching import Bench
from fetch_test import bad, good

SMALL = {"packages": {"alpha": {"1.0": {"padding": 2000}}}}
JSON, HTML = fake.JSON_TYPE, "text/html"
NAME = "alpha-1.0-py3-none-any.whl"
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]")
# What no file name may be, around one that is.
PATHS = ["../../" + NAME, "%2e%2e%2f" + NAME, "/etc/" + NAME, "..", ".", "", "/", NAME + "\0.txt", "a\nb/" + NAME, "\x1b[2J" + NAME, "\u202e" + NAME, "C:\\" + NAME, "a" * 5000,
         "\ud800" + NAME]
SCHEMES = ["file:///etc/passwd", "javascript:alert(1)", "ftp://127.0.0.1/x/", "data:,x", "gopher://127.0.0.1/", "http:", "http://127.0.0.1:1/", "//127.0.0.1:1/", "http://[::1", "http://h:99999/",
           "http://a b/", "/no/\x00/", "http://127.0.0.1:1\r\nX: y/", "dict://127.0.0.1:1/"]
WRONG = [1, 1.5, -1, True, None, [], {}, ["x"], {"sha256": "x"}, "", "x" * 70000, [[[[]]]], {"a": {"b": {"c": []}}}]


def entry(bench, **change):
    f = bench.file("alpha")
    return {"filename": NAME, "url": bench.url("alpha"), "hashes": {"sha256": f.sha256}, "size": len(f.content), "upload-time": "2024-01-01T00:00:00Z", **change}


def page(*files, **keys):
    return json.dumps({"meta": {"api-version": "1.1"}, "name": "alpha", "versions": ["1.0"], "files": list(files), **keys})


def link(target, text=NAME):
    return f'<a href="{target}">{text}</a>\n'


def serve(bench, text, kind=JSON):
    bench.index.faults.clear()
    bench.index.add_fault("/simple/", "body", text=text, type=kind)


def empty(bench):
    """The store, for the next page."""
    subprocess.run(["rm", "-rf", bench.work + "/cache"], check=True)


def quiet(text):
    for line in text.split("\n"):
        assert not CONTROL.search(line.replace("\t", " ")), repr(line)
    return text


def taken(bench, *pages):
    """Each page, in spite of what stands on it, gives the file."""
    for text, kind in pages:
        serve(bench, text, kind)
        out, err = good(bench)
        quiet(out + err)
        empty(bench)


def refused(bench, *pages):
    for text, kind, said in pages:
        serve(bench, text, kind)
        err = quiet(bad(bench, said))
        assert err.count("error:") == 1, err
        empty(bench)


def case_of_a_newer_api():
    with Bench(SMALL) as b:
        newer = "is of version 2.0 of the simple API, and only version 1 of it can be read"
        html = '<html><head><meta name="pypi:repository-version" content="2.0"></head>' + link(b.url("alpha")) + "</html>"
        refused(b, (page(entry(b), meta={"api-version": "2.0"}), JSON, newer), (html, HTML, newer))
        taken(b, (page(entry(b), meta={"api-version": "1.7"}), JSON), (html.replace("2.0", "1.7"), HTML))


def case_entries_of_wrong_types():
    with Bench(SMALL) as b:
        strange = [entry(b, **{key: value}) for key in ("filename", "url", "hashes", "size", "yanked", "upload-time", "requires-python", "core-metadata") for value in WRONG
                   if not (key == "hashes" and value == {"sha256": "x"})]
        taken(b, (page(*WRONG, *(e for e in strange if e["url"] == b.url("alpha") or not isinstance(e["url"], str)), entry(b)), JSON),
              *((page(entry(b, url=value), entry(b)), JSON) for value in WRONG),
              *((page({**entry(b), "hashes": hashes}), JSON) for hashes in ("x", [], {}, None, {"sha256": 1}, {"sha256": "zz"}, {"md5": "1"})))
        refused(b, *((page(entry(b), files=files), JSON, "has no such file") for files in ({}, "x", None, 1, [], [[entry(b)]], {"files": [entry(b)]})),
                *((text, JSON, "not what a package index gives") for text in ("[]", '"x"', "1", "nul", page(entry(b))[:-1] + "]", page() + page(), "\ufeff" + page(entry(b)))))


def case_entries_that_are_not_the_file():
    with Bench(SMALL) as b:
        for name in PATHS:
            taken(b, (page(entry(b, filename=name, url="/no/such/place"), entry(b)), JSON),
                  (link("/no/" + urllib.parse.quote(name, safe="", errors="surrogatepass")) + link(b.url("alpha")), HTML))
        assert not [r for r in b.index.log if r["path"].startswith("/no")], b.index.log
        # The same name twice with other digests: the right one is found; with only wrong ones, nothing is.
        wrong = [entry(b, hashes={"sha256": f"{i:064x}"}, url=f"/no/{i}/{NAME}") for i in range(500)]
        taken(b, (page(*wrong, entry(b)), JSON), (page(entry(b), *wrong), JSON))
        refused(b, (page(*wrong), JSON, "has a file of this name with another digest"))
        assert not [r for r in b.index.log if r["path"].startswith("/no")], b.index.log


def case_links_to_other_schemes():
    with Bench(SMALL) as b:
        for scheme in SCHEMES:
            target = scheme + NAME
            taken(b, (page(entry(b, url=target), entry(b)), JSON))
            serve(b, page(entry(b, url=target)))
            err = quiet(bad(b))
            assert err.count("error:") == 1 and "root:" not in err, err


def case_base_tricks():
    with Bench(SMALL) as other, Bench({**SMALL, "auth": "me:secret"}) as b:
        with_user = {"UV_DEFAULT_INDEX": b.index.url.replace("://", "://me:secret@")}
        path = urllib.parse.urlsplit(b.url("alpha")).path
        for base in ("file:///", "javascript:alert(1)", "ftp://127.0.0.1/", "data:text/html,"):
            serve(b, f'<base href="{base}">' + link(path, NAME), HTML)
            assert quiet(bad(b, "has no such file", **with_user)).count("error:") == 1
        # Another host: it is asked, but not told who the user is. Only the first base counts.
        serve(b, f'<base href="{other.index.address}/"><base href="file:///">' + link(path.lstrip("/")), HTML)
        good(b, **with_user)
        assert [r["authorization"] for r in other.requests("/")] == [None], other.requests("/")
        assert "secret" not in open(b.work + "/lock.toml").read()


def case_wrong_content_types():
    with Bench(SMALL) as b:
        html, whole = link(b.url("alpha") + "#sha256=" + b.file("alpha").sha256), page(entry(b))
        taken(b, (whole, "application/json"), (whole, "application/vnd.pypi.simple.latest+json"), (html, "text/plain"), (html, "application/octet-stream"), (html, ""))
        refused(b, (html, JSON, "not what a package index gives"), (whole, HTML, "has no such file"), (whole, "image/png", "has no such file"))


def case_deep_and_huge():
    with Bench(SMALL) as b:
        deep = "[" * 1000000
        taken(b, ("<div>" * 200000 + link(b.url("alpha")), HTML), ("<!--" + "-" * 1000000 + "-->" + link(b.url("alpha")), HTML),
              (page({**entry(b), "x": "y" * 3000000}), JSON), (page(*([{"filename": f"alpha-0.{i}.whl", "url": "x"} for i in range(60000)] + [entry(b)])), JSON),
              ("<a href='x'" * 20 + ">" + link(b.url("alpha")), HTML))
        refused(b, ('{"files": ' + deep, JSON, "not what a package index gives"), ('{"x": ' + deep, JSON, "not what a package index gives"),
                ("<a href='" + "x" * 1000000, HTML, "not what a package index gives"))
        b.index.faults.clear()
        b.index.add_fault("/simple/", "endless", type=JSON)
        bad(b, "not what a package index gives|larger than 64 MiB")


def case_redirects_of_pages():
    with Bench(SMALL) as b:
        for to, said in (("{path}", "redirected more than 10 times"), ("file:///etc/passwd", "neither http nor https"), ("javascript:alert(1)", "neither http nor https"),
                         ("ftp://127.0.0.1/", "neither http nor https")):
            b.index.faults.clear()
            b.index.add_fault("/simple/", "redirect", to=to)
            err = quiet(bad(b, said))
            assert err.count("error:") == 1 and "root:" not in err, err


OWN = {"uv", "cache", ".local"}  # uv's own


def lock_with(project, text, kind=JSON, **fault):
    """`lockstep lock` while the page of `a` says this: done, or one message; nothing but its own files changes."""
    project.index.faults.clear()
    project.index.add_fault("/simple/a/", fault.pop("fault", "body"), text=text, type=kind, **fault)
    subprocess.run(["rm", "-rf", project.work + "/uv", project.root + "/.lockstep"], check=True)
    before = sorted(os.listdir(project.work))
    code, out, err = project.run("lock")
    quiet(out + err)
    assert code in (0, 1) and (code == 0 or "error: " in err) and "root:" not in out + err, (code, out, err)
    assert sorted(set(os.listdir(project.work)) - OWN) == sorted(set(before) - OWN), os.listdir(project.work)
    lock = project.root + "/.lockstep/lock.toml"
    if code == 0:
        locked = open(lock, encoding="utf-8").read()
        quiet(locked)
        assert not re.search(r'name = "[^"]*(/|%2[fF])[^"]*\.whl"', locked), locked
    else:
        assert not os.path.exists(lock)
    return code, err


def case_lock_of_hostile_pages():
    with command.Project() as p:
        f = p.index.files("default", "a")[0]
        right = p.index.entry("default", "a", f)
        assert lock_with(p, page(right))[0] == 0
        for name in PATHS[:3] + PATHS[7:11]:
            lock_with(p, page({**right, "filename": name}))
            assert lock_with(p, page({**right, "filename": name, "url": "/no/" + NAME}, right))[0] == 0, name
        for path in ("%2e%2e%2f", "..%2f..%2f", "%00", "%0a", "%1b%5b2J", "a%5c"):
            url = right["url"].rsplit("/", 1)
            lock_with(p, page({**right, "url": url[0] + "/" + path + url[1]}))
        for scheme in SCHEMES[:6]:
            lock_with(p, page({**right, "url": scheme + f.name}))
        for value in WRONG[:9]:
            for key in ("filename", "url", "hashes", "size", "upload-time", "core-metadata"):
                if (value in (1, None, [], {}, True)):
                    lock_with(p, page({**right, key: value}))
        # Of another package, of another version: what is locked is what was asked for, or nothing.
        lock_with(p, page({**right, "url": right["url"].replace("a-1.0", "b-1.0")}))
        for text, kind in (("[]", JSON), ('{"files": ' + "[" * 100000, JSON), (page(right), HTML), (link(right["url"]), JSON), ("", JSON), (page(files={}), JSON),
                           ('<base href="file:///">' + link("/" + f.name, f.name), HTML), (link("javascript:x/" + f.name, f.name), HTML)):
            assert lock_with(p, text, kind)[0] == 1, text[:60]
        assert lock_with(p, "", fault="redirect", to="{path}")[0] == 1
        assert lock_with(p, "", fault="redirect", to="file:///etc/passwd")[0] == 1


if __name__ == "__main__":
    cases.run(globals())
