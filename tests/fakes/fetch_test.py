#!/usr/bin/env python3
"""Fetching from an index that works, and from one that does not: each fault by itself, what is said about it, and what is left behind."""
import os, re, socket, sys, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cases, index as fake
from fetching import Bench

ONE = {"packages": {"alpha": {"1.0": {"padding": 600000}}}}
SOME = {"packages": {f"p{i}": {"1.0": {"padding": 1000 * i}} for i in range(1, 31)}}
SMALL = {"packages": {"alpha": {"1.0": {"padding": 2000}}}}


def good(bench, out_matches=None, **env):
    code, out, err = bench.run(**env)
    assert code == 0, f"exit {code}\n{out[:500]}{err[:1500]}"
    files = {f.sha256: f.content for n in bench.index.packages("default") for f in bench.index.files("default", n) if f.name.endswith(".whl")}
    assert bench.stored() == files, "the store does not hold exactly the lock"
    assert bench.partials() == {}, bench.partials()
    if out_matches:
        assert re.search(out_matches, out), out
    return out, err


def bad(bench, *texts, **env):
    code, out, err = bench.run(**env)
    assert code == 1 and out == "", f"exit {code}\n{out[:500]}{err[:1500]}"
    for text in texts:
        assert re.search(text, err), f"not said: {text}\n{err}"
    assert bench.stored() == {}, "something got into the store"
    return err


def case_all_and_again():
    with Bench(SOME) as b:
        good(b, "^30 files, 0 from the store, 30 fetched")
        seen = len(b.index.log)
        good(b, "^30 files, 30 from the store, 0 fetched, 0 of")
        assert len(b.index.log) == seen, "asked the index again"


def case_html_index():
    with Bench({**SOME, "format": "html"}) as b:
        good(b)


def case_page_without_hashes():
    with Bench({**SMALL, "hashes": False}) as b:
        good(b)
    with Bench({**SMALL, "hashes": False, "format": "html"}) as b:
        good(b)


def case_known_address_needs_no_page():
    with Bench(SMALL) as b:
        b.write_urls({b.file("alpha").sha256: b.url("alpha")})
        good(b)
        assert b.requests("/simple/") == []


def case_dead_address_falls_back_to_the_page():
    with Bench(SMALL) as b:
        b.write_urls({b.file("alpha").sha256: b.index.address + "/files/default/alpha/gone.whl"})
        good(b)
        assert b.requests("/simple/")


def case_broken_addresses_are_no_matter():
    with Bench(SMALL) as b:
        with open(b.work + "/.lockstep/urls.json", "w") as f:
            f.write('{"a": ')
        good(b)


def case_cut_is_gone_on_with():
    with Bench(ONE) as b:
        b.index.add_fault("/files/", "cut", times=2, after=200000)
        good(b)
        ranges = [r["range"] for r in b.requests()]
        assert ranges == [None, "bytes=200000-", "bytes=400000-"], ranges


def case_cut_again_and_again_still_ends():
    with Bench({"packages": {"alpha": {"1.0": {"padding": 4000000}}}}) as b:
        b.index.add_fault("/files/", "cut", times=12, after=300000)
        good(b)


def case_cut_for_ever():
    with Bench(ONE) as b:
        b.index.add_fault("/files/", "cut", after=10)
        bad(b, "alpha-1.0-py3-none-any.whl, of alpha 1.0 from index 'default': .*tried 3 times", "run the same command again")
        assert list(b.partials().values()) == [30], b.partials()


def case_ranges_not_understood():
    with Bench(ONE) as b:
        b.index.add_fault("/files/", "cut", times=1, after=1000)
        b.index.add_fault("/files/", "no_range", times=1)
        good(b)
        assert [r["range"] for r in b.requests()][0] is None and len(b.requests()) == 2


def case_another_range_than_asked_for():
    with Bench(ONE) as b:
        b.index.add_fault("/files/", "cut", times=1, after=1000)
        b.index.add_fault("/files/", "wrong_range", times=1, by=7)
        good(b)


