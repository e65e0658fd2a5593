"""What operations can ask for: the fields, arguments and input fields that are reached from queries."""

from __future__ import annotations

from graphql import (
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
)


def list_reachable(schema: GraphQLSchema) -> set[str]:
    """Return fields (`Member.name`), arguments (`Member.name(language)`) and input fields (`MemberFilter.code`)."""
    assert schema.query_type
    found: set[str] = set()
    types: list[GraphQLNamedType] = [schema.query_type]
    for type_ in types:
        reached: list[GraphQLNamedType] = []
        if isinstance(type_, GraphQLInterfaceType):
            reached += schema.get_possible_types(type_)
        if isinstance(type_, (GraphQLObjectType, GraphQLInterfaceType)):
            for name, field in type_.fields.items():
                found |= {f"{type_.name}.{name}", *(f"{type_.name}.{name}({each})" for each in field.args)}
                reached += map(get_named_type, (field.type, *(each.type for each in field.args.values())))
        elif isinstance(type_, GraphQLInputObjectType):
            found |= {f"{type_.name}.{name}" for name in type_.fields}
            reached += [get_named_type(each.type) for each in type_.fields.values()]
        types += [each for each in dict.fromkeys(reached) if each not in types]
    return found
