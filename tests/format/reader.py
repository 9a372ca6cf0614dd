#!/usr/bin/env python3
"""Reads a store of format 1 or 2, from what store/FORMAT.md says and with none of mailvc's own code.

    reader.py STORE [REF]      lists every message of a snapshot (of `local`, if no ref is named)
    reader.py --maildir DIR    lists a Maildir++ in the same way, to compare
    reader.py --signed STORE SNAPSHOT DIR
                               writes what was signed to DIR/snapshot, and its signature beside it

A line per copy: folder, `cur` or `new`, flags, size, time, BLAKE3, SHA-256. On the way every pack,
index, tree, snapshot, log and signature of the store is checked; what is wrong is an exception.
It needs the modules blake3 and zstandard, and for signatures ssh-keygen. It never writes to the
store.
"""

import base64
import hashlib
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from datetime import date
from functools import lru_cache

from blake3 import blake3
from zstandard import DICT_TYPE_RAWCONTENT, ZstdCompressionDict, ZstdDecompressor

BLOB, TREE, FOLDER_MAP, SNAPSHOT, SIGNATURE, DICTIONARY = KINDS = range(1, 7)
CONTEXTS = {TREE: "tree", FOLDER_MAP: "folder map", SNAPSHOT: "snapshot",
            SIGNATURE: "signature", DICTIONARY: "dictionary"}
LEAF_MAX, PART, MAX_PLAIN = 128, 1 << 20, 2 << 20


def need(condition, what):
    if not condition:
        raise ValueError(what)


def derive(context, data):
    return blake3(data, derive_key_context="mailvc 2026 " + context).digest()


def hash_of(kind, data):
    if kind == BLOB:
        return blake3(data).digest()
    return derive(CONTEXTS[kind], data[:64] if kind == SIGNATURE else data)


