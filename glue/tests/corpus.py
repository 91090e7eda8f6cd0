"""Generated input: JSON of every sort, and what only looks like it."""

from __future__ import annotations

import json
from random import Random

KEYS = [
    "id",
    "name",
    "Name",
    "a.b",
    "b c",
    "",
    "k=v",
    "größe",
    "x" * 300,
    "_file_id",
    "_rescued",
    "_empty",
    "_deleted",
    "n\t",
]
STRINGS = ["", "x", "1", "1.50", "true", "null", "[1]", '{"a":1}', "ü😀", 'q"\\/', "\u2028\u0000\x7f", "NaN", "a\tb\nc"]
NUMBERS = [
    *["0", "-0", "7", "-12", "999999999999999", "9007199254740993", "9223372036854775807", "-9223372036854775808"],
    *["9223372036854775808", "123456789012345678901234567890", "1" * 60, "0.5", "-1.10", "1e2", "1E+3", "1.5e-7"],
    *["0.1234567890123456789", "1e400", "1e-400", "123456789.123456789123", "4.9e-324", "1e22", "0.30000000000000004"],
]
SAFE_NUMBERS = ["0", "7", "-12", "0.5", "1.10", "1e2"]
BROKEN = [
    *[b'{"a":NaN}', b'{"a":Infinity}', b'{"a":-Infinity}', b"{'a':1}", b'{"a":1} // c', b'{"a":/* c */1}'],
    *[b'{"a":1,}', b'{"a":[1,]}', b'{"a":1}{"a":2}', b'{"a":1} {"a":2}', b'{"a":1},', b'{"a":01}', b'{"a":+1}'],
    *[b'{"a":.5}', b'{"a":1.}', b'{"a":0x1}', b'{"a":True}', b'{"a":tru}', b'{"a":"\xff"}', b'{"a":"\xed\xa0\x80"}'],
    *[b'{"a":"\xc0\xaf"}', b'{"a":"x\x01y"}', b'{"a":"\\x41"}', b'{"a":"\\u00g0"}', b'{"a":"\\u12"}', b"{a:1}"],
    *[b'{"a" 1}', b'{"a":}', b'{"a":1', b'{"a":"x', b"garbage", b"[1]", b"[]", b"5", b'"x"', b"null", b"true"],
    *[b'\xef\xbb\xbf{"a":1}', b'{"a":1}\x00', b"\x0c", b'\x0b{"a":1}', b'{"a":1}]', b'{"a":1}}', b'"a":1', b"{}{}"],
    *[b'{"a":-}', b'{"a":1e}', b'{"a":1e+}', b'{"a":--1}', b'\xc2\xa0{"a":1}', b'{"a":"\t"}', b"{1:2}", b'{"a":"b"\\}'],
]


class Author:
    """Writes JSON texts by chance; `tame`: one type a key, nothing odd, as most real data is."""

    def __init__(self, seed: int, tame: bool) -> None:
        self.random = Random(seed)
        self.tame = tame

    def record(self) -> bytes:
        if self.tame:
            return self._tame_record()
        text = self._object(0)
        return text.encode("utf-8", "surrogatepass") if self._chance(0.9) else f" \t{text}\r".encode()

    def broken(self) -> bytes:
        """Something that is no record, save by accident."""
        if self._chance(0.6):
            return self.random.choice(BROKEN)
        record = bytearray(self.record())
        for _ in range(self.random.randint(1, 3)):
            at = self.random.randrange(len(record))
            if self._chance(0.5):
                record[at] = self.random.choice(b'{}[]:,"\\0-eE.x \x00\xff\xc3')
            else:
                del record[at]
            record = record or bytearray(b"x")
        return bytes(record).replace(b"\n", b" ").replace(b"\r", b" ")

    def _tame_record(self) -> bytes:
        record = {
            "id": self.random.randint(0, 10**12),
            "price": self.random.randint(0, 10**6) / 100,
            "Ort": self.random.choice(STRINGS),
            "ok": self.random.choice([True, False, None]),
            "pos": {"lat": self.random.random(), "tags": [self.random.choice(STRINGS)] * self.random.randint(0, 3)},
            "legs": [{"from city": "x", "n": None} for _ in range(self.random.randint(0, 2))],
        }
        kept = {key: value for key, value in record.items() if self._chance(0.8)}
        return json.dumps(kept, ensure_ascii=self._chance(0.5)).encode()

    def _object(self, depth: int) -> str:
        members = []
        for _ in range(self.random.choice([0, 1, 2, 3, 4])):
            key = self._string(self.random.choice(KEYS))
            members.append(
                f"{self._space()}{key}{self._space()}:{self._space()}{self._value(depth + 1)}{self._space()}"
            )
        return "{" + ",".join(members) + "}"

    def _value(self, depth: int) -> str:
        if self._chance(0.01):
            levels = self.random.randint(5, 20)
            return '{"d":[' * levels + self._value(depth + 2 * levels) + "]}" * levels
        kind = self.random.choice(["null", "bool", "number", "number", "string", "string", "object", "array", "safe"])
        if kind == "object" and depth < 3:
            return self._object(depth)
        if kind == "array" and depth < 5:
            return "[" + ",".join(self._value(depth + 1) for _ in range(self.random.randint(0, 3))) + "]"
        if kind == "bool":
            return self.random.choice(["true", "false"])
        if kind == "number":
            return self.random.choice(NUMBERS)
        if kind == "safe":
            return self.random.choice(SAFE_NUMBERS)
        if kind == "string":
            return self._string(self.random.choice(STRINGS))
        return "null"

    def _string(self, text: str) -> str:
        if self._chance(0.03):
            return self.random.choice(['"\\ud83d"', '"x\\udc00y"', '"\\ude00\\ud83d"', '"\\ud83d\\ude00"'])
        return json.dumps(text, ensure_ascii=self._chance(0.5))

    def _space(self) -> str:
        return self.random.choice(["", "", "", " ", "\t", "  "])

    def _chance(self, part: float) -> bool:
        return self.random.random() < part
