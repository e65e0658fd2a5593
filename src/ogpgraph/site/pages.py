"""The pages: their addresses and parameters, the variables of their documents, and what their templates have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from ogpgraph.site import comparison, page_charts, views
from ogpgraph.site.charts import Chart
from ogpgraph.site.documents import find_document, load_document
from ogpgraph.site.moment import Moment
from ogpgraph.site.page_request import PageRequest
from ogpgraph.site.views import Data, Execute, Words
from ogpgraph.web.persisted_documents import document_id


def _no_variables(_request: PageRequest) -> dict[str, Any]:
    return {}


def _no_redirect(_request: PageRequest, _execute: Execute) -> str | None:
    return None


def _no_values(_data: Data, _request: PageRequest, _words: Words) -> dict[str, Any]:
    return {}


def _no_charts(_data: Data, _request: PageRequest, _words: Words) -> list[Chart]:
    return []


@dataclass(frozen=True)
class Page:
    """A page. `name` is that of its template and its document.

    `subject` is the field of the document that is null where the thing of the address does not exist. `parameters` are
    those of its address besides the moment and the language. `find_redirect` returns the address that is to be asked
    instead, if there is one; `build_values` what the template has besides the data; `build_charts` the charts that it
    shows, whose data are served as CSV.
    """

    name: str
    path: str
    subject: str | None = None
    parameters: tuple[str, ...] = ()
    build_variables: Callable[[PageRequest], dict[str, Any]] = _no_variables
    find_redirect: Callable[[PageRequest, Execute], str | None] = _no_redirect
    build_values: Callable[[Data, PageRequest, Words], dict[str, Any]] = _no_values
    build_charts: Callable[[Data, PageRequest, Words], list[Chart]] = _no_charts


def _variables_of_code(request: PageRequest) -> dict[str, Any]:
    return {"code": request.codes["code"], "language": request.language}


PAGES: Final = (
    Page("home", "/", build_charts=page_charts.chart_home),
    Page("members", "/members", parameters=("order", "region"), build_variables=views.choose_members),
    Page(
        "member",
        "/members/{code:path}",
        "member",
        build_variables=_variables_of_code,
        build_charts=page_charts.chart_member,
    ),
    Page(
        "plan",
        "/plans/{code:path}",
        "actionPlan",
        build_variables=_variables_of_code,
        build_charts=page_charts.chart_plan,
    ),
    Page(
        "commitments",
        "/commitments",
        parameters=views.COMMITMENT_PARAMETERS,
        build_variables=views.choose_commitments,
        build_values=views.describe_filters,
    ),
    Page(
        "commitment",
        "/commitments/{code:path}",
        "commitment",
        parameters=("readings",),
        build_variables=_variables_of_code,
        build_values=views.explain_commitment,
    ),
    Page(
        "changes",
        "/changes",
        parameters=views.CHANGE_PARAMETERS,
        build_variables=views.choose_changes,
        build_values=views.describe_changes,
    ),
    Page(
        "compare",
        "/compare",
        parameters=comparison.COMPARISON_PARAMETERS,
        build_variables=comparison.choose_comparison,
        find_redirect=comparison.find_compared_positions,
    ),
    Page(
        "source",
        "/sources/{id}",
        "source",
        views.SOURCE_PARAMETERS,
        build_variables=views.choose_source,
        build_values=views.mark_passages,
    ),
    Page("search", "/search", parameters=("q", "after"), build_variables=views.choose_search),
    Page(
        "thing",
        "/things/{id}",
        "node",
        build_variables=lambda request: {"id": request.codes["id"]},
        find_redirect=views.find_thing,
    ),
    Page("about", "/about"),
)


def page_documents() -> dict[str, str]:
    """Return id → document of all pages at all kinds of moments, which programs may name as pages do."""
    moments = [Moment(at, as_of) for at in (None, 0, "") for as_of in (None, "")]
    documents = [find_document(page.name, moment) for page in PAGES for moment in moments]
    return {document_id(each): each for each in [*documents, load_document("moments")]}
