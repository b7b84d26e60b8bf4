# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking connections over from hand-written files: what they are as objects, and what of the files stays.

Sections are cut out of the text and the rest of it stays as it is, remarks too. What is left must say of everything else
exactly what it said before, our own parser being the judge.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..desired.identities import ANY, is_pattern, parse_swanctl_identity
from ..errors import Problem, ValidationError
from .inverse import Parsed, read_gateway
from .inverse_shunts import as_loaded, has_only_shunts, shunt_children, widened
from .references import referred, resolved
from .settings import Section, Span, parse_settings
from .tokens import Include
from .user_secrets import USER_KINDS
from .values import Rest, TakenOver

# What swanctl itself reads; other sections are there to be referred to.
_SWANCTLS = ("connections", "secrets", "authorities", "pools")
_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")


@dataclass(frozen=True)
class HandWritten:
    """The files that swanctl reads, without ours: the path of the first one, and the text of each by its path.

    `ours` are the paths of our own files. `include` finds files by a pattern, ours too, with an empty text.
    """

    main: str
    texts: Mapping[str, str] = field(repr=False)
    ours: frozenset[str]
    include: Include = field(repr=False)

    def parsed(self, texts: Mapping[str, str | None]) -> Section:
        """Return the sections that swanctl would see if files had other texts, or were gone."""

        def include(pattern: str) -> Sequence[tuple[str, str]]:
            found = ((path, texts.get(path, text)) for path, text in self.include(pattern))
            return [(path, text) for path, text in found if text is not None]

        main = texts.get(self.main, self.texts.get(self.main, ""))
        return parse_settings(main or "", file=self.main, directory=self.main.rpartition("/")[0], include=include)


def names_in(hand: HandWritten) -> tuple[str, ...]:
    """Return the names of the connections that stand in the files; raises `SettingsError`."""
    return tuple(_inside(resolved(hand.parsed({})), "connections"))


def take_over(hand: HandWritten, names: Collection[str], release: Sequence[int] = ()) -> TakenOver:
    """Return what taking connections over means; raises `SettingsError`, or `ValidationError` with all that is wrong.

    `release` is that of the charon which has loaded them, where it is known.
    """
    root = hand.parsed({})
    whole = resolved(root)
    there = _inside(whole, "connections")
    unknown = [
        Problem(
            "only", name, None, f"the files have no connection of this name; they have {', '.join(there) or 'none'}"
        )
        for name in sorted(set(names) - set(there))
    ]
    if unknown:
        raise ValidationError(unknown)
    if not names:
        return TakenOver()
    found = read_gateway(root, only=names, release=release, directory=hand.main.rpartition("/")[0])
    _refuse_without_secret(whole, found)
    staying, notes = _staying_secrets(whole, found, names)
    gone = {"connections": frozenset(names), "secrets": frozenset(found.secrets) - staying}
    texts = _texts(hand, root, gone)
    _check(hand, whole, gone, texts)
    chosen = {name: there[name] for name in sorted(names)}
    rest = Rest(
        texts,
        tuple(sorted(gone["secrets"])),
        shunts=tuple(
            (name, child)
            for name, each in chosen.items()
            if not has_only_shunts(each)
            for child in shunt_children(each)
        ),
        emptied={name: as_loaded(each) for name, each in chosen.items() if has_only_shunts(each)},
    )
    return TakenOver(found.gateway, rest, (*notes, *_narrowed(found)))


def _narrowed(found: Parsed) -> Iterator[str]:
    for name, shunt in sorted(found.gateway.shunts.items()):
        for network in widened(shunt):
            yield (
                f"shunt {name}: to the kernel {network} was more than that, since it has prefixes and masks and no ranges; from "
                "now on it is just what is written"
            )


def _inside(root: Section, name: str) -> Mapping[str, Section]:
    return root.sections[name].sections if name in root.sections else {}


def _refuse_without_secret(whole: Section, found: Parsed) -> None:
    there = _inside(whole, "connections")
    wanted = "the files have no pre-shared key for it, so that it cannot be taken over: add it to the section secrets"
    problems = [Problem(str(there[name].place), f"connections.{name}", None, wanted) for name in found.without_secret]
    if problems:
        raise ValidationError(problems)


