"""Writes down where installed packages come from (PEP 610), as an installer does that is given an address: direct_url.json beside the metadata of each, and in its RECORD.

usage: write_origins.py ORIGINS.json, run by the environment's own Python (3.6 and later): {name: what direct_url.json says, as text}
"""
import base64
import glob
import hashlib
import json
import os
import re
import sys
import sysconfig


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def name_of(info):
    with open(os.path.join(info, "METADATA"), encoding="utf-8", errors="replace") as f:
        for line in f:
            if line.lower().startswith("name:"):
                return canonical(line[len("name:"):].strip())
    return None


def write(info, text):
    data, inner = text.encode("utf-8"), os.path.basename(info) + "/direct_url.json"
    with open(os.path.join(info, "direct_url.json"), "wb") as f:
        f.write(data)
    path = os.path.join(info, "RECORD")
    with open(path, "rb") as f:
        record = f.read()
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode("ascii")
    entry = '"%s"' % inner.replace('"', '""') if re.search('[",]', inner) else inner
    with open(path, "ab") as f:
        f.write(b"" if not record or record.endswith(b"\n") else b"\n")
        f.write(("%s,sha256=%s,%d\n" % (entry, digest, len(data))).encode("utf-8"))


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        origins = json.load(f)
    found = set()
    for folder in sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}):
        for info in sorted(glob.glob(os.path.join(glob.escape(folder), "*.dist-info"))):
            name = name_of(info)
            if name in origins:
                write(info, origins[name])
                found.add(name)
    missing = sorted(set(origins) - found)
    if missing:
        sys.exit("not installed: " + ", ".join(missing))


main()
