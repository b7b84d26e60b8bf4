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
from collections.abc import Callable, Iterator, Sequence
from typing import Any

LIBRARY = "/usr/lib/ipsec/libstrongswan.so.0"
# Places in settings_t's table of methods.
_SECTIONS, _KEYS, _LOAD_FILES, _LOAD_STRING, _DESTROY = 11, 12, 14, 16, 18
# Places in identification_t's.
_GET_TYPE, _DESTROY_IDENTITY = 1, 8

# A section as lists, in the order in which libstrongswan tells: [[key, value], …] and [[name, section], …].
Shape = list[Any]


def parse(*texts: str) -> list[dict[str, Any] | None]:
    """Read each text as libstrongswan does: sections as dicts, values as text; None for what it refuses."""
    return [None if shape is None else _as_dict(shape) for shape in shapes(texts)]


def _as_dict(shape: Shape) -> dict[str, Any]:
    values, sections = shape
    return {**dict(values), **{name: _as_dict(section) for name, section in sections}}


def shapes(texts: Sequence[str], *, files: bool = False, timeout: float = 120.0) -> list[Shape | None]:
    """Read texts, or the files of these names, as libstrongswan does; None for what it refuses.

    A process of its own does the reading, one for all texts: a crash in the library does not take the tests along.
    """
    read: list[Shape | None] = _asked("files" if files else "texts", texts, timeout)
    return read


def identity_types(*texts: str, timeout: float = 60.0) -> list[int]:
    """Return the type of an ID payload that each text becomes as an identity of swanctl.conf, in a process of its own."""
    types: list[int] = _asked("identity_types", texts, timeout)
    return types


def _asked(what: str, texts: Sequence[str], timeout: float) -> Any:
    done = subprocess.run(
        [sys.executable, "-I", __file__, what],
        input=json.dumps(list(texts)),
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, f"libstrongswan ended with {done.returncode}:\n{done.stderr[-3000:]}"
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

    def read(self, text: str, *, file: bool) -> Shape | None:
        # settings_create_string() forgives a broken text and is empty then; load_string() says whether it was read.
        settings = self.library.settings_create_string(b"")
        place = _LOAD_FILES if file else _LOAD_STRING
        load = _method(settings, place, ctypes.c_bool, ctypes.c_char_p, ctypes.c_bool)
        understood = load(settings, text.encode("utf-8", "surrogateescape"), False)
        tree = self._section(settings, ()) if understood else None
        _method(settings, _DESTROY, None)(settings)
        return tree

    def _section(self, settings: int, path: tuple[bytes, ...]) -> Shape:
        values = [[_text(name), _text(value)] for name, value in self._enumerate(settings, _KEYS, path, 2)]
        names = [name for (name,) in self._enumerate(settings, _SECTIONS, path, 1)]
        return [values, [[_text(name), self._section(settings, (*path, name))] for name in names]]

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
    """Read texts from standard input, as JSON, and write what they say as JSON."""
    parser = _Parser()
    does: dict[str, Callable[[str], Any]] = {
        "identity_types": parser.identity_type,
        "files": lambda text: parser.read(text, file=True),
        "texts": lambda text: parser.read(text, file=False),
    }
    json.dump([does[sys.argv[1]](text) for text in json.load(sys.stdin)], sys.stdout)


if __name__ == "__main__":
    main()
