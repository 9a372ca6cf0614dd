"""What of mailvc's packs is messages, read as store/FORMAT.md describes them."""

import struct

KINDS = 6


def message_bytes(store):
    """Bytes of all frames in a store that hold messages."""
    return sum(_of_pack(path) for path in (store / "packs").glob("*.idx"))


def _of_pack(idx):
    offsets = {offset for offset, _, _ in _rows(idx.read_bytes())}
    total = 0
    with idx.with_suffix(".pack").open("rb") as pack:
        for offset in offsets:
            total += _frame(pack, offset)
        for offset, _, length in _rows(idx.read_bytes(), in_parts=True):
            # The first of a long message's parts was counted above.
            offset += _frame(pack, offset)
            for _ in range(1, -(-length // (1 << 20))):
                size = _frame(pack, offset)
                total, offset = total + size, offset + size
    return total


def _frame(pack, offset):
    pack.seek(offset)
    head = pack.read(32)
    if head[:4] != b"MVF1":
        raise AssertionError(f"{pack.name}: no frame at {offset}")
    fields, _, stored = struct.unpack_from("<HII", head, 6)
    return len(head) + fields + stored


def _rows(idx, in_parts=False):
    """Where messages lie: offset of the frame, whether in parts, length."""
    # Kind 1, which is listed first, is messages.
    start, count, widths = _header(idx)
    for at in range(start, start + (32 + sum(widths)) * count, 32 + sum(widths)):
        numbers, at = [], at + 32
        for width in widths:
            numbers.append(int.from_bytes(idx[at:at + width], "little"))
            at += width
        offset, place, length = numbers
        parts = place == 256 ** widths[1] - 1
        if not in_parts or parts:
            yield offset, parts, length


def _header(idx):
    """Where the rows of messages start, how many there are, how wide their numbers are."""
    version = idx[7]
    if version == 1:
        widths, counts, at = (8, 4, 8), struct.unpack_from(f"<{KINDS}I", idx, 8), 8 + 4 * KINDS
    elif version == 2:
        widths, counts, at = tuple(idx[8:11]), [], 11
        for _ in range(KINDS):
            count, at = _varint(idx, at)
            counts.append(count)
    else:
        raise AssertionError(f"an index of version {version}")
    bits = next(bits for bits in range(25) if counts[0] >> bits <= 16 or bits == 24)
    fan_out = counts[0] and (bits or version == 1)
    return at + (4 * ((1 << bits) + 1) if fan_out else 0), counts[0], widths


def _varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return value, at
