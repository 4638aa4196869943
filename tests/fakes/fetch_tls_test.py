#!/usr/bin/env python3
"""Certificates and proxies: whom lockstep trusts, what it says when it does not, and that a host named as trusted vouches for itself alone."""
import os, re, shutil, socket, ssl, subprocess, sys, threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cases
from fetching import Bench

SMALL = {"packages": {"alpha": {"1.0": {"padding": 2000}}}}

if not shutil.which("openssl"):
    print("openssl is not installed")
    sys.exit(77)


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def make_certificates():
    """ca.pem signs server.pem for localhost and 127.0.0.1, and client.pem."""
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=test authority")
    names = (("server", "subjectAltName=DNS:localhost,IP:127.0.0.1"), ("elsewhere", "subjectAltName=DNS:elsewhere.example"), ("client", "extendedKeyUsage=clientAuth"))
    for name, extension in names:
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", name + ".key", "-out", name + ".csr", "-subj", "/CN=" + name)
        with open("ext", "w") as f:
            f.write(extension + "\n")
        openssl("x509", "-req", "-in", name + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-out", name + ".crt", "-extfile", "ext")
        with open(name + ".pem", "w") as out:
            for part in (".crt", ".key"):
                with open(name + part) as f:
                    out.write(f.read())


make_certificates()
CA = os.path.abspath("ca.pem")


class Secure(Bench):
    """The same over TLS; ask for a client certificate with `client`."""

    def __init__(self, description, client=False, certificate="server.pem"):
        super().__init__(description)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        if client:
            context.load_verify_locations(CA)
            context.verify_mode = ssl.CERT_REQUIRED
        server = self.index.server
        accept = server.get_request

        def get_request():
            connection, address = accept()
            connection.settimeout(10)
            try:
                return context.wrap_socket(connection, server_side=True), address
            except (ssl.SSLError, OSError) as e:
                connection.close()
                raise ConnectionError(e)
        server.get_request = get_request
        self.index.address = self.index.address.replace("http:", "https:")
        self.index.url = self.index.address + "/simple/"
        self.env["UV_DEFAULT_INDEX"] = self.index.url


def good(bench, **env):
    code, out, err = bench.run(**env)
    assert code == 0 and len(bench.stored()) == 1, err[:1500]


def bad(bench, *texts, **env):
    code, out, err = bench.run(**env)
    assert code == 1 and bench.stored() == {}, (code, err[:1500])
    for text in texts:
        assert re.search(text, err), f"not said: {text}\n{err[:1500]}"
    return err


def case_unknown_authority():
    with Secure(SMALL) as b:
        err = bad(b, "certificate", "name the CA that is to be trusted with SSL_CERT_FILE or PIP_CERT", "now it is the system's")
        assert "tried" not in err, "a certificate does not get better by trying again"
        bad(b, r"now it is '.*client.pem' from PIP_CERT", PIP_CERT=os.path.abspath("client.pem"))


def case_authority_from_each_place():
    for env in ({"SSL_CERT_FILE": CA}, {"PIP_CERT": CA}, {"REQUESTS_CA_BUNDLE": CA}, {"CURL_CA_BUNDLE": CA}):
        with Secure(SMALL) as b:
            good(b, **env)
    with Secure(SMALL) as b:
        with open(b.work + "/pip.conf", "w") as f:
            f.write(f"[global]\ncert = {CA}\n")
        good(b, PIP_CONFIG_FILE=b.work + "/pip.conf")


def case_folder_of_authorities():
    with Secure(SMALL) as b:
        os.makedirs(b.work + "/authorities")
        shutil.copy(CA, b.work + "/authorities/ca.pem")
        openssl("rehash", b.work + "/authorities")
        good(b, PIP_CERT=b.work + "/authorities")


def case_name_in_the_certificate():
    with Secure(SMALL, certificate="elsewhere.pem") as b:
        bad(b, "certificate|host name", SSL_CERT_FILE=CA)


def case_trusted_host():
    port = None
    for host in ("127.0.0.1", "127.0.0.1:{port}"):
        with Secure(SMALL) as b:
            port = b.index.server.server_address[1]
            good(b, PIP_TRUSTED_HOST=host.format(port=port))
    with Secure(SMALL) as b:
        good(b, UV_INSECURE_HOST="127.0.0.1")
    with Secure(SMALL) as b:
        bad(b, "certificate", PIP_TRUSTED_HOST="127.0.0.1:1 127.0.0.11 27.0.0.1")


def case_trusted_host_vouches_for_itself_alone():
    with Secure(SMALL) as other, Secure(SMALL) as b:
        b.index.add_fault("/files/", "redirect", to=other.index.address + "{path}")
        bad(b, "certificate", PIP_TRUSTED_HOST=f"127.0.0.1:{b.index.server.server_address[1]}")
        assert other.requests("/") == []


def case_client_certificate():
    with Secure(SMALL, client=True) as b:
        bad(b, "", SSL_CERT_FILE=CA)
        good(b, SSL_CERT_FILE=CA, PIP_CLIENT_CERT=os.path.abspath("client.pem"))
    with Secure(SMALL, client=True) as b:
        good(b, SSL_CERT_FILE=CA, SSL_CLIENT_CERT=os.path.abspath("client.pem"))
        bad_path = b.run(SSL_CERT_FILE=CA, SSL_CLIENT_CERT="/no/client.pem", LOCKSTEP_CACHE=b.work + "/other")
        assert bad_path[0] == 1 and "cannot read the client certificate '/no/client.pem'" in bad_path[2], bad_path


def case_plain_where_tls_is_wanted():
    with Bench(SMALL) as b:
        bad(b, "tried 3 times", UV_DEFAULT_INDEX=b.index.url.replace("http:", "https:"))


class Proxy:
    """Takes CONNECT and plain requests on loopback; notes what was asked of it."""

    def __init__(self, refuse=None):
        self.refuse, self.asked = refuse, []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            client, _ = self.socket.accept()
            threading.Thread(target=self.answer, args=(client,), daemon=True).start()

    def answer(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            got = client.recv(4096)
            if not got:
                return
            head += got
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        self.asked.append(f"{method} {target}")
        if self.refuse:
            client.sendall(f"HTTP/1.1 {self.refuse} no\r\nContent-Length: 0\r\n\r\n".encode())
            client.close()
            return
        host, _, port = (target if method == "CONNECT" else target.split("/")[2]).partition(":")
        server = socket.create_connection(("127.0.0.1", int(port)))
        if method == "CONNECT":
            client.sendall(b"HTTP/1.1 200 fine\r\n\r\n")
        else:
            server.sendall(head.replace(target.encode(), ("/" + target.split("/", 3)[3]).encode(), 1).replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
        for a, b in ((client, server), (server, client)):
            threading.Thread(target=self.pump, args=(a, b), daemon=True).start()

    @staticmethod
    def pump(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
            b.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def case_proxies():
    with Bench(SMALL) as b:
        proxy = Proxy()
        good(b, http_proxy=proxy.url, no_proxy=None)
        assert len(proxy.asked) == 2 and proxy.asked[0].startswith("GET http://127.0.0.1:"), proxy.asked
    for name in ("https_proxy", "PIP_PROXY"):
        with Secure(SMALL) as b:
            proxy = Proxy()
            good(b, SSL_CERT_FILE=CA, no_proxy=None, **{name: proxy.url})
            assert proxy.asked[0].startswith("CONNECT 127.0.0.1:"), proxy.asked
    with Secure(SMALL) as b:
        proxy = Proxy()
        good(b, SSL_CERT_FILE=CA, https_proxy=proxy.url, no_proxy="127.0.0.1")
        assert proxy.asked == []


def case_proxy_refuses():
    with Secure(SMALL) as b:
        proxy = Proxy(refuse=407)
        err = bad(b, "the proxy refused with 407", SSL_CERT_FILE=CA, https_proxy=proxy.url.replace("://", "://user:Pa55word@"), no_proxy=None)
        assert len(proxy.asked) == 1 and "Pa55word" not in err, (proxy.asked, err)
        proxy = Proxy(refuse=503)
        bad(b, "the proxy refused with 503; tried 3 times", SSL_CERT_FILE=CA, https_proxy=proxy.url, no_proxy=None)


if __name__ == "__main__":
    cases.run(globals())
