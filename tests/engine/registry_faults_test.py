#!/usr/bin/env python3
"""src/registry/ with registries that fail, lie, ask for logins and send elsewhere: what passes is tried again, the rest is named, and nothing half is left."""
import base64, json, os, shutil, socket, subprocess, sys, time, urllib.parse

ROOT = os.environ["ROOT"]
sys.path.insert(0, os.path.join(ROOT, "tests/fakes"))
import cases, registries
from registries import LOOP, Proxy, loop, make, sha256

gone = registries.missing("docker-registry", "openssl")
if gone:
    print(f"there is no {gone}; 'apt-get install {gone}' mends that")
    sys.exit(77)
REAL = registries.Registry("2.8", "real")
os.makedirs("home")


def pushed(repository, *lengths):
    """An image in the real registry; its digest."""
    files = [make(f"{repository.replace('/', '-')}-{n}", length) for n, length in enumerate(lengths)]
    loop("push", REAL.host, repository, "v1", "-", *files)
    return loop("pull", REAL.host, repository, "v1", store="first-store").split()[0]


def tags(repository):
    done = subprocess.run([LOOP, "tags", REAL.host, repository], capture_output=True, text=True)
    return done.stdout.split()


def manifest(config=b"{}", layers=(), **more):
    def descriptor(content, kind):
        return {"mediaType": kind, "digest": sha256(content), "size": len(content)}
    return json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                       "config": descriptor(config, "application/vnd.oci.image.config.v1+json"),
                       "layers": [descriptor(x, "application/vnd.oci.image.layer.v1.tar+gzip") for x in layers], **more}).encode()


def serving(content, kind="application/vnd.oci.image.manifest.v1+json", blobs=(), **headers):
    """A rule: one manifest under any name, and blobs by what they say of themselves."""
    def rule(h):
        if "/manifests/sha256-" in h.path:
            h.give(404)
        elif "/manifests/" in h.path:
            h.give(200, [("Content-Type", kind), *headers.items()], content)
        else:
            digest = h.path.rsplit("/", 1)[1]
            found = dict((sha256(b), b) for b in blobs).get(digest)
            h.give(404) if found is None else h.give(200, [("Content-Type", "application/octet-stream")], found)
        return True
    return rule


# ---- what passes ----

def case_what_passes_is_tried_again():
    """Each address fails once in each way before it answers."""
    def rule(h):
        if h.count == 1:
            return h.refuse(503, Retry_After="0")
        if h.count == 2:
            return h.refuse(429, Retry_After="0")
        return h.cut() if h.count == 3 else False
    with Proxy(REAL.host, rule) as proxy:
        assert loop("push", proxy.host, "team/passes", "v1", "-", make("passes", 100_000)).startswith("sent 2 ")
        assert "received 2 " in loop("pull", proxy.host, "team/passes", "v1")


def case_a_pull_that_is_cut_goes_on():
    digest = pushed("team/cut", 3_000_000)
    asked = []

    def rule(h):
        if h.command != "GET" or "/blobs/" not in h.path:
            return False
        status, headers, content = h.fetch()
        if len(content) < 1000:
            return False
        asked.append(h.headers.get("Range"))
        if len(asked) > 3:
            return False
        h.send_response(status)
        for name, value in headers:
            if name.lower() in ("content-type", "content-range", "content-length"):
                h.send_header(name, value)
        h.end_headers()
        h.wfile.write(content[:700_000])
        h.wfile.flush()
        return h.cut()
    with Proxy(REAL.host, rule) as proxy:
        done = loop("pull", proxy.host, "team/cut", digest)
        assert done.endswith(" bytes 3000000\n"), done
    assert asked == [None, "bytes=700000-", "bytes=1400000-", "bytes=2100000-"], asked


