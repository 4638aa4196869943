"""What can go wrong between lockstep and an index, by name: FAULTS[kind](handler, spec, answer). `answer` is the (status, headers, body) that would have been
given. A fault answers itself (or cuts the connection) and returns None, or returns another answer to send in place of the right one."""
import gzip, time

FAULTS = {}


def fault(function):
    FAULTS[function.__name__] = function
    return function


def head(handler, status, headers):
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()


def hang_up(handler):
    handler.wfile.flush()
    handler.close_connection = True


@fault
def status(handler, spec, answer):
    """{"status": 503, "headers": {"Retry-After": "1"}}"""
    return spec["status"], {"Content-Type": "text/plain", **spec.get("headers", {})}, b"refused for a test\n"


@fault
def drop(handler, spec, answer):
    """The connection ends without an answer."""
    hang_up(handler)


@fault
def cut(handler, spec, answer):
    """{"after": n}: the connection ends after n bytes of the body."""
    code, headers, body = answer
    head(handler, code, {"Content-Length": str(len(body)), **headers})
    handler.wfile.write(body[:spec["after"]])
    hang_up(handler)


@fault
def slow(handler, spec, answer):
    """{"after": n, "pause": seconds}: nothing for so long after n bytes, then the rest."""
    code, headers, body = answer
    head(handler, code, {"Content-Length": str(len(body)), **headers})
    handler.wfile.write(body[:spec["after"]])
    handler.wfile.flush()
    time.sleep(spec["pause"])
    handler.wfile.write(body[spec["after"]:])


@fault
def mute(handler, spec, answer):
    """{"pause": seconds}: takes the request and says nothing for so long."""
    time.sleep(spec["pause"])
    hang_up(handler)


@fault
def trickle(handler, spec, answer):
    """{"chunk": bytes, "pause": seconds}: a slow line."""
    code, headers, body = answer
    head(handler, code, {"Content-Length": str(len(body)), **headers})
    for at in range(0, len(body), spec["chunk"]):
        handler.wfile.write(body[at:at + spec["chunk"]])
        handler.wfile.flush()
        time.sleep(spec["pause"])


@fault
def wrong_byte(handler, spec, answer):
    """{"at": n}: one byte of the body is another."""
    code, headers, body = answer
    changed = bytearray(body)
    changed[spec["at"] % len(changed)] ^= 1
    return code, headers, bytes(changed)


@fault
def short(handler, spec, answer):
    """{"by": n}: a shorter body, and headers that agree with it."""
    code, headers, body = answer
    return code, headers, body[:-spec["by"]]


@fault
def long(handler, spec, answer):
    """{"by": n}: a longer body, and headers that agree with it."""
    code, headers, body = answer
    return code, headers, body + b"\0" * spec["by"]


@fault
def wrong_length(handler, spec, answer):
    """{"by": n}: Content-Length promises n bytes more (or less) than come."""
    code, headers, body = answer
    head(handler, code, {"Content-Length": str(len(body) + spec["by"]), **headers})
    handler.wfile.write(body)
    hang_up(handler)


@fault
def chunked(handler, spec, answer):
    """{"after": n or missing, "extra": n}: no Content-Length; ends properly after n bytes, or goes on for `extra` bytes more."""
    code, headers, body = answer
    body = body[:spec.get("after", len(body))] + b"\0" * spec.get("extra", 0)
    head(handler, code, {"Transfer-Encoding": "chunked", **headers})
    for at in range(0, len(body), 65536):
        piece = body[at:at + 65536]
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
    handler.wfile.write(b"0\r\n\r\n")


@fault
def endless(handler, spec, answer):
    """A body that never ends: {"status": 200}."""
    head(handler, spec.get("status", 200), {"Content-Type": spec.get("type", "text/html"), "Connection": "close"})
    while True:
        handler.wfile.write(b" " * 65536)


@fault
def encoded(handler, spec, answer):
    """Content-Encoding: gzip, though nobody asked for it."""
    code, headers, body = answer
    return code, {**headers, "Content-Encoding": "gzip"}, gzip.compress(body, 1)


@fault
def no_range(handler, spec, answer):
    """{}: a Range is not understood: the whole file comes with 200."""
    del handler.headers["Range"]
    return handler.answer()


@fault
def wrong_range(handler, spec, answer):
    """{"by": n}: 206 with another part than the one asked for."""
    code, headers, body = answer
    if code != 206:
        return answer
    first, rest = headers["Content-Range"][len("bytes "):].split("-", 1)
    return code, {**headers, "Content-Range": f"bytes {int(first) + spec['by']}-{rest}"}, body[spec["by"]:]


@fault
def redirect(handler, spec, answer):
    """{"to": address, "status": 302}; "{path}" in it is the path asked for."""
    return spec.get("status", 302), {"Location": spec["to"].replace("{path}", handler.path)}, b"go there\n"


@fault
def body(handler, spec, answer):
    """{"text": ..., "type": ...}: something else in place of the page."""
    return 200, {"Content-Type": spec.get("type", "text/html")}, spec["text"].encode()
