"""Gives a wheel another version without compressing anything again: what is in it stays byte for byte but METADATA and RECORD."""
import base64, hashlib, os, re, struct, zipfile, zlib


def member(path, method, crc, packed, size, attributes):
    """Local header and entry of the directory, without the offset; zip64 is not needed."""
    name = path.encode()
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0x800, method, 0, 0x2821, crc, packed, size, len(name), 0) + name
    return local, lambda offset: struct.pack("<4s6H3L5H2L", b"PK\1\2", 0x314, 20, 0x800, method, 0, 0x2821, crc, packed, size, len(name), 0, 0, 0, 0, attributes,
                                             offset) + name


def renumber(path, folder, version):
    """Writes the wheel into `folder` with its version in all places; returns the new path."""
    project, old, tag = os.path.basename(path).split("-", 2)
    before, after = f"{project}-{old}", f"{project}-{version}"
    out_path = os.path.join(folder, f"{after}-{tag}")
    with open(path, "rb") as raw, zipfile.ZipFile(path) as archive, open(out_path, "wb") as out:
        entries, at, changed, record = [], 0, {}, None
        for entry in archive.infolist():
            new = re.sub(rf"^{re.escape(before)}\.(dist-info|data)/", rf"{after}.\1/", entry.filename)
            if new.endswith(".dist-info/METADATA") and new.count("/") == 1:
                content = re.sub(rb"^Version: .*$", b"Version: " + version.encode(), archive.read(entry), count=1, flags=re.M)
                changed[new] = content
            elif new.endswith(".dist-info/RECORD") and new.count("/") == 1:
                record = new, archive.read(entry).decode().replace(f"{before}.dist-info/", f"{after}.dist-info/").replace(f"{before}.data/", f"{after}.data/"), entry
                continue
            else:
                raw.seek(entry.header_offset + 26)
                raw.seek(entry.header_offset + 30 + sum(struct.unpack("<2H", raw.read(4))))
                local, directory = member(new, entry.compress_type, entry.CRC, entry.compress_size, entry.file_size, entry.external_attr)
                out.write(local)
                out.write(raw.read(entry.compress_size))
                entries.append(directory(at))
                at += len(local) + entry.compress_size
                continue
            at += add(out, entries, at, new, content, entry.external_attr)
        lines = []
        for line in record[1].splitlines():
            named = line.rsplit(",", 2)[0].strip('"')
            if named in changed:
                digest = base64.urlsafe_b64encode(hashlib.sha256(changed[named]).digest()).rstrip(b"=").decode()
                line = f"{named},sha256={digest},{len(changed[named])}"
            lines.append(line + "\n")
        at += add(out, entries, at, record[0], "".join(lines).encode(), record[2].external_attr)
        directory = b"".join(entries)
        out.write(directory + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, len(entries), len(entries), len(directory), at, 0))
    return out_path


def add(out, entries, at, path, content, attributes):
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    packed = packer.compress(content) + packer.flush()
    local, directory = member(path, 8, zlib.crc32(content), len(packed), len(content), attributes)
    out.write(local + packed)
    entries.append(directory(at))
    return len(local) + len(packed)
