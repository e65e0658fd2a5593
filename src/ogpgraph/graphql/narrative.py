"""Narratives: what the IRM wrote on a commitment, section by section."""

from __future__ import annotations

import strawberry

from ogpgraph.domain.text import Wording
from ogpgraph.domain.vocabulary import Stage
from ogpgraph.graphql.subject import Subject
from ogpgraph.graphql.wordings import chosen


@strawberry.type(description="A section of the IRM's text on a commitment.")
class Narrative:
    """A section."""

    stage: Stage = strawberry.field(description="The stage that the text is about.")
    section: str = strawberry.field(
        description="Which section: CONTEXT_AND_OBJECTIVES, NEXT_STEPS, FOOTNOTES and others, by their headings."
    )
    language: str = strawberry.field(description="The language.")
    text: str | None = strawberry.field(description="The text; null where it was removed.")


def narrative_node(owner: Subject, section: str, language: str | None) -> Narrative | None:
    """Return a section of the IRM's text in a language, or None where there is none in it."""
    found = chosen(owner.state, section, language)
    if found is None or not isinstance(found[1].value, Wording):
        return None
    path, _ = found
    _, stage, name = section.split("/")
    text = owner.snapshot.wording(owner.state, path, found[1].value.text)
    return Narrative(stage=Stage(stage), section=name, language=path.rpartition("/")[2], text=text)
