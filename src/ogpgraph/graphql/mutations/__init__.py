"""The mutations of the schema, derived from the declarations of commands in the domain.

`inputs` has the fields that all inputs share; `derivation` builds the inputs and fields of mutations; `payloads` has
what they return; `execution` executes them; `reference` generates `docs/mutations.md`.
"""

from __future__ import annotations

from typing import Any

import strawberry

from ogpgraph.domain.commands import COMMANDS
from ogpgraph.graphql.mutations.derivation import build_input_type, build_mutation
from ogpgraph.graphql.mutations.execution import build_resolver
from ogpgraph.graphql.mutations.payloads import PAYLOADS

INPUT_TYPES: dict[str, Any] = {name: build_input_type(declaration) for name, declaration in COMMANDS.items()}
"""Name of mutation → the type of its input."""


class Mutation:
    """All mutations: strawberry reads them from the attributes of the class, which are derived from the commands."""


for _name, _declaration in COMMANDS.items():
    _payload = PAYLOADS[_declaration.returns]
    _resolver = build_resolver(_declaration, _payload)
    setattr(Mutation, _name, build_mutation(_declaration, INPUT_TYPES[_name], _payload, _resolver))

strawberry.type(
    Mutation,
    description="Mutations record changes. Nothing is overwritten: what was recorded before stays readable at its "
    "position. Recording what is recorded already adds no entry. An input that is omitted says nothing. Null "
    "clears the field of the record where the description of the input says so, and is refused with `INVALID` "
    "everywhere else.\n\n"
    "A refused mutation records nothing; `errors` of its payload says why. Each mutation names its own refusals; any "
    "mutation can be refused with `UNAUTHENTICATED` without a valid token, `FORBIDDEN` if no role of the account "
    "permits it, `RATE_LIMITED` after too many mutations within a minute, `STALE_REVISION` if the object has changed "
    "since `expectedRevision`, `IDEMPOTENCY_KEY_REUSED` if the key came with another input, `INVALID` or `NOT_FOUND` "
    "for a value that cannot be recorded or a source that does not exist, and `CONFLICT` if concurrent changes of "
    "the same objects prevent it. A mutation that fails without being refused, because the storage does not work, for "
    "example, is null, and `errors` of the response says why; the results of the others are complete.",
)