def case_range_beyond_the_end():
    with Bench(ONE) as b:
        b.index.add_fault("/files/", "cut", times=1, after=1000)
        b.index.add_fault("/files/", "status", times=1, status=416)
        good(b)


def case_wrong_byte_once():
    with Bench(ONE) as b:
        b.index.add_fault("/files/", "wrong_byte", times=1, at=300000)
        good(b)


def case_wrong_byte_in_the_piece_that_was_there():
    with Bench(ONE) as b:
        os.makedirs(b.work + "/cache/files/partial")
        with open(b.work + "/cache/files/partial/" + b.file("alpha").sha256, "wb") as f:
            f.write(b"\0" * 1000)
        good(b)
        assert [r["range"] for r in b.requests()] == ["bytes=1000-", None]


def case_whole_piece_that_was_there():
    with Bench(ONE) as b:
        os.makedirs(b.work + "/cache/files/partial")
        with open(b.work + "/cache/files/partial/" + b.file("alpha").sha256, "wb") as f:
            f.write(b.file("alpha").content)
        good(b)
        assert b.requests() == []


def case_too_long_piece_that_was_there():
    with Bench(SMALL) as b:
        os.makedirs(b.work + "/cache/files/partial")
        with open(b.work + "/cache/files/partial/" + b.file("alpha").sha256, "wb") as f:
            f.write(b.file("alpha").content + b"more")
        good(b)


def case_truncated_file_in_the_store():
    with Bench(SMALL) as b:
        good(b)
        path = f"{b.work}/cache/files/sha256/{b.file('alpha').sha256[:2]}/{b.file('alpha').sha256}"
        os.chmod(path, 0o644)
        os.truncate(path, 10)
        good(b, "1 fetched")


def case_wrong_byte_always():
    with Bench(ONE) as b:
        b.index.add_fault("/files/", "wrong_byte", at=300000)
        err = bad(b, r"its sha256 is [0-9a-f]{64}, locked is " + b.file("alpha").sha256, "fetched twice", "other bytes than those that were locked")
        assert len(b.requests()) == 2 and b.partials() == {}, err


def case_sizes_that_cannot_be():
    for kind, options, said in (("long", {"by": 5}, "offered"), ("short", {"by": 5}, "offered"), ("chunked", {"extra": 9}, "more than the")):
        with Bench(SMALL) as b:
            b.index.add_fault("/files/", kind, **options)
            bad(b, said)
            assert len(b.requests()) == 2


def case_content_length_too_large():
    # The promise itself shows that it is another file; nothing is downloaded for it.
    with Bench(SMALL) as b:
        b.index.add_fault("/files/", "wrong_length", times=1, by=50)
        good(b)


def case_short_body_without_a_length():
    with Bench(ONE) as b:
        b.index.add_fault("/files/", "chunked", times=1, after=100000)
        good(b)
        assert [r["range"] for r in b.requests()] == [None, "bytes=100000-"]


def case_encoding_nobody_asked_for():
    with Bench(SMALL) as b:
        b.index.add_fault("/files/", "encoded")
        bad(b, "Content-Encoding gzip")


def case_500_then_well():
    for code in (408, 425, 500, 502, 503, 504):
        with Bench(SMALL) as b:
            b.index.add_fault("/files/", "status", times=2, status=code)
            b.index.add_fault("/simple/", "status", times=2, status=code)
            good(b)


def case_503_for_ever():
    with Bench(SMALL) as b:
        b.index.add_fault("/files/", "status", status=503)
        bad(b, "answered 503 Service Unavailable; tried 3 times", "run the same command again")
        assert len(b.requests()) == 3


def case_429_with_retry_after():
    with Bench(SMALL) as b:
        b.index.add_fault("/files/", "status", times=1, status=429, headers={"Retry-After": "1"})
        began = time.monotonic()
        good(b)
        assert time.monotonic() - began >= 1.0


