"""Dumps of databases as operators make them, and a search for values in every writing that somebody could read."""

import base64
import hashlib
import re
import subprocess
import zlib
from collections.abc import Collection, Iterable, Iterator
from urllib.parse import quote

from chassis.testing.postgres import binaries, own_account

_BYTES = re.compile(rb"\\\\x((?:[0-9a-f]{2})+)")
"""A column of bytes in the rows of a dump."""
_DIGITS = re.compile(r"[+0-9xX]{6,}")


def dump(url: str, without_rows_of: Collection[str] = ()) -> bytes:
    """Dump a database with `pg_dump` as SQL. The tables of `without_rows_of` are dumped empty, as those of published data may be."""
    left_out = [f"--exclude-table-data={table}" for table in without_rows_of]
    return _run("pg_dump", "--no-password", *left_out, "--dbname", _plain(url))


def restore(content: bytes, url: str) -> None:
    """Restore a dump into an empty database."""
    _run("psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--no-password", "--dbname", _plain(url), given=content)


def find_readable(content: bytes, values: Iterable[str]) -> list[str]:
    """Return those of the values that stand in a dump in some writing: as text of several encodings, hex, base64, reversed digits, a hash.

    Columns of bytes are searched as they are, and unpacked where they are compressed.
    """
    whole = b"\n".join(_layers(content))
    return [value for value in values if any(form in whole for form in writings(value))]


def writings(value: str) -> set[bytes]:
    """Return the ways to write a value that anybody can read or undo."""
    forms = set[bytes]()
    for text in {value, value[::-1]} if _DIGITS.fullmatch(value) else {value}:
        for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
            raw = text.encode(encoding)
            forms |= {raw, raw.hex().encode(), raw.hex().upper().encode(), *_in_base64(raw)}
        forms |= {text.encode("gb18030"), text.encode("unicode_escape"), quote(text).encode()}
    for kind in (hashlib.md5, hashlib.sha1, hashlib.sha256):
        hashed = kind(value.encode())
        forms |= {hashed.digest(), hashed.hexdigest().encode()}
    return forms


def _layers(content: bytes) -> Iterator[bytes]:
    """Yield a dump, the bytes of its columns, and what they unpack to."""
    yield content
    for found in _BYTES.finditer(content):
        raw = bytes.fromhex(found[1].decode())
        yield raw
        try:
            yield zlib.decompress(raw)
        except zlib.error:
            continue


def _in_base64(raw: bytes) -> Iterator[bytes]:
    """Yield what base64 shows of bytes, wherever they begin in its groups of three."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + raw)
        whole = encoded[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]
        yield whole
        yield whole.translate(bytes.maketrans(b"+/", b"-_"))


def _plain(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


def _run(program: str, *arguments: str, given: bytes | None = None) -> bytes:
    """Run a program of PostgreSQL. Raises RuntimeError with what it said when it fails."""
    command = [str(binaries(own_account() is not None) / program), *arguments]
    done = subprocess.run(command, input=given, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{program} failed: {done.stderr.decode(errors='replace')[-2000:]}")
    return done.stdout
