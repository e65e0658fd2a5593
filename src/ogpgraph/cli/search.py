"""`ogpgraph search`: what contains some words, now or at a past position, with the passages that do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.text import Text

from ogpgraph.cli.shared import DatabaseOption, ExitCode, err, load_settings, open_migrated, out, print_json

if TYPE_CHECKING:
    from ogpgraph.system import System

_RESULT: Final = """
fragment Result on SearchConnection {
  totalCount
  suggestions
  nodes {
    score field language
    item {
      __typename
      ... on Member { code name }
      ... on ActionPlan { code title }
      ... on Commitment { code title }
      ... on Milestone { number title commitment { code } }
      ... on Narrative { stage section commitment { code } }
    }
    snippet { text highlights { start end } }
    entry { position recordedAt }
  }
}
"""
_SEARCH: Final = "search(query: $query, language: $language, first: $first) { ...Result }"
MAX_HITS: Final = 100


def search(
    query: Annotated[
        list[str],
        typer.Argument(
            help='Words, "phrases", beginnings (budg*), -words that must not occur, fields (institution:finance) and '
            "codes; see docs/search.md. After -- words may begin with a hyphen."
        ),
    ],
    at: Annotated[
        int | None, typer.Option(min=0, help="Search the record as it was at this position; by default at the head.")
    ] = None,
    as_of: Annotated[str | None, typer.Option(help="Search what was so at a date, such as 2018 or 2018-06-30.")] = None,
    language: Annotated[
        str | None, typer.Option(help="Search only texts in this language, such as fr; by default in all.")
    ] = None,
    first: Annotated[int, typer.Option(min=1, max=MAX_HITS, help="The number of hits to print.")] = 10,
    database: DatabaseOption = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON, as the API returns it.")] = False,
) -> None:
    """Search all texts, and print what is found, the best first, with the passage that was found."""
    given = {"query": " ".join(query), "language": language, "first": first, "at": at, "date": as_of}
    variables = {name: value for name, value in given.items() if value is not None}
    with open_migrated(load_settings(database)) as system:
        result = _execute(system, build_document(is_past=at is not None, is_dated=as_of is not None), variables)
    if as_json:
        print_json(result, indent=2)
        return
    _print_result(result)


def build_document(*, is_past: bool, is_dated: bool) -> str:
    """Return the GraphQL document of a search: of the present or at a position, and in either of them as of a date."""
    selection, declared = _SEARCH, "$query: String!, $language: String, $first: Int"
    if is_dated:
        selection, declared = f"asOf(date: $date) {{ {selection} }}", f"{declared}, $date: PartialDate!"
    if is_past:
        selection, declared = f"at(position: $at) {{ {selection} }}", f"{declared}, $at: Position!"
    return f"query Search({declared}) {{ {selection} }}{_RESULT}"


def _execute(system: System, document: str, variables: dict[str, Any]) -> Any:
    """Return the result of a search, by the executor of every client; its first error is printed and exits with 1."""
    import msgspec

    from ogpgraph.graphql.context import Context
    from ogpgraph.graphql.schema import build_schema, compute_schema_version
    from ogpgraph.web.document_cache import DocumentLimits, RequestErrors
    from ogpgraph.web.operation import OperationRunner
    from ogpgraph.web.request import RequestParameters

    schema = build_schema()
    runner, parameters = OperationRunner(schema, DocumentLimits()), RequestParameters(document, variables=variables)
    try:
        executor = runner.create_executor(runner.prepare(parameters), parameters)
    except RequestErrors as refused:
        raise _refusal(f"{refused.code}: {refused.errors[0].message}") from refused
    with system.read_session() as session:
        context = Context(session, compute_schema_version(schema))
        result = executor.run(context, check_deadline=lambda: None)
    if result.errors:
        error = result.errors[0]
        raise _refusal(f"{(error.extensions or {}).get('code', 'INTERNAL_SERVER_ERROR')}: {error.message}")
    found = msgspec.json.decode(msgspec.json.encode(result.data))  # a compiled operation returns it as JSON
    for view in ("at", "asOf"):
        found = found.get(view, found)
    return found["search"]


def _refusal(message: str) -> typer.Exit:
    """Print why a search is refused; returns the exit of the command."""
    err.print(message, soft_wrap=True)
    return typer.Exit(ExitCode.FAILED)


def _print_result(result: dict[str, Any]) -> None:
    """Print the hits; how many there are, and what else was searched for, go to standard error."""
    for node in result["nodes"]:
        out.print(format_hit(node), soft_wrap=True)
    shown, total = len(result["nodes"]), result["totalCount"]
    err.print(f"{total} found" + (f", of which the first {shown} are shown" if shown < total else ""), soft_wrap=True)
    if result["suggestions"]:
        err.print(f"searched also for {', '.join(result['suggestions'])}", soft_wrap=True)


def format_hit(node: dict[str, Any]) -> Text:
    """Return two lines: what was found with its score, and the passage in which the words that were found are bold."""
    line = Text(f"{node['score']:>5} ", style="dim")
    line.append(_name_item(node["item"]), style="bold")
    if snippet := node["snippet"]:
        language = f" ({node['language']})" if node["language"] else ""  # a code has none
        line.append(f"\n      {node['field']}{language}: ", style="dim")
        line.append(_highlight(snippet))
    return line


def _name_item(item: dict[str, Any]) -> str:
    """Return the code of an item, of a part with its number, and the title."""
    code = item.get("code") or item["commitment"]["code"]
    part = item.get("number") or " ".join(filter(None, (item.get("stage"), item.get("section"))))
    return " ".join(filter(None, (code, part, item.get("title") or item.get("name"))))


def _highlight(snippet: dict[str, Any]) -> Text:
    # A line break would look like the end of the hit; a blank is as long, so the highlights stay where they are.
    text = Text("".join(" " if each.isspace() else each for each in snippet["text"]))
    for highlight in snippet["highlights"]:
        text.stylize("bold reverse", highlight["start"], highlight["end"])
    return text