def case_401():
    with Bench({**SMALL, "auth": "me:secret"}) as b:
        bad(b, "401 Unauthorized; put the index's user and password")
        assert len(b.requests("/")) == 1, b.requests("/")


def case_credentials_in_the_address():
    with Bench({**SMALL, "auth": "me:s@cr t"}) as b:
        _, err = good(b, UV_DEFAULT_INDEX=b.index.url.replace("://", "://me:s%40cr%20t@"))
        assert "cr%20t" not in err and "s@cr" not in err


def case_credentials_are_not_printed():
    with Bench({**SMALL, "auth": "me:other"}) as b:
        err = bad(b, "401", UV_DEFAULT_INDEX=b.index.url.replace("://", "://me:Pa55word@"))
        assert "Pa55word" not in err and "me:" not in err, err


def case_credentials_of_a_named_index():
    with Bench({**SMALL, "auth": "me:secret"}) as b:
        b.write_lock(alias="my-index")
        good(b, UV_INDEX="my-index=" + b.index.url, UV_DEFAULT_INDEX=None, PIP_INDEX_URL="http://127.0.0.1:9/simple/", UV_INDEX_MY_INDEX_USERNAME="me",
             UV_INDEX_MY_INDEX_PASSWORD="secret")


def case_netrc():
    with Bench({**SMALL, "auth": "me:secret"}) as b:
        with open(b.work + "/home/.netrc", "w") as f:
            f.write("machine 127.0.0.1 login me password secret\n")
        good(b)
        with open(b.work + "/other", "w") as f:
            f.write("machine 127.0.0.1 login me password wrong\n")
    with Bench({**SMALL, "auth": "me:secret"}) as b:
        with open(b.work + "/other", "w") as f:
            f.write("machine 127.0.0.1 login me password wrong\n")
        err = bad(b, "401", NETRC=b.work + "/other")
        assert "wrong" not in err


def case_credentials_stay_with_their_host():
    with Bench(SMALL) as other, Bench({**SMALL, "auth": "me:secret"}) as b:
        b.index.add_fault("/files/", "redirect", to=other.index.address + "{path}")
        good(b, UV_DEFAULT_INDEX=b.index.url.replace("://", "://me:secret@"))
        assert [r["authorization"] for r in other.requests()] == [None], other.requests()
        assert all(r["authorization"] for r in b.requests("/")), b.requests("/")


def case_netrc_of_another_host_is_not_used_for_this_one():
    with Bench(SMALL) as b:
        with open(b.work + "/home/.netrc", "w") as f:
            f.write("machine elsewhere.example login me password secret\n")
        good(b)
        assert [r["authorization"] for r in b.requests("/")] == [None, None]


def case_redirects():
    for code in (301, 302, 303, 307, 308):
        with Bench(SMALL) as b:
            b.index.add_fault("/files/", "redirect", times=1, to="{path}", status=code)
            b.index.add_fault("/simple/", "redirect", times=1, to=b.index.url + "alpha/", status=code)
            good(b)


def case_redirect_loop():
    with Bench(SMALL) as b:
        b.index.add_fault("/files/", "redirect", to="{path}")
        bad(b, "redirected more than 10 times")
        assert len(b.requests()) == 11


def case_redirect_to_a_file():
    with Bench(SMALL) as b:
        secret = b.work + "/secret"
        with open(secret, "wb") as f:
            f.write(b.file("alpha").content)
        for to in ("file://" + secret, "ftp://127.0.0.1/x", "gopher://127.0.0.1/x"):
            b.index.faults.clear()
            b.index.add_fault("/files/", "redirect", to=to)
            bad(b, "redirects to something that is neither http nor https")


def case_page_links_that_are_no_addresses():
    with Bench(SMALL) as b:
        f = b.file("alpha")
        b.index.add_fault("/simple/", "body", text=f'<a href="file:///etc/{f.name}#sha256={f.sha256}">{f.name}</a>')
        bad(b, "has no such file")


