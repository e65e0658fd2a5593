"""The write side: commands run in a unit of work, which loads, decides and appends; the executor saves it once."""

from ogpgraph.application.executor import CommandExecutor
from ogpgraph.domain.unit_of_work import REPORTED_BY_PERSON, CommandContext, Provenance, Receipt, UnitOfWork

__all__ = ["REPORTED_BY_PERSON", "CommandContext", "CommandExecutor", "Provenance", "Receipt", "UnitOfWork"]
