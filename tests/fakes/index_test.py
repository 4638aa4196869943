#!/usr/bin/env python3
"""The fake index is what uv and pip take for a real one: pages in both forms, ranges, metadata, authentication, faults, the same bytes every time."""
import json, os, sys, urllib.error, urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import index

DESCRIPTION = {"packages": {"A_b": {"1.0": ["c>=1; extra == 'x'"], "2.0": {"yanked": "bad", "sdist": True, "requires_python": ">=3.9"}}},
               "indexes": {"other": {"c": {"1.0": []}}}, "auth": "me:secret"}


def get(url, expected=200, **headers):
    request = urllib.request.Request(url, headers={"Authorization": "Basic bWU6c2VjcmV0", **headers})
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
            assert answer.status == expected, answer.status
            return answer.read(), answer.headers
    except urllib.error.HTTPError as e:
        assert e.code == expected, e.code
        return e.read(), e.headers


with index.Index(DESCRIPTION) as i:
    page = json.loads(get(i.url + "a-b/", Accept=index.JSON_TYPE)[0])
    assert [f["filename"] for f in page["files"]] == ["a_b-1.0-py3-none-any.whl", "a_b-2.0-py3-none-any.whl", "a_b-2.0.tar.gz"], page
    assert page["files"][1]["yanked"] == "bad" and page["files"][1]["requires-python"] == ">=3.9"
    text = get(i.url + "a-b/")[0].decode()
    assert 'data-yanked="bad"' in text and "#sha256=" in text
    whole, headers = get(page["files"][0]["url"])
    assert len(whole) == page["files"][0]["size"]
    part, headers = get(page["files"][0]["url"], 206, Range="bytes=5-9")
    assert part == whole[5:10] and headers["Content-Range"] == f"bytes 5-9/{len(whole)}"
    get(page["files"][0]["url"], 416, Range=f"bytes={len(whole)}-")
    get(page["files"][0]["url"], 200, Range="bytes=5-", **{"If-Range": '"another"'})
    assert b"Provides-Extra: x" in get(page["files"][0]["url"] + ".metadata")[0]
    get(i.url + "nothing/", 404)
    get(i.url + "a-b/", 401, Authorization="Basic bm9ib2R5Og==")
    assert b"c-1.0" in get(i.address + "/other/simple/c/")[0]
    i.add_fault("/simple/", "status", times=2, status=503, headers={"Retry-After": "1"})
    assert get(i.url + "a-b/", 503)[1]["Retry-After"] == "1"
    get(i.url + "a-b/", 503)
    get(i.url + "a-b/", 200)
    assert len(get(i.address + "/-/log")[0].splitlines()) == len(i.log) - 1 > 8
    first = {f.name: f.sha256 for f in i.files("default", "a-b")}
with index.Index(DESCRIPTION) as i:
    assert {f.name: f.sha256 for f in i.files("default", "a-b")} == first