def case_relative_links_and_base():
    with Bench(SMALL) as b:
        f = b.file("alpha")
        for page in (f'<a href="../../files/default/alpha/{f.name}#sha256={f.sha256}">x</a>', f"<A class=a HREF='/files/default/alpha/{f.name}' >x</A>",
                     f'<!-- <a href="no/{f.name}"> --><base href="/files/default/"><a data-x="a>b" href="alpha/{f.name}#md5=1&amp;sha256={f.sha256.upper()}">x</a>',
                     f'<a href="&#47;files/default/alpha/{f.name.replace("-", "%2D")}">x</a>'):
            b.index.faults.clear()
            b.index.add_fault("/simple/", "body", text=page)
            good(b)
            import shutil
            shutil.rmtree(b.work + "/cache")


def case_file_with_another_digest_on_the_page():
    with Bench(SMALL) as b:
        f = b.file("alpha")
        b.index.add_fault("/simple/", "body", text=f'<a href="/files/default/alpha/{f.name}#sha256={"0" * 64}">x</a>')
        bad(b, "has a file of this name with another digest")


def case_page_that_repeats_a_name():
    with Bench(SMALL) as b:
        f = b.file("alpha")
        b.index.add_fault("/simple/", "body", text=f'<a href="/no/{f.name}">x</a>' * 2000)
        bad(b, "no/alpha-1.0-py3-none-any.whl' answered 404")
        assert len(b.requests("/no/")) == 1


def case_pages_that_are_none():
    json_type = fake.JSON_TYPE
    for text, kind, said in (('{"files": [{"filename": "x"', json_type, "ended too early"), ("[1, 2]", json_type, "not what a package index gives"),
                             ('{"files": ' + "[" * 100, json_type, "not what a package index gives"), ("nothing here", "text/html", "has no such file"),
                             ("", json_type, "ended too early"), ('{"files": "\\q"}', json_type, "not what a package index gives")):
        with Bench(SMALL) as b:
            b.index.add_fault("/simple/", "body", text=text, type=kind)
            bad(b, said)


def case_endless_page():
    with Bench(SMALL) as b:
        b.index.add_fault("/simple/", "endless")
        bad(b, "larger than 64 MiB")


def case_endless_error():
    with Bench(SMALL) as b:
        b.index.add_fault("/files/", "endless", status=404)
        bad(b, "404 Not Found")


def case_endless_file():
    with Bench(SMALL) as b:
        b.index.add_fault("/files/", "endless")
        bad(b, "more than the")


def case_404_everywhere():
    with Bench(SMALL) as b:
        b.index.add_fault("/simple/", "status", status=404)
        bad(b, "index 'default' has no such file", "lockstep lock --upgrade-package")


def case_another_index_has_it():
    with Bench(SMALL) as other, Bench(SMALL) as b:
        b.index.add_fault("/", "status", status=404)
        good(b, UV_INDEX="second=" + other.index.url)


def case_unknown_alias():
    with Bench(SMALL) as b:
        b.write_lock(alias="somebody-elses")
        good(b)


def case_unreachable():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{s.getsockname()[1]}/simple/"
    with Bench(SMALL) as b:
        bad(b, r"cannot fetch 'http://127.0.0.1:\d+/simple/alpha/': .*(refused|connect)", "tried 3 times", UV_DEFAULT_INDEX=dead)
        bad(b, "Could not resolve host", UV_DEFAULT_INDEX="http://nowhere.invalid/simple/")


def case_address_that_is_none():
    with Bench(SMALL) as b:
        bad(b, "", UV_DEFAULT_INDEX="gopher://x/")


def case_mute_and_slow():
    with Bench(ONE) as b:
        b.index.add_fault("/simple/", "mute", times=1, pause=30)
        b.index.add_fault("/files/", "slow", times=1, after=100000, pause=30)
        began = time.monotonic()
        good(b, LOCKSTEP_FETCH_STALL_MS="1000")
        assert time.monotonic() - began < 25
        assert [r["range"] for r in b.requests()][-1] == "bytes=100000-"