def _staying_secrets(whole: Section, found: Parsed, names: Collection[str]) -> tuple[frozenset[str], list[str]]:
    """Return the secrets that connections which stay may need too, and a sentence for each."""
    others = {name: each for name, each in _inside(whole, "connections").items() if name not in names}
    peers = {name: set(_identities(each, "remote")) for name, each in others.items()}
    selves = {name: set(_identities(each, "local")) for name, each in others.items()}
    staying, notes = [], []
    for secret in found.secrets:
        owned_by = set(_owners(_inside(whole, "secrets")[secret]))
        if secret.startswith(USER_KINDS):
            # A server asks for the name, and who it is then is known by the secrets alone.
            users = [name for name, each in others.items() if _has_users(each)]
        elif secret.startswith("ppk"):
            users = [name for name, each in others.items() if _has_postquantum_key(each, owned_by)]
        else:
            users = [name for name in others if _may_use(owned_by, peers[name], selves[name])]
        if users:
            staying.append(secret)
            notes.append(f"secrets.{secret} stays in its file too, since connections that stay may use it: {users[0]}")
    return frozenset(staying), notes


def _may_use(owned_by: set[str], peer: set[str], own: set[str]) -> bool:
    open_to_all = not owned_by or ANY in owned_by or any(map(is_pattern, owned_by))
    return open_to_all or bool(owned_by & peer) or owned_by <= own


def _has_users(connection: Section) -> bool:
    methods = (each.values["auth"].text for each in connection.sections.values() if "auth" in each.values)
    return any(method is not None and method.lower().startswith(("eap", "xauth")) for method in methods)


def _has_postquantum_key(connection: Section, owned_by: set[str]) -> bool:
    name = connection.values.get("ppk_id")
    return name is not None and name.text is not None and (not owned_by or bool(owned_by & {_identity(name.text), ANY}))


def _identities(connection: Section, end: str) -> Iterator[str]:
    """Yield what an end of a connection may be known by, as far as it can be told; another word for it does no harm."""
    addresses = connection.values.get(f"{end}_addrs")
    if addresses is not None:
        yield from (_identity(each.strip()) for each in (addresses.text or "").split(","))
    for name, section in connection.sections.items():
        if name.startswith(end):
            yield from (
                _identity(each.text) for key, each in section.values.items() if key.endswith("id") and each.text
            )


def _owners(secret: Section) -> Iterator[str]:
    return (_identity(each.text) for key, each in secret.values.items() if key.startswith("id") and each.text)


def _identity(text: str) -> str:
    try:
        return parse_swanctl_identity(text)
    except ValueError:
        return text


def _texts(hand: HandWritten, root: Section, gone: Mapping[str, Collection[str]]) -> dict[str, str | None]:
    """Return the new texts of the files that change; None for one that says nothing any more, or that nobody includes."""
    spans = [span for kind, names in gone.items() for name in names for span in _spans(root, kind, name)]
    outer = [span for kind in gone if kind in root.sections for span in root.sections[kind].spans]
    texts: dict[str, str | None] = {**_cut(hand.texts, spans, outer)}
    while True:
        left = hand.parsed(texts)
        unused = _unused_templates(left, root)
        if not unused:
            break
        # Cut again from the first text, for the places are those of the first text.
        spans += [span for name in unused for span in root.sections[name].spans]
        texts = {**_cut(hand.texts, spans, outer)}
    texts = {path: text for path, text in texts.items() if text != hand.texts[path]}
    texts.update(dict.fromkeys(_idle(hand, texts)))
    if not _reads_ours(hand, texts):
        # As a pattern: a file that is named and not there makes swanctl unload everything.
        base = texts.get(hand.main, hand.texts.get(hand.main)) or ""
        texts[hand.main] = f"{base}{'' if base.endswith(chr(10)) or not base else chr(10)}include {_PATTERN}\n"
    return texts


_PATTERN = "conf.d/swanfleet*.conf"


def _spans(root: Section, kind: str, name: str) -> list[Span]:
    section = _inside(root, kind).get(name)
    if section is None:
        place = root.sections[kind].place if kind in root.sections else root.place
        wanted = "it stands in a section that this one refers to, and can only be taken over from its own place"
        raise ValidationError([Problem(str(place), f"{kind}.{name}", None, wanted)])
    for span in section.spans:
        if span.end is None:
            wanted = "its section begins in this file and ends in another one; put it into one file first"
            raise ValidationError([Problem(str(section.place), f"{kind}.{name}", None, wanted)])
    return section.spans