def case_a_copy_that_is_cut_on_both_sides_goes_on():
    digest = pushed("team/copied", 5_000_000)
    cuts = {"GET": 0, "PUT": 0}

    def source(h):
        if h.command != "GET" or "/blobs/" not in h.path:
            return False
        status, headers, content = h.fetch()
        if len(content) < 1000 or cuts["GET"] >= 2:
            return False
        cuts["GET"] += 1
        h.send_response(status)
        for name, value in headers:
            if name.lower() in ("content-type", "content-range", "content-length"):
                h.send_header(name, value)
        h.end_headers()
        h.wfile.write(content[:1_000_000])
        h.wfile.flush()
        return h.cut()

    def target(h):
        if h.command != "PUT" or "/blobs/" not in h.path or int(h.headers["Content-Length"]) < 1000 or cuts["PUT"] >= 2:
            return False
        cuts["PUT"] += 1
        h.rfile.read(800_000)
        return h.cut()
    other = registries.Registry("2.8", "other")
    try:
        with Proxy(REAL.host, source) as before, Proxy(other.host, target) as behind:
            done = loop("copy", before.host, "team/copied", digest, behind.host, "team/copied")
            assert done.startswith("manifests 1 there 0; sent 2 "), done
        assert cuts == {"GET": 2, "PUT": 2}, cuts
        assert " received 2 " in loop("pull", other.host, "team/copied", digest, store="other-store")
    finally:
        other.stop()


