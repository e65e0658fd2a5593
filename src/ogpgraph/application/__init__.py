"""The write side: the executor runs commands in a unit of work and stores their events once."""

from ogpgraph.application.executor import CommandExecutor
from ogpgraph.domain.unit_of_work import REPORTED_BY_PERSON, CommandContext, Provenance, Receipt, UnitOfWork

__all__ = ["REPORTED_BY_PERSON", "CommandContext", "CommandExecutor", "Provenance", "Receipt", "UnitOfWork"]
