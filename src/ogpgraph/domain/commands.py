"""The registry of commands: all of them, by the names that GraphQL and the permissions have."""

from __future__ import annotations

from ogpgraph.domain.command import CommandType
from ogpgraph.domain.milestone import COMPLETE_MILESTONE

COMMANDS: dict[str, CommandType] = {command.name: command for command in (COMPLETE_MILESTONE,)}