def case_an_upload_that_is_cut_goes_on():
    """The registry gets a third of it, then its line and ours end: what it forgets of that is sent again."""
    for kind in ("2.8", "v3"):
        if registries.missing(registries.KINDS[kind]):
            continue
        real, cuts = registries.Registry(kind, f"cut-{kind}"), []

        def rule(h):
            length = int(h.headers.get("Content-Length") or 0)
            if h.command not in ("PUT", "PATCH") or length < 1000 or len(cuts) >= 3:
                return False
            cuts.append(length)
            with socket.create_connection(real.host.split(":")) as line:
                line.sendall((f"{h.command} {h.path} HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in h.headers.items()) + "\r\n").encode())
                line.sendall(h.rfile.read(length // 3))
            return h.cut()
        try:
            with Proxy(real.host, rule) as proxy:
                loop("push", proxy.host, "team/upload", "v1", "-", make(f"upload-{kind}", 3_000_000))
            assert len(cuts) == 3 and " received 2 " in loop("pull", real.host, "team/upload", "v1", store=f"upload-{kind}-store")
        finally:
            real.stop()


# ---- what does not ----

def case_refusals_are_named():
    for status, content, text in [
        (403, b'{"errors":[{"code":"DENIED","message":"not\\u001b[31m yours\\nerror: all is well"}]}', "it refuses with 403 (not\\x1b[31m yours\\x0aerror: all is well, DENIED)"),
        (507, b"", "it answers 507, it has no space left"),
        (413, b"<html>too large</html>", "it answers 413"),
        (405, b'{"errors":[{"code":"UNSUPPORTED"}]}', "it answers 405 (UNSUPPORTED)"),
    ]:
        with Proxy(REAL.host, lambda h, s=status, c=content: h.refuse(s, c) if h.command in ("POST", "PUT", "PATCH") else False) as proxy:
            loop("push", proxy.host, "team/refused", "v1", "-", make("refused", 100), fails=text)
    with Proxy(REAL.host, lambda h: h.refuse(429, Retry_After="9999")) as proxy:
        began = time.monotonic()
        loop("push", proxy.host, "team/refused", "v1", "-", make("refused", 100), fails="wants nothing more of us for 9999 s")
        assert time.monotonic() - began < 30
    assert tags("team/refused") == []


def case_a_full_disk_in_the_middle_leaves_no_tag():
    """500 for good, from the second blob on."""
    def rule(h):
        return h.refuse(500, b'{"errors":[{"code":"UNKNOWN","message":"no space left on device"}]}', Retry_After="0") if h.command == "PUT" and "/blobs/" in h.path else False
    with Proxy(REAL.host, rule) as proxy:
        loop("push", proxy.host, "team/full", "v1", "-", make("one", 1000), make("two", 1000), fails="no space left on device")
        assert not any("/manifests/" in path for command, path, _ in proxy.log if command == "PUT"), proxy.log
    assert tags("team/full") == []


def case_full_disks():
    """A real registry on a disk that is full, and our own."""
    os.makedirs("small")
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "small"], capture_output=True).returncode != 0:
        print("  no file system of our own here", flush=True)
        return
    try:
        digest, small = pushed("team/large", 3_000_000), registries.Registry("2.8", "small/registry")
        loop("push", small.host, "team/large", "v1", "-", "team-large-0", fails="answers 500")
        done = subprocess.run([LOOP, "tags", small.host, "team/large"], capture_output=True, text=True)
        small.stop()
        assert done.returncode == 1 and done.stdout == "", done
        shutil.rmtree("small/registry")
        loop("pull", REAL.host, "team/large", digest, store="small/store", fails="No space left on device")
        assert not any(os.path.getsize(os.path.join(at, n)) > 1000 for at, _, names in os.walk("small") for n in names)
    finally:
        subprocess.run(["umount", "-l", "small"])


def case_asked_who_we_are_again_and_again():
    for challenge in ('Basic realm="x"', 'Bearer realm="http://HOST/token",service="s"', "Negotiate", ""):
        def rule(h, challenge=challenge):
            if h.path.startswith("/token"):
                h.give(200, [("Content-Type", "application/json")], b'{"token": "t"}')
                return True
            return h.refuse(401, b"", WWW_Authenticate=challenge.replace("HOST", h.headers["Host"]))
        with open("home/auth.json", "w") as file:
            json.dump({"auths": {"127.0.0.1": {}}}, file)
        with Proxy(None, rule) as proxy:
            with open("home/auth.json", "w") as file:
                json.dump({"auths": {proxy.host: {"auth": base64.b64encode(b"me:secret").decode()}}}, file)
            said = loop("pull", proxy.host, "team/x", "v1", fails="401", REGISTRY_AUTH_FILE=os.path.abspath("home/auth.json"))
            assert "secret" not in said and len(proxy.log) < 10, (said, len(proxy.log))


def case_lies_about_digests():
    good = manifest()
    with Proxy(None, serving(good)) as proxy:
        loop("pull", proxy.host, "team/x", "sha256:" + "0" * 64, fails="what comes has the digest")
    with Proxy(None, serving(good, **{"Docker-Content-Digest": "sha256:" + "0" * 64})) as proxy:
        loop("pull", proxy.host, "team/x", "v1", fails="its registry says")

    def other_bytes(h):
        if "/blobs/" not in h.path:
            return serving(manifest(b"{}", [b"layer"]), blobs=[b"{}"])(h)
        h.give(200, [], b"{}" if h.path.endswith(sha256(b"{}")) else b"LAYER")
        return True
    shutil.rmtree("store", ignore_errors=True)
    with Proxy(None, other_bytes) as proxy:
        loop("pull", proxy.host, "team/x", "v1", fails="gives other bytes under this digest")
        loop("copy", proxy.host, "team/x", sha256(manifest(b"{}", [b"layer"])), REAL.host, "team/lies", fails="gives other bytes under this digest")
    assert not any("layer" in name for _, _, names in os.walk("store") for name in names)
    assert tags("team/lies") == []
    # One that says that it keeps something else.
    with Proxy(REAL.host, lambda h: h.refuse(201, Docker_Content_Digest="sha256:" + "1" * 64) if h.command == "PUT" and "/manifests/" in h.path else False) as proxy:
        loop("push", proxy.host, "team/lies", "v1", "-", make("lie", 10), fails="says that it got other bytes")
    assert tags("team/lies") == []


def case_bodies_without_end():
    def endless(h):
        if "/blobs/" in h.path:
            return stream(h)
        if "/manifests/" in h.path and h.count == 1 and "big" not in h.path:
            return serving(manifest(b"{}", [b"layer"]))(h)
        return stream(h)

    def stream(h):
        h.send_response(200)
        h.send_header("Content-Type", "application/vnd.oci.image.manifest.v1+json")
        h.end_headers()
        try:
            while True:
                h.wfile.write(b"x" * 65536)
        except OSError:
            h.close_connection = True
        return True
    with Proxy(None, endless) as proxy:
        loop("pull", proxy.host, "team/x", "big", fails="longer than any such answer")
        loop("pull", proxy.host, "team/x", "v1", fails="more than its")
        loop("tags", proxy.host, "team/x", fails="longer than any such answer")


def case_lists_that_do_not_end():
    def tags_rule(h):
        h.give(200, [("Content-Type", "application/json"), ("Link", f'<{h.path}>; rel="next"')], b'{"tags": ["a"]}')
        return True
    with Proxy(None, tags_rule) as proxy:
        loop("tags", proxy.host, "team/x", fails="the list does not end")
    with Proxy(None, lambda h: h.give(200, [("Content-Type", "application/json")], b'{"tags": ["../../etc"]}') or True) as proxy:
        loop("tags", proxy.host, "team/x", fails="is no tag")

    def elsewhere(h):
        h.give(200, [("Content-Type", "application/json"), ("Link", '<http://127.0.0.1:1/v2/other/tags/list?last=a>; rel="next"')], b'{"tags": ["a"]}')
        return True
    with Proxy(None, elsewhere) as proxy:
        assert loop("tags", proxy.host, "team/x") == "a\n"


def case_manifests_that_are_none():
    for content, kind, text in [
        (b"<html>log in</html>", "text/html", "not valid JSON"),
        (b"{}", "text/html", "'text/html', which is no image"),
        (b"{}", "application/vnd.oci.image.manifest.v1+json", "no image manifest and no index"),
        (manifest(manifests=[]), "application/vnd.oci.image.manifest.v1+json", "layers like an image and manifests like an index"),
        (manifest(), "application/vnd.oci.image.index.v1+json", "it says that it is of type"),
        (manifest().replace(b"sha256:", b"../../../x:"), "application/vnd.oci.image.manifest.v1+json", "is no digest"),
        (manifest(b"{}", [b"a"]).replace(b'"size": 1', b'"size": -1'), "application/vnd.oci.image.manifest.v1+json", "no size that can be"),
        (manifest(b"{}", [b"a"]).replace(b'"size": 1', b'"size": 9223372036854775807'), "application/vnd.oci.image.manifest.v1+json", "no size that can be"),
        (b"[" * 100000, "application/vnd.oci.image.manifest.v1+json", "not valid JSON"),
    ]:
        with Proxy(None, serving(content, kind)) as proxy:
            loop("pull", proxy.host, "team/x", "v1", fails=text)


def case_redirected_elsewhere():
    """A blob may lie elsewhere; who we are is for the registry alone, and whoever asks for it there is not told."""
    digest = pushed("team/elsewhere", 1000)
    seen = []

    def storage(h):
        seen.append(h.headers.get("Authorization"))
        if "/stolen" in h.path:
            return h.refuse(401, b"", WWW_Authenticate='Basic realm="x"')
        h.path = h.path.replace("/storage", "/v2")
        return False

    def registry(h):
        if h.headers.get("Authorization") != "Basic " + base64.b64encode(b"me:secret").decode():
            return h.refuse(401, b"", WWW_Authenticate='Basic realm="x"')
        if "/blobs/" in h.path and h.command == "GET":
            return h.refuse(307, b"", Location=f"http://{elsewhere.host}{where}" + h.path[3:])
        return False
    for where, text in (("/storage", None), ("/stolen", "it refuses with 401")):
        with Proxy(REAL.host, storage) as elsewhere, Proxy(REAL.host, registry) as proxy:
            with open("home/auth.json", "w") as file:
                json.dump({"auths": {proxy.host: {"auth": base64.b64encode(b"me:secret").decode()}}}, file)
            shutil.rmtree("store", ignore_errors=True)
            # The other host is not among those that may be spoken to without TLS.
            loop("pull", proxy.host, "team/elsewhere", digest, fails="not spoken to without TLS", REGISTRY_AUTH_FILE=os.path.abspath("home/auth.json"))
            assert not seen
            loop("pull", proxy.host, "team/elsewhere", digest, fails=text, REGISTRY_AUTH_FILE=os.path.abspath("home/auth.json"), LOCKSTEP_TEST_PLAIN=elsewhere.host)
            assert seen and set(seen) == {None}, seen
            seen.clear()
    with Proxy(None, lambda h: h.refuse(307, b"", Location=h.path)) as proxy:
        loop("pull", proxy.host, "team/x", "v1", fails="redirected more than 10 times")


def case_tokens():
    """A token server: by name and password, by an identity token, one that fails at first, and one whose tokens end."""
    secret = "Basic " + base64.b64encode(b"me:secret").decode()
    issued, used = [], {}

    def rule(h):
        if h.path.startswith("/token"):
            if h.count == 1:
                return h.refuse(503, Retry_After="0")
            body = h.rfile.read(int(h.headers.get("Content-Length") or 0)).decode()
            asked = urllib.parse.parse_qs(body or urllib.parse.urlparse(h.path).query)
            if h.headers.get("Authorization") != secret and asked.get("refresh_token") != ["again"]:
                return h.refuse(401)
            issued.append((asked["scope"], asked["service"]))
            h.give(200, [("Content-Type", "application/json")], json.dumps({"access_token": f"t{len(issued)}", "expires_in": 60}).encode())
            return True
        token = h.headers.get("Authorization", "").removeprefix("Bearer ")
        used[token] = used.get(token, 0) + 1
        if not token.startswith("t") or used[token] > 3:
            return h.refuse(401, b"", WWW_Authenticate=f'Bearer realm="http://{h.headers["Host"]}/token",service="a registry",scope="ignored"')
        return False
    for entry in ({"auth": base64.b64encode(b"me:secret").decode()}, {"identitytoken": "again"}):
        issued.clear()
        used.clear()
        with Proxy(REAL.host, rule) as proxy:
            with open("home/auth.json", "w") as file:
                json.dump({"auths": {proxy.host: entry}}, file)
            loop("push", proxy.host, "team/tokens", "v1", "-", make("token", 1000), make("token2", 1000), REGISTRY_AUTH_FILE=os.path.abspath("home/auth.json"))
        assert len(issued) > 1 and set(map(str, issued)) == {str((["repository:team/tokens:pull,push"], ["a registry"]))}, issued
    with open("home/auth.json", "w") as file:
        json.dump({"auths": {}}, file)
    with Proxy(REAL.host, rule) as proxy:
        loop("push", proxy.host, "team/tokens", "v1", "-", "token", fails="its token server answers 401; log in", REGISTRY_AUTH_FILE=os.path.abspath("home/auth.json"))


def case_credential_helpers():
    os.makedirs("bin", exist_ok=True)
    with open("bin/docker-credential-test", "w") as file:
        file.write('#!/bin/sh\nread host\necho "$host" >>"$HOME/asked"\nprintf \'{"ServerURL": "%s", "Username": "me", "Secret": "secret"}\' "$host"\n')
    os.chmod("bin/docker-credential-test", 0o755)
    secret = "Basic " + base64.b64encode(b"me:secret").decode()

    def rule(h):
        return False if h.headers.get("Authorization") == secret else h.refuse(401, b"", WWW_Authenticate='Basic realm="x"')
    with Proxy(REAL.host, rule) as proxy:
        for config in ({"credHelpers": {proxy.host: "test"}}, {"credsStore": "test"}):
            os.makedirs("home/.docker", exist_ok=True)
            with open("home/.docker/config.json", "w") as file:
                json.dump(config, file)
            loop("push", proxy.host, "team/helper", "v1", "-", make("helper", 1000), PATH=os.path.abspath("bin") + ":" + os.environ["PATH"], XDG_RUNTIME_DIR="/nowhere")
        assert set(open("home/asked").read().split()) == {proxy.host}
    shutil.rmtree("home/.docker")


def case_htpasswd_and_tls_with_a_real_registry():
    import crypt
    ca, cert, key = registries.certificate("tls")
    with open("htpasswd", "w") as file:
        file.write("me:" + crypt.crypt("secret", crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)).replace("$2b$", "$2y$", 1) + "\n")
    kind = "v3" if not registries.missing(registries.KINDS["v3"]) else "2.8"
    for version in {kind, "2.8"}:
        own = registries.Registry(version, f"own-{version}", http=f"tls: {{certificate: {cert}, key: {key}}}", auth=f"htpasswd: {{realm: x, path: {os.path.abspath('htpasswd')}}}",
                                  context=registries.client_context(ca))
        try:
            with open("home/auth.json", "w") as file:
                json.dump({"auths": {own.host: {"auth": base64.b64encode(b"me:secret").decode()}}}, file)
            env = {"REGISTRY_AUTH_FILE": os.path.abspath("home/auth.json"), "LOCKSTEP_TEST_CA": ca}
            assert loop("push", own.host, "team/own", "v1", "-", make("own", 1000), **env).startswith("sent 2 ")
            assert " received " in loop("pull", own.host, "team/own", "v1", store=f"tls-{version}", **env)
            loop("pull", own.host, "team/own", "v1", fails="certificate", REGISTRY_AUTH_FILE=env["REGISTRY_AUTH_FILE"], LOCKSTEP_TEST_CA="/etc/ssl/certs/ca-certificates.crt")
            with open("home/auth.json", "w") as file:
                json.dump({"auths": {own.host: {"auth": base64.b64encode(b"me:wrong").decode()}}}, file)
            loop("push", own.host, "team/own", "v2", "-", "own", fails="it refuses with 401", **env)
        finally:
            own.stop()


def finish():
    REAL.stop()


if __name__ == "__main__":
    cases.run(globals(), finish=finish)