def case_mute_for_ever():
    with Bench(SMALL) as b:
        b.index.add_fault("/files/", "mute", pause=20)
        bad(b, "no byte came for 1 s; tried 3 times", LOCKSTEP_FETCH_STALL_MS="800")


def case_slow_line_is_no_stall():
    with Bench({"packages": {"alpha": {"1.0": {"padding": 30000}}}}) as b:
        b.index.add_fault("/files/", "trickle", chunk=4000, pause=0.5)
        good(b, LOCKSTEP_FETCH_STALL_MS="2500")
        time.sleep(0.5)  # the server notes a request when it is through with it
        assert len(b.requests()) == 1


def case_dropped_connections():
    with Bench(SMALL) as b:
        b.index.add_fault("/", "drop", times=2)
        good(b)


def case_every_failure_is_told():
    with Bench(SOME) as b:
        b.index.add_fault("/files/default/p3/", "status", status=403)
        b.index.add_fault("/files/default/p7/", "wrong_byte", at=5)
        b.index.add_fault("/files/default/p9/", "cut", after=5)
        code, out, err = b.run()
        assert code == 1 and "cannot fetch 3 of 30 files" in err, err
        for text in ("p3-1.0-py3.*403 Forbidden", "p7-1.0-py3.*its sha256 is", "p9-1.0-py3.*tried 3 times"):
            assert re.search(text, err), err
        assert len(b.stored()) == 27
        b.index.faults.clear()
        good(b, "27 from the store, 3 fetched")


def case_terminal_is_not_driven():
    with Bench(SMALL) as b:
        b.index.add_fault("/files/", "redirect", to="http://127.0.0.1:1/\x1b[2Jx")
        code, out, err = b.run()
        assert code == 1 and "\x1b" not in err, err


def case_find_links():
    with Bench(SOME) as b:
        folder = b.work + "/wheels"
        os.makedirs(folder)
        for name in ("p1", "p2"):
            with open(f"{folder}/{b.file(name).name}", "wb") as f:
                f.write(b.file(name).content)
        with open(f"{folder}/{b.file('p3').name}", "wb") as f:
            f.write(b"\0" * len(b.file("p3").content))
        good(b, PIP_FIND_LINKS=f"{folder} {b.work}/nothing")
        assert not {"p1", "p2"} & {r["path"].split("/")[3] for r in b.requests()}
        assert "p3" in {r["path"].split("/")[3] for r in b.requests()}


def case_find_links_page():
    with Bench(SMALL) as b:
        f = b.file("alpha")
        b.index.add_fault("/links", "body", text=f'<a href="files/default/alpha/{f.name}">x</a>')
        b.index.add_fault("/simple/", "status", status=404)
        good(b, UV_FIND_LINKS=b.index.address + "/links.html")


def case_offline():
    with Bench(SMALL) as b:
        bad(b, "not in the store: 1 of 1 files; UV_OFFLINE keeps from fetching", "alpha-1.0-py3-none-any.whl, of alpha 1.0", UV_OFFLINE="1")
        assert b.index.log == []
        bad(b, "no-index keeps from", PIP_NO_INDEX="1")
        good(b)
        good(b, "1 from the store", UV_OFFLINE="1")


def case_broken_settings():
    with Bench(SMALL) as b:
        with open(b.work + "/pip.conf", "w") as f:
            f.write("index-url = x\n")
        bad(b, r"pip.conf' line 1: expected a section header", PIP_CONFIG_FILE=b.work + "/pip.conf")
        with open(b.work + "/uv.toml", "w") as f:
            f.write("index = [\n")
        bad(b, r"uv.toml' line \d", UV_CONFIG_FILE=b.work + "/uv.toml")
        bad(b, "cannot read the CA certificates '/no/ca.pem', which SSL_CERT_FILE names", SSL_CERT_FILE="/no/ca.pem")


if __name__ == "__main__":
    cases.run(globals())
