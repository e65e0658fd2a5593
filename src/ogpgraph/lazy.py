"""A property that is computed once for each object, without a lock."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any

__all__ = ["cached_property"]

if TYPE_CHECKING or sys.version_info >= (3, 12):
    from functools import cached_property
else:

    class cached_property(functools.cached_property):  # noqa: N801 - the name of what it replaces
        """`functools.cached_property` of Python 3.12.

        That of 3.11 holds a lock for all objects of a class while it computes the value of one. A thread that waits for
        its turn meanwhile would make all others wait, and the event loop with them.
        """

        def __get__(self, instance: Any, owner: type | None = None) -> Any:
            if instance is None:
                return self
            value = instance.__dict__[self.attrname] = self.func(instance)
            return value
