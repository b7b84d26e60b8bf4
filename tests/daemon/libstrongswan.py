# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""libstrongswan's own parsers of swanctl.conf and of identities, as oracles; run as a program it reads for another process.

Source: strongSwan, src/libstrongswan/settings/settings.h, collections/enumerator.h and utils/identification.h, the order
of their methods.
"""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

LIBRARY = "/usr/lib/ipsec/libstrongswan.so.0"
# Places in settings_t's table of methods.
_SECTIONS, _KEYS, _LOAD_STRING, _DESTROY = 11, 12, 16, 18
# Places in identification_t's.
_GET_TYPE, _DESTROY_IDENTITY = 1, 8


def parse(*texts: str, timeout: float = 60.0) -> list[dict[str, Any] | None]:
    """Read each text as libstrongswan does: sections as dicts, values as text; None for what it refuses.

    A process of its own does the reading, one for all texts: a crash in the library does not take the tests along.
    """
    read: list[dict[str, Any] | None] = _asked("parse", texts, timeout)
    return read


def identity_types(*texts: str, timeout: float = 60.0) -> list[int]:
    """Return the type of an ID payload that each text becomes as an identity of swanctl.conf, in a process of its own."""
    types: list[int] = _asked("identity_types", texts, timeout)
    return types


def _asked(what: str, texts: Sequence[str], timeout: float) -> Any:
    done = subprocess.run(
        [sys.executable, "-I", __file__, what],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, f"libstrongswan's parser ended with {done.returncode}:\n{done.stderr}"
    return json.loads(done.stdout)


class _Parser:
    """The library in this process."""

    def __init__(self) -> None:
        self.library = ctypes.CDLL(LIBRARY)
        self.library.library_init.argtypes = [ctypes.c_char_p, ctypes.c_char_p]
        self.library.library_init.restype = ctypes.c_bool
        # An own strongswan.conf: what the computer is configured for does not matter here.
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as own:
            own.write("# nothing\n")
            own.flush()
            started = self.library.library_init(own.name.encode(), b"swanfleet-test")
        assert started, "libstrongswan does not start"
        self.library.settings_create_string.argtypes = [ctypes.c_char_p]
        self.library.settings_create_string.restype = ctypes.c_void_p
        self.library.identification_create_from_string.argtypes = [ctypes.c_char_p]
        self.library.identification_create_from_string.restype = ctypes.c_void_p

    def identity_type(self, text: str) -> int:
        identity = self.library.identification_create_from_string(text.encode("utf-8", "surrogateescape"))
        number = int(_method(identity, _GET_TYPE, ctypes.c_int)(identity))
        _method(identity, _DESTROY_IDENTITY, None)(identity)
        return number

    def read(self, text: str) -> dict[str, Any] | None:
        # settings_create_string() forgives a broken text and is empty then; load_string() says whether it was read.
        settings = self.library.settings_create_string(b"")
        load = _method(settings, _LOAD_STRING, ctypes.c_bool, ctypes.c_char_p, ctypes.c_bool)
        understood = load(settings, text.encode("utf-8", "surrogateescape"), False)
        tree = self._section(settings, ()) if understood else None
        _method(settings, _DESTROY, None)(settings)
        return tree

    def _section(self, settings: int, path: tuple[bytes, ...]) -> dict[str, Any]:
        tree: dict[str, Any] = {}
        for name, value in self._enumerate(settings, _KEYS, path, 2):
            tree[_text(name)] = _text(value)
        for (name,) in self._enumerate(settings, _SECTIONS, path, 1):
            tree[_text(name)] = self._section(settings, (*path, name))
        return tree

    def _enumerate(self, settings: int, place: int, path: Sequence[bytes], wide: int) -> Iterator[tuple[bytes, ...]]:
        # The section is a printf format that is split at its dots before the names go in.
        create = _method(settings, place, ctypes.c_void_p, ctypes.c_char_p, *[ctypes.c_char_p] * len(path))
        enumerator = create(settings, b".".join([b"%s"] * len(path)), *path)
        step = _method(enumerator, 0, ctypes.c_bool, *[ctypes.POINTER(ctypes.c_char_p)] * wide)
        found = []
        while True:
            places = [ctypes.c_char_p() for _number in range(wide)]
            if not step(enumerator, *map(ctypes.byref, places)):
                break
            found.append(tuple(place.value or b"" for place in places))
        _method(enumerator, 2, None)(enumerator)
        yield from found


def _method(thing: int, place: int, result: Any, *arguments: Any) -> Any:
    """Return the method at a place of an object's table, which is where the object begins."""
    address = ctypes.cast(thing, ctypes.POINTER(ctypes.c_void_p))[place]
    assert address, f"no method at place {place}"
    return ctypes.CFUNCTYPE(result, ctypes.c_void_p, *arguments)(address)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def main() -> None:
    """Read texts as a JSON list from standard input and write what they say as JSON."""
    parser = _Parser()
    read = parser.identity_type if sys.argv[1] == "identity_types" else parser.read
    json.dump([read(text) for text in json.load(sys.stdin)], sys.stdout)


if __name__ == "__main__":
    main()
