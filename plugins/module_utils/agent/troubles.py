# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What does not work just now, by what it is about: each is told once, as long as it stays the same."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Callable

from ..errors import IpsecError
from .telling import Telling


class Troubles:
    """The troubles that last; one about something takes the place of another about the same."""

    def __init__(self, telling: Telling) -> None:
        self._telling = telling
        self._found: dict[str, str] = {}

    def __contains__(self, what: str) -> bool:
        return what in self._found

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def tell(self, what: str, text: str, *, anew: bool = True) -> None:
        """Tell of a trouble; where it is not `anew`, other words for what has lasted are no news."""
        text = text if anew else self._found.get(what, text)
        if self._found.get(what) != text:
            self._telling.trouble(text)
        self._found[what] = text

    def over(self, what: str) -> None:
        """Note that it works."""
        self._found.pop(what, None)

    @contextlib.contextmanager
    def told(self, what: str) -> Iterator[None]:
        """Have a failure told, and go on behind it."""
        try:
            yield
        except IpsecError as error:
            self.tell(what, str(error))

    def quietly(self, what: str, work: Callable[[], object]) -> None:
        """Do something whose failure is told once, and tried again with a later look."""
        try:
            work()
        except IpsecError as error:
            self.tell(what, str(error))
        else:
            self.over(what)