def _unused_templates(left: Section, before: Section) -> list[str]:
    """Return the sections that are left for nothing, since what referred to them is gone."""
    now, earlier = ({name.partition(".")[0] for name in referred(each)} for each in (left, before))
    return [
        name
        for name, each in left.sections.items()
        if name in earlier - now and name not in _SWANCTLS and all(span.end is not None for span in each.spans)
    ]


def _cut(texts: Mapping[str, str], spans: Sequence[Span], outer: Sequence[Span]) -> dict[str, str]:
    """Return the texts without some sections, and without outer ones in which nothing else stands."""
    found = {}
    for path, text in texts.items():
        holes = sorted((each.begin, each.end) for each in spans if each.file == path and each.end is not None)
        for each in outer:
            if each.file == path and each.end is not None:
                inside = [hole for hole in holes if each.begin < hole[0] and hole[1] < each.end]
                if inside and _only_holes(text, each.begin, each.end, inside):
                    holes = sorted([*(hole for hole in holes if hole not in inside), (each.begin, each.end)])
        found[path] = _without(text, holes)
    return found


def _only_holes(text: str, begin: int, end: int, holes: Sequence[tuple[int, int]]) -> bool:
    at = text.index("{", begin) + 1
    rest = ""
    for start, stop in holes:
        rest, at = rest + text[at:start], stop
    return not (rest + text[at : end - 1]).strip()


def _without(text: str, holes: Sequence[tuple[int, int]]) -> str:
    """Return a text without its holes; a line that had nothing else goes with them."""
    kept, at = [], 0
    for begin, end in holes:
        line = text.rfind("\n", 0, begin) + 1
        newline = text.find("\n", end)
        stop = len(text) if newline < 0 else newline + 1
        alone = not text[line:begin].strip() and not text[end:stop].strip()
        kept.append(text[at : max(at, line)] if alone else text[at:begin])
        at = stop if alone else end
    return "".join([*kept, text[at:]])


def _idle(hand: HandWritten, texts: Mapping[str, str | None]) -> list[str]:
    """Return the files that need not be there any more: they say nothing now, or nobody includes them any more."""
    silent = [
        path
        for path, text in texts.items()
        if path != hand.main and text is not None and not text[_BLANK.match(text).end() :]  # type: ignore[union-attr]
    ]
    read: set[str] = {hand.main}

    def include(pattern: str) -> Sequence[tuple[str, str]]:
        found = [(path, texts.get(path, text)) for path, text in hand.include(pattern) if path not in silent]
        read.update(path for path, _text in found)
        return [(path, text) for path, text in found if text is not None]

    directory = hand.main.rpartition("/")[0]
    parse_settings(texts.get(hand.main) or hand.texts[hand.main], file=hand.main, directory=directory, include=include)
    orphans = [path for path in hand.texts if path not in read and path.startswith(f"{directory}/")]
    return sorted({*silent, *orphans})


def _reads_ours(hand: HandWritten, texts: Mapping[str, str | None]) -> bool:
    """Say whether swanctl finds our files, on their own and not inside of a section."""
    mark = "swanfleet-mark"
    probe = hand.parsed(
        {**texts, **{path: f"{mark} {{\n a{number} = 1\n}}\n" for number, path in enumerate(sorted(hand.ours))}}
    )
    return mark in probe.sections and len(probe.sections[mark].values) == len(hand.ours)


def _check(
    hand: HandWritten, whole: Section, gone: Mapping[str, Collection[str]], texts: Mapping[str, str | None]
) -> None:
    """Refuse where the rest of the files would say another thing than before."""
    before = {name: _plain(each) for name, each in whole.sections.items() if name in _SWANCTLS}
    for kind, names in gone.items():
        if kind in before:
            before[kind][1] = {name: each for name, each in before[kind][1].items() if name not in names}
    after = {name: _plain(each) for name, each in resolved(hand.parsed(texts)).sections.items() if name in _SWANCTLS}
    for kind in _SWANCTLS:
        if before.get(kind, [{}, {}]) != after.get(kind, [{}, {}]):
            wanted = "taking these connections out of the files would change what stays there; put them into files of their own"
            raise ValidationError([Problem(str(whole.sections[kind].place), kind, None, wanted)])


def _plain(section: Section) -> list[Any]:
    values = {name: value.text for name, value in section.values.items() if value.text is not None}
    return [values, {name: _plain(inner) for name, inner in section.sections.items()}]