class Reader:
    """Canonical bytes."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def raw(self, n):
        need(self.at + n <= len(self.data), "cut off")
        self.at += n
        return self.data[self.at - n:self.at]

    def u8(self):
        return self.raw(1)[0]

    def varint(self, most=2**64 - 1):
        value = shift = 0
        while True:
            byte = self.u8()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                need(byte or shift == 7, "a padded number")
                need(value <= most, "a number too large")
                return value

    def signed(self):
        value = self.varint()
        return value >> 1 ^ -(value & 1)

    def bytes(self, most):
        return self.raw(self.varint(most))

    def flag(self):
        value = self.u8()
        need(value <= 1, "no flag")
        return value == 1

    def optional(self):
        return self.raw(32) if self.flag() else None

    def sums(self):
        return self.varint(), self.varint(), self.varint()

    def end(self):
        need(self.at == len(self.data), "bytes are left over")


def ascending(items):
    return all(a < b for a, b in zip(items, items[1:]))


class Frame:
    """One frame, taken apart but not decompressed."""

    def __init__(self, pack, offset):
        magic, self.type, self.codec, extra, self.plain_len, stored, check = struct.unpack_from(
            "<4sBBHII16s", pack, offset)
        self.offset, self.end = offset, offset + 32 + extra + stored
        need(magic == b"MVF1" and self.end <= len(pack), "no frame")
        need(extra <= 2048 and stored <= self.plain_len <= MAX_PLAIN, "frame lengths")
        rest = pack[offset + 32:self.end]
        need(blake3(pack[offset + 4:offset + 16] + rest).digest()[:16] == check, "frame checksum")
        fields, self.stored = Reader(rest[:extra]), rest[extra:]
        need(self.type in (1, 2), "frame type")
        if self.type == 2:
            self.blob = fields.raw(32)
            self.start, self.total = struct.unpack("<QQ", fields.raw(16))
            need(self.total > PART and self.start % PART == 0 and self.start < self.total
                 and self.plain_len == min(PART, self.total - self.start), "place of a part")
        need(self.codec in (0, 1, 2, 3, 4), "frame codec")
        if self.codec == 2:
            self.dictionary = fields.raw(32)
        elif self.codec == 3:
            weight, count = fields.raw(2)
            need(weight <= 16 and count <= 32, "bases")
            self.bases = [(fields.u8(), fields.raw(32)) for _ in range(count)]
        elif self.codec == 4:
            weight, count = fields.raw(2)
            need(self.type == 1 and weight <= 32 and count <= 32, "bases")
            maps = int.from_bytes(fields.raw((count + 7) // 8), "little")
            need(maps < 2**count, "kinds of bases")
            kinds = [FOLDER_MAP if maps >> at & 1 else TREE for at in range(count)]
            self.bases = [(kind, fields.raw(16)) for kind in kinds]
            self.links = [(fields.varint(MAX_PLAIN), fields.varint(65535))
                          for _ in range(fields.varint(256))]
        fields.end()


class Idx:
    """An index file, looked up as mailvc does: perhaps a fan-out, then rows."""

    def __init__(self, path, version, pack_id):
        with open(path, "rb") as file:
            self.data = file.read()
        need(self.data[:8] == b"MVIDX\0\0" + bytes([version]), "index magic")
        header = Reader(self.data)
        header.raw(8)
        if version == 1:
            self.widths, half = (8, 4, 8), 32
            counts = struct.unpack("<6I", header.raw(24))
        else:
            self.widths, half = tuple(header.raw(3)), 16
            counts = [header.varint(2**32 - 1) for _ in KINDS]
        need(all(1 <= width <= most for width, most in zip(self.widths, (8, 4, 8))), "index widths")
        self.row_len = 32 + sum(self.widths)
        self.sections, at = {}, header.at
        for kind, count in zip(KINDS, counts):
            bits = next(bits for bits in range(25) if count >> bits <= 16 or bits == 24)
            fan_out = count and (bits or version == 1)
            rows = at + (4 * (2**bits + 1) if fan_out else 0)
            self.sections[kind] = at if fan_out else None, bits, rows, count
            at = rows + self.row_len * count
        need(at + 2 * half == len(self.data), "index length")
        need(self.data[at:at + half] == pack_id[:half], "index of another pack")
        need(blake3(self.data[:-half]).digest()[:half] == self.data[-half:], "index checksum")

    def find(self, kind, wanted):
        """Where an object lies: offset of the frame, offset within it (none: in parts), length."""
        fan_out, bits, rows, count = self.sections[kind]
        first, end = 0, count
        if fan_out is not None:
            bucket = int.from_bytes(wanted[:4], "big") >> (32 - bits)
            first, end = struct.unpack_from("<2I", self.data, fan_out + 4 * bucket)
        for at in range(rows + self.row_len * first, rows + self.row_len * end, self.row_len):
            if self.data[at:at + 32] == wanted:
                return self.row(at + 32)
        return None

    def find_start(self, kind, start):
        """The id of an object that starts so."""
        _, _, rows, count = self.sections[kind]
        for at in range(rows, rows + self.row_len * count, self.row_len):
            if self.data[at:at + len(start)] == start:
                return self.data[at:at + 32]
        return None

    def row(self, at):
        numbers = []
        for width in self.widths:
            numbers.append(int.from_bytes(self.data[at:at + width], "little"))
            at += width
        frame, place, size = numbers
        return frame, None if place == 2**(8 * self.widths[1]) - 1 else place, size


class Store:
    def __init__(self, root):
        self.root = root
        need(self.file("format") in (b"mailvc 1\n", b"mailvc 2\n"), "not a store of format 1 or 2")
        self.packs = {}
        for name in sorted(os.listdir(os.path.join(root, "packs"))):
            if name.endswith(".pack"):
                pack = self.file("packs/" + name)
                version = pack[7]
                need(pack[:7] == b"MVPACK\0" and version in (1, 2), "pack magic")
                need(pack[-48:-40] == b"MVPEND\0" + pack[7:8], "pack end")
                need(blake3(pack[:-32]).digest() == pack[-32:], "pack checksum")
                need(name == pack[-32:].hex() + ".pack", "pack name")
                idx = os.path.join(root, "packs", name.replace(".pack", ".idx"))
                self.packs[name] = pack, Idx(idx, version, pack[-32:])

    def file(self, name):
        with open(os.path.join(self.root, name), "rb") as file:
            return file.read()

    def object(self, kind, wanted):
        """The object's bytes, from wherever an index says that it lies."""
        for name, (pack, idx) in self.packs.items():
            row = idx.find(kind, wanted)
            if row is None:
                continue
            offset, start, size = row
            if start is None:
                data = self.parts(pack, offset, wanted, size)
            else:
                data = self.plain(name, offset)[start:start + size]
            need(len(data) == size and hash_of(kind, data) == wanted, "another object")
            return data
        raise ValueError(f"kind {kind} {wanted.hex()} is missing")

    def named(self, kind, start):
        """The id of the one object whose id starts so."""
        found = {idx.find_start(kind, start) for _, idx in self.packs.values()} - {None}
        need(len(found) == 1, "a base is missing")
        return found.pop()

    def parts(self, pack, offset, blob, size):
        data = b""
        while len(data) < size:
            frame = Frame(pack, offset)
            need((frame.type, frame.blob, frame.start, frame.total) ==
                 (2, blob, len(data), size), "a part is missing")
            data += self.decode(frame)
            offset = frame.end
        return data

    @lru_cache(maxsize=64)
    def plain(self, name, offset):
        frame = Frame(self.packs[name][0], offset)
        need(frame.type == 1, "no group")
        return self.decode(frame)

    def decode(self, frame):
        help_with = None
        if frame.codec == 0:
            need(len(frame.stored) == frame.plain_len, "raw length")
            return frame.stored
        if frame.codec == 2:
            help_with = ZstdCompressionDict(self.object(DICTIONARY, frame.dictionary))
        elif frame.codec == 3:
            need(all(kind in (TREE, FOLDER_MAP) for kind, _ in frame.bases), "kind of a base")
            prefix = b"".join(self.object(kind, base) for kind, base in frame.bases)
            help_with = ZstdCompressionDict(prefix, dict_type=DICT_TYPE_RAWCONTENT)
        elif frame.codec == 4:
            bases = [self.object(kind, self.named(kind, start)) for kind, start in frame.bases]
            if prefix := b"".join(bases):
                help_with = ZstdCompressionDict(prefix, dict_type=DICT_TYPE_RAWCONTENT)
        data = ZstdDecompressor(dict_data=help_with).decompress(
            frame.stored, max_output_size=frame.plain_len)
        if frame.codec == 4:
            data = with_ids(data, frame.links)
        need(len(data) == frame.plain_len, "plain length")
        return data

    def check_packs(self):
        """Every frame of every pack, and that the indexes name all objects and no other."""
        for name, (pack, idx) in self.packs.items():
            offset, frames, seen, codecs = 8, 0, set(), set()
            while offset < len(pack) - 48:
                frame = Frame(pack, offset)
                codecs.add(frame.codec)
                if frame.type == 1:
                    plain = self.decode(frame)
                    for kind, start, size in members(plain):
                        key = kind, hash_of(kind, plain[start:start + size])
                        need(idx.find(*key) is not None, "not in the index")
                        seen.add(key)
                elif idx.find(BLOB, frame.blob):
                    seen.add((BLOB, frame.blob))
                offset, frames = frame.end, frames + 1
            need(struct.unpack("<Q", pack[-40:-32])[0] == frames, "number of frames")
            rows = sum(count for *_, count in idx.sections.values())
            need(rows == len(seen), "rows that name nothing")
            for key in seen:
                self.object(*key)

    def entries(self, tree, depth=0, prefix="", sums=None):
        """(day, blob, size, copies) of a folder tree, its shape and sums checked."""
        node = Reader(self.object(TREE, tree))
        need(node.raw(4) == b"MVT1", "tree magic")
        found, kind = [], node.u8()
        if kind == 0:
            keys, day = [], 0
            for _ in range(node.varint(LEAF_MAX)):
                day += node.varint(65535 - day)
                blob = node.raw(32)
                found.append((day, blob, *entry(node)))
                keys.append(struct.pack(">H", day) + blob)
            need(ascending(keys), "order of keys")
            need(all(key.hex().startswith(prefix) for key in keys), "a key elsewhere")
            need(found or depth == 0, "an empty leaf")
            node.end()
        else:
            need(kind == 1 and depth < 68, "kind of a node")
            bitmap = struct.unpack("<H", node.raw(2))[0]
            children = [(nibble, node.raw(32), node.sums())
                        for nibble in range(16) if bitmap >> nibble & 1]
            node.end()
            for nibble, child, its in children:
                found += self.entries(child, depth + 1, prefix + f"{nibble:x}", its)
            need(len(found) > LEAF_MAX, "a branch that should be a leaf")
        counts = [sum(n for n, *_ in copies) for _, _, _, copies, _ in found]
        own = len(found), sum(counts), sum(n * it[2] for n, it in zip(counts, found))
        need(sums in (None, own), "sums that lie")
        return found

    def folders(self, wanted):
        data = Reader(self.object(FOLDER_MAP, wanted))
        need(data.raw(4) == b"MVF1", "folder map magic")
        folders = [(data.bytes(1024), data.raw(32), data.sums())
                   for _ in range(data.varint(65536))]
        lines = [data.bytes(1024) for _ in range(data.varint(65536))]
        data.end()
        need(ascending([path for path, _, _ in folders]) and ascending(lines), "order")
        need(all(line and b"\n" not in line for line in lines), "subscriptions")
        for path, _, _ in folders:
            parts = path.split(b"/") if path else []
            need(b"\0" not in path and not {b"", b".", b".."} & set(parts), "folder path")
        return folders

    def snapshot(self, wanted):
        data, it = Reader(self.object(SNAPSHOT, wanted)), {}
        need(data.raw(4) == b"MVS1", "snapshot magic")
        it["kind"], it["generation"] = data.u8(), data.varint()
        it["parents"] = [data.raw(32) for _ in range(data.varint(16))]
        it["folders"], it["tags"], it["device"] = data.raw(32), data.optional(), data.optional()
        it["name"], it["time"] = data.bytes(255).decode(), data.signed()
        it["sums"], it["rules"] = data.sums(), data.varint()
        total, conflicts = data.varint(), []
        for _ in range(data.varint(1000)):
            kind, folder, key = data.u8(), data.bytes(1024), data.raw(34)
            need(1 <= kind <= 4, "conflict kind")
            conflicts.append((folder, key, kind))
        it["message"] = data.bytes(4096).decode()
        data.end()
        listed, merge = len(conflicts), it["kind"] == 1
        need(it["kind"] <= 4 and ascending(it["parents"]) and ascending(conflicts), "order")
        need(total == listed if listed < 1000 else total >= listed, "conflicts")
        if merge:
            need(len(it["parents"]) >= 2 and not it["device"] and not it["name"]
                 and not it["message"] and it["rules"] > 0, "fields of a merge")
        else:
            need(it["device"] and it["rules"] == 0 and total == 0, "fields of no merge")
        it["conflicts"] = conflicts
        return it

    def ref(self, name):
        text = self.file("refs/" + name).decode()
        need(re.fullmatch("[0-9a-f]{64}\n", text), "ref")
        return bytes.fromhex(text[:64])

    def refs(self):
        top = os.path.join(self.root, "refs")
        for place, _, names in os.walk(top):
            for name in names:
                yield os.path.relpath(os.path.join(place, name), top)

    def check_log(self, name):
        """Each line starts where the one before it ended, and the last ends where the ref is: so
        it is in a store in which no run was ever killed."""
        at = "-"
        for line in self.file("log/" + name).decode().splitlines():
            old, new, seconds, _who, _why, check = line.split("\t")
            body = line.rsplit("\t", 1)[0].encode()
            need(blake3(body).hexdigest()[:8] == check, "checksum of a log line")
            need(old == at and int(seconds) >= 0, "a gap in the log")
            at = new
        need(at == self.ref(name).hex(), "a log that does not lead to its ref")

    def check_history(self, tips):
        """Every snapshot from the tips back: folders, generations, signatures."""
        known, waiting = {}, list(tips)
        while waiting:
            wanted = waiting.pop()
            if wanted not in known:
                known[wanted] = self.snapshot(wanted)
                waiting += known[wanted]["parents"]
        for wanted, it in known.items():
            above = [known[parent]["generation"] for parent in it["parents"]]
            need(it["generation"] == max(above, default=0) + 1, "generation")
            folders = self.folders(it["folders"])
            need(it["sums"] == tuple(map(sum, zip((0, 0, 0), *(s for *_, s in folders)))), "sums")
            for _, tree, sums in folders:
                self.entries(tree, sums=sums)
            if it["device"]:
                self.check_signature(wanted, it["device"])
        return known

    def signature(self, snapshot, device):
        """The text of a .sig file."""
        data = self.object(SIGNATURE, derive("signature", snapshot + device))
        need(data[:64] == snapshot + device, "a signature of something else")
        need(data[64:74] == b"SSHSIG" + struct.pack(">I", 1), "SSHSIG")
        key = data[78:78 + struct.unpack(">I", data[74:78])[0]]
        need(derive("device", key) == device, "another device's key")
        text = base64.encodebytes(data[64:]).decode()
        return f"-----BEGIN SSH SIGNATURE-----\n{text}-----END SSH SIGNATURE-----\n"

    def check_signature(self, snapshot, device):
        text = self.signature(snapshot, device)
        if not shutil.which("ssh-keygen"):
            return
        with tempfile.NamedTemporaryFile("w", suffix=".sig") as sig:
            sig.write(text)
            sig.flush()
            command = ["ssh-keygen", "-Y", "verify", "-f", os.path.join(self.root, "trusted"),
                       "-I", device.hex(), "-n", "mailvc-snapshot", "-s", sig.name]
            subprocess.run(command, input=self.object(SNAPSHOT, snapshot), check=True,
                           stdout=subprocess.DEVNULL)

    def write_signed(self, snapshot, directory):
        path = os.path.join(directory, "snapshot")
        with open(path, "wb") as file:
            file.write(self.object(SNAPSHOT, snapshot))
        with open(path + ".sig", "w", encoding="ascii") as file:
            file.write(self.signature(snapshot, self.snapshot(snapshot)["device"]))

    def messages(self, snapshot):
        for path, tree, sums in self.folders(self.snapshot(snapshot)["folders"]):
            for day, blob, size, copies, _kept in self.entries(tree, sums=sums):
                data = self.object(BLOB, blob)
                need(size == len(data) and day == day_of(data), "size or day")
                for count, recent, letters, tail, _keywords, mtime in copies:
                    for _ in range(count):
                        yield line_of(path, recent, letters + tail, mtime, data)


