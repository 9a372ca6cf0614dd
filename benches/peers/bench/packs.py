"""What of mailvc's packs is messages, read as store/FORMAT.md describes them."""

import struct

KINDS = 6
ROW = 52


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
    count = struct.unpack_from(f"<{KINDS}I", idx, 8)[0]
    bits = next(bits for bits in range(25) if count >> bits <= 16 or bits == 24)
    start = 8 + 4 * KINDS + (4 * ((1 << bits) + 1) if count else 0)
    for at in range(start, start + ROW * count, ROW):
        offset, place, length = struct.unpack_from("<QIQ", idx, at + 32)
        if not in_parts or place == 0xFFFFFFFF:
            yield offset, place == 0xFFFFFFFF, length
