"""Compiles Python sources as pip does. A few sources of one wheel, always the same ones, are compiled in a process of their own that is a copy of one state, so that
the bytes depend on nothing that was compiled before them.

usage: compile.py MODE TIME LIMIT; runs with an environment of its own (see bytecode.c)
  MODE   "pip": files that hold the time and the size of their source; "hash": files that hold its hash and are never checked against it
  TIME   of every source, in seconds
  LIMIT  bytes of answers; behind it the rest of the sources is left for another run
stdin: a JSON list of [path, method as in zip files, packed bytes, bytes, CRC-32, whether it is the first of its process], a newline, then the packed bytes of all.
stdout, for each in order: one line {"name", "packed", "size", "crc"} and a raw deflate stream, or {"error": why it cannot be compiled},
{"broken": true} where it is not what its numbers say, {"signal": what ended the compiler}.
"""
import sys

if sys.path and not sys.path[0]:
    del sys.path[0]
import gc
import json
import marshal
import os
import select
import struct
import zlib
from importlib.util import MAGIC_NUMBER, cache_from_source
from signal import alarm

SECONDS = 600
# For memory: each holds the tree of the source it compiles, which is many times as large.
WORKERS_MAX = 8


def header(mode, when, source):
    if sys.version_info < (3, 7):
        return MAGIC_NUMBER + struct.pack("<LL", when & 0xFFFFFFFF, len(source) & 0xFFFFFFFF)
    if mode == "hash":
        from importlib.util import source_hash
        return MAGIC_NUMBER + struct.pack("<L", 1) + source_hash(source)
    return MAGIC_NUMBER + struct.pack("<LLL", 0, when & 0xFFFFFFFF, len(source) & 0xFFFFFFFF)


def compiled(mode, when, entry, packed):
    path, method, _, size, crc = entry[:5]
    try:
        source = zlib.decompress(packed, -15) if method == 8 else packed
    except zlib.error:
        return {"broken": True}, b""
    if len(source) != size or zlib.crc32(source) & 0xFFFFFFFF != crc:
        return {"broken": True}, b""
    try:
        content = header(mode, when, source) + marshal.dumps(compile(source, path, "exec", dont_inherit=True, optimize=-1))
    except Exception as error:
        return {"error": type(error).__name__}, b""
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    stream = packer.compress(content) + packer.flush()
    return {"name": os.path.basename(cache_from_source(path)), "packed": len(stream), "size": len(content), "crc": zlib.crc32(content) & 0xFFFFFFFF}, stream


def write_all(descriptor, content):
    while content:
        content = content[os.write(descriptor, content):]


def start(mode, when, work):
    """A child that compiles one source after the other."""
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        return child, reading
    try:
        for entry, packed in work:
            alarm(SECONDS)
            line, stream = compiled(mode, when, entry, packed)
            write_all(writing, json.dumps(line).encode() + b"\n" + stream)
        os._exit(0)
    finally:
        os._exit(1)


def split(content):
    """The whole answers in what a child wrote."""
    answers, at = [], 0
    while True:
        end = content.find(b"\n", at) + 1
        if not end:
            return answers
        end += json.loads(content[at:end].decode()).get("packed", 0)
        if end > len(content):
            return answers
        answers.append(content[at:end])
        at = end


def take(child, content, work):
    """The answers of a child that ended, and what it did not come to, behind the source that ended it."""
    _, status = os.waitpid(child, 0)
    answers = split(content)
    if len(answers) == len(work):
        return answers, []
    why = {"signal": os.WTERMSIG(status)} if os.WIFSIGNALED(status) else {"error": "exit %d" % os.WEXITSTATUS(status)}
    return answers + [json.dumps(why).encode() + b"\n"], work[len(answers) + 1:]


def count_workers():
    try:
        return min(len(os.sched_getaffinity(0)), WORKERS_MAX)
    except AttributeError:
        return min(os.cpu_count() or 1, WORKERS_MAX)


def list_work(files, content):
    """What each process compiles."""
    listed, at = [], 0
    for entry in files:
        if entry[5]:
            listed.append([])
        listed[-1].append((entry, content[at:at + entry[2]]))
        at += entry[2]
    return listed


def main():
    mode, when, limit = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    files = json.loads(sys.stdin.buffer.readline().decode())
    listed, workers = list_work(files, sys.stdin.buffer.read()), count_workers()
    running, done = {}, {}
    begun = told = written = 0
    # A child that collects nothing shares what it does not change.
    gc.disable()
    gc.freeze() if hasattr(gc, "freeze") else None
    while told < len(listed):
        while begun < len(listed) and len(running) < workers and begun - told < 64:
            child, reading = start(mode, when, listed[begun])
            running[reading] = [begun, child, [], listed[begun], []]
            begun += 1
        for reading in select.select(list(running), [], [])[0]:
            piece = os.read(reading, 1 << 16)
            if piece:
                running[reading][2].append(piece)
                continue
            os.close(reading)
            number, child, pieces, work, before = running.pop(reading)
            answers, work = take(child, b"".join(pieces), work)
            if work:
                child, reading = start(mode, when, work)
                running[reading] = [number, child, [], work, before + answers]
            else:
                done[number] = before + answers
        while told in done:
            text = b"".join(each if len(each) <= limit else b'{"error": "too large"}\n' for each in done.pop(told))
            if written + len(text) > limit and written:
                return
            sys.stdout.buffer.write(text)
            written, told = written + len(text), told + 1


main()
sys.stdout.buffer.flush()
os._exit(0)