def members(plain):
    found = list(directory(plain))
    _, start, size = found[-1] if found else (0, 1, 0)
    need(start + size == len(plain), "lengths of objects")
    return found


def directory(plain):
    group, found = Reader(plain), []
    for _ in range(group.varint(4096)):
        kind = group.u8()
        need(kind in KINDS, "kind of an object")
        found.append((kind, group.varint(MAX_PLAIN)))
    start = group.at
    for kind, size in found:
        yield kind, start, size
        start += size


def with_ids(short, links):
    """A group's plain bytes, with the ids that were left out of them."""
    found, plain, at = list(directory(short)), b"", 0
    for gap, member in links:
        plain, at = plain + short[at:at + gap], at + gap
        kind, start, size = found[member]
        need(at <= len(short) and start + size <= len(plain), "an id left out")
        plain += hash_of(kind, plain[start:start + size])
    return plain + short[at:]


def entry(data):
    size, copies = data.varint(), []
    for _ in range(data.varint(65535)):
        count, recent = data.varint(65535), data.flag()
        letters, tail = data.bytes(255), data.bytes(255)
        keywords = [data.bytes(255) for _ in range(data.varint(64))]
        need(count > 0 and ascending(letters) and b"," not in letters, "flags")
        need(tail[:1] in (b"", b","), "flags")
        need(not set(letters + tail) & {0, 47}, "flags")
        need(ascending(keywords), "keywords")
        need(all(word and all(33 <= c <= 126 for c in word) for word in keywords), "keywords")
        copies.append((count, recent, letters, tail, keywords, data.signed()))
    need(ascending([copy[1:] for copy in copies]), "order of copies")
    need(1 <= sum(copy[0] for copy in copies) <= 65535, "number of copies")
    return size, copies, data.varint()


def day_of(message):
    """The day rule."""
    head = message[:65536]
    end = re.search(rb"(?:\A|\n)\r?(?:\n|\Z)", head)
    lines = (head[:end.start() + 1] if end else head).split(b"\n")
    for at, line in enumerate(lines):
        if line[:5].lower() == b"date:":
            value = line[5:]
            for more in lines[at + 1:]:
                if not more.startswith((b" ", b"\t")):
                    break
                value = value.removesuffix(b"\r") + more
            return first_date(value)
    return 0


MONTHS = b"jan feb mar apr may jun jul aug sep oct nov dec".split()


def first_date(value):
    found = re.search(rb"(?i)([0-9]{1,2})[ \t]+(" + b"|".join(MONTHS) + rb")[ \t]+([0-9]{4})", value)
    try:
        day, month, year = found.groups()
        days = (date(int(year), MONTHS.index(month.lower()) + 1, int(day)) - date(1970, 1, 1)).days
    except (AttributeError, ValueError):
        return 0
    return days if 1 <= days <= 65535 else 0


def line_of(path, recent, flags, mtime, data):
    folder = "".join(chr(c) if 32 < c < 127 and c != 37 else f"%{c:02X}" for c in path) or "INBOX"
    return "\t".join([folder, "new" if recent else "cur", flags.decode("latin-1"), str(len(data)),
                      str(mtime), blake3(data).hexdigest(), hashlib.sha256(data).hexdigest()])


def unescape(component):
    """A component of a Maildir++ directory: `%2E` is a dot, each further `25` one of its own."""
    spelling = rb"%((?:25)*)2E"
    return re.sub(spelling, lambda it: b"%" + it[1][2:] + b"2E" if it[1] else b".", component)


def maildir(root):
    root = os.fsencode(root)
    for place, _, names in os.walk(root):
        parent, sub = os.path.split(place)
        if sub in (b"cur", b"new"):
            spelled = os.path.relpath(parent, root).removeprefix(b".")
            path = b"/".join(map(unescape, spelled.split(b"."))) if spelled else b""
            for name in names:
                full = os.path.join(place, name)
                _, _, info = name.rpartition(b":2,") if b":2," in name else (0, 0, b"")
                letters, comma, tail = info.partition(b",")
                flags = bytes(sorted(set(letters))) + comma + tail
                with open(full, "rb") as file:
                    mtime = int(os.stat(full).st_mtime // 1)
                    yield line_of(path, sub == b"new", flags, mtime, file.read())


def main(arguments):
    if arguments[0] == "--signed":
        Store(arguments[1]).write_signed(bytes.fromhex(arguments[2]), arguments[3])
        return
    if arguments[0] == "--maildir":
        lines = maildir(arguments[1])
    else:
        store = Store(arguments[0])
        store.check_packs()
        names = sorted(store.refs())
        for name in names:
            store.check_log(name)
        store.check_history(store.ref(name) for name in names)
        lines = store.messages(store.ref((arguments + ["local"])[1]))
    sys.stdout.write("".join(line + "\n" for line in sorted(lines)))


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3, 5):
        sys.exit(__doc__)
    main(sys.argv[1:])
