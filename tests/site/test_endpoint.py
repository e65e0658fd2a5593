from __future__ import annotations

import csv
import io
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from starlette.testclient import TestClient

from ogpgraph.site import rendering
from ogpgraph.system import System
from ogpgraph.web.error_codes import ERROR_CODES
from tests.importer.spreadsheets.spreadsheet_files import build_csv, import_file, row_2024
from tests.site.conftest import browse
from tests.site.pages import PATHS, source_path

MAX_BYTES = 60_000
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}


class Structure(HTMLParser):
    """Checks that elements are closed in order, and collects ids, links, headings and labels."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.headings: list[int] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        if identifier := values.get("id"):
            self.ids.append(identifier)
        if tag == "a" and (address := values.get("href")):
            self.links.append(address)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag


def read_structure(text: str) -> Structure:
    structure = Structure()
    structure.feed(text)
    assert structure.open == []
    return structure


@pytest.mark.parametrize("path", PATHS)
def test_a_page_is_well_formed_small_and_names_its_moment(client: TestClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 200, response.text
    structure = read_structure(response.text)
    assert len(structure.ids) == len(set(structure.ids))
    assert structure.headings.count(1) == 1
    styles = re.search(r'href="(/static/[^"]+css)"', response.text)
    assert styles
    assert len(response.content) + len(client.get(styles[1]).content) <= MAX_BYTES
    assert "position" in response.text
    assert 'lang="en"' in response.text


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("language", ["es", "fr"])
def test_a_page_is_in_the_reader_s_language(client: TestClient, path: str, language: str) -> None:
    response = client.get(path, headers={"Accept-Language": language})
    assert response.headers["content-language"] == language
    assert f'<html lang="{language}">' in response.text
    read_structure(response.text)


def test_links_inside_lead_somewhere(client: TestClient) -> None:
    seen, waiting = (
        set[str](),
        {"/", "/commitments/FR0043", "/commitments/FR0031", "/members/FRA", "/changes", source_path(client)},
    )
    for _ in range(60):
        if not (waiting := waiting - seen):
            break
        path = min(waiting)
        seen.add(path)
        response = client.get(path)
        assert response.status_code == 200, (path, response.text[-800:])
        if "text/html" in response.headers["content-type"]:
            links = (urlsplit(each.replace("&amp;", "&")) for each in read_structure(response.text).links)
            waiting |= {
                each._replace(fragment="").geturl()
                for each in links
                if not each.netloc and each.path and each.path != "/feed"
            }


def test_a_permanent_link_shows_the_same_bytes_apart_from_the_bar(client: TestClient) -> None:
    present = client.get("/commitments/FR0043")
    link = re.search(r'rel="bookmark" href="([^"]+)"', present.text)
    assert link
    past = client.get(link[1])
    assert past.status_code == 200
    assert "back to the present" in past.text
    assert past.headers["cache-control"] == "public, max-age=3600"

    def content(text: str) -> str:
        main = text[text.index("<main") : text.index("</main>")]
        return re.sub(r"\?at=\d+(&amp;)?", "?", main).replace("?", "")

    assert content(past.text) == content(present.text)


def test_a_permanent_link_shows_the_same_bytes_after_a_rebuild(client: TestClient, demonstration: System) -> None:
    paths = [path for path in PATHS if "at=" in path and "2018-12" not in path] + ["/compare?from=200&to=300&at=300"]
    before = [client.get(path).content for path in paths]
    demonstration.rebuild()
    assert [client.get(path).content for path in paths] == before


def test_what_the_reader_has_is_not_sent_again(client: TestClient) -> None:
    for path in ("/commitments", "/commitments/FR0043?at=250"):
        first = client.get(path)
        again = client.get(path, headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        policy = "content-security-policy"  # by which the browser replaces the one that it has
        assert again.headers[policy] == first.headers[policy]
        other = client.get(path, headers={"If-None-Match": first.headers["etag"], "Accept-Language": "fr"})
        assert other.status_code == 200


def test_pages_of_another_version_of_the_program_are_sent_anew(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    etag = client.get("/about").headers["etag"]
    monkeypatch.setattr("ogpgraph.site.endpoint.compute_version", lambda: "another")
    assert client.get("/about", headers={"If-None-Match": etag}).status_code == 200


@pytest.mark.parametrize("file", ["templates/about.html", "locale/fr.po", "documents/about.graphql", "views.py"])
def test_the_version_is_another_one_with_any_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    copy = tmp_path / "site"
    shutil.copytree(Path(rendering.__file__).parent, copy)
    monkeypatch.setattr(rendering, "files", lambda _package: copy)
    before = rendering.compute_version.__wrapped__()
    with (copy / file).open("a") as text:
        text.write(" ")
    assert rendering.compute_version.__wrapped__() != before


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/commitments/FR9999", 404, "There is nothing in the record at this address."),
        ("/commitments/FR0043?at=2", 404, "It may have been recorded later."),
        ("/members/ZZZ", 404, "There is nothing in the record"),
        ("/commitments/FR0043?at=99999999", 404, "does not reach that position yet"),
        ("/commitments/FR0043?at=yesterday", 400, "`at` is a position"),
        ("/commitments/FR0043?asOf=soon", 400, "`asOf` is a year"),
        ("/sources/nonsense", 404, "There is nothing in the record"),
        ("/things/commitment-" + "0" * 32, 404, "There is nothing in the record"),
        ("/commitments?after=nonsense", 400, "This page cannot be shown"),
        ("/commitments?cycle=soon", 400, "`cycle` is a whole number."),
        (f"/commitments?cycle={'9' * 5_000}", 400, "`cycle` is a whole number."),
        ("/commitments?completion=COMPLET", 400, "`completion` cannot be COMPLET: did you mean COMPLETE?"),
        ("/commitments?status=done", 400, "`status` cannot be done: it is one of"),
        ("/commitments?overdue=maybe", 400, "`overdue` cannot be maybe: it is one of true, false."),
        ("/commitments?order=size", 400, "`order` cannot be size: it is one of code, -code"),
        ("/changes?from=2018-02-30", 400, "`from` is a day"),
        ("/changes?cause=TRANSLATED", 400, "`cause` cannot be TRANSLATED: did you mean TRANSLATION?"),
        ("/changes?kind=everything", 400, "`kind` cannot be everything"),
        ("/compare?from=soon", 400, "`from` is a position"),
        ("/compare?from=2&to=soon", 400, "`to` is a position"),
        ("/compare?from=2&axis=both", 400, "`axis` cannot be both"),
        ("/compare?from=300&to=200", 400, "`from` is after `to`"),
        ("/compare?from=1999-01-01", 400, "`from` is before the first entry"),
        ("/compare?from=2&to=9999-12-31", 400, "`to` is before the first entry of the record, or in the future"),
        ("/compare?from=soon&to=2018&axis=effective", 400, "`from` is a year"),
        ("/compare?from=2018&axis=effective", 400, "give both"),
        ("/sources/source-0?entry=one", 400, "`entry` is a whole number."),
        ("/?csv=nonsense", 404, "Not found"),
    ],
)
def test_a_page_that_cannot_be_shown_says_why(client: TestClient, path: str, status: int, text: str) -> None:
    response = client.get(path)
    assert response.status_code == status, response.text
    assert text in re.sub(r"\s+", " ", response.text)
    assert response.headers["cache-control"] == "no-store"
    read_structure(response.text)


def test_an_address_that_does_not_exist_has_a_page_for_people(client: TestClient) -> None:
    for path in ("/nonsense", "/favicon.ico", "//example.org/nonsense"):
        response = client.get(f"http://localhost{path}", headers={"Accept-Language": "fr"})
        assert response.status_code == 404
        assert "Introuvable" in response.text
        assert not re.search('(?:href|action)="//', response.text)
        read_structure(response.text)
    response = client.get("/nonsense", headers={"Accept": "application/json"})
    assert response.json()["errors"][0]["extensions"]["code"] == "NOT_FOUND"


def test_a_browser_finds_the_icon_of_pages(client: TestClient) -> None:
    icon = re.search(r'rel="icon" href="([^"]+)"', client.get("/").text)
    assert icon
    assert client.get(icon[1]).headers["content-type"] == "image/svg+xml"


def test_the_page_of_failures_names_codes_that_exist() -> None:
    template = (Path(rendering.__file__).parent / "templates" / "failure.html").read_text("utf-8")
    named = set(re.findall(r'code == "(\w+)"', template))
    assert len(named) > 5
    assert named <= set(ERROR_CODES)


def test_programs_get_the_index_at_the_root(client: TestClient) -> None:
    response = client.get("/", headers={"Accept": "application/json"})
    assert {each["path"] for each in response.json()["endpoints"]} >= {"graphql", "console"}
    assert "query" in client.get("/console").text


def test_every_page_leads_to_its_data(client: TestClient) -> None:
    for path in ("/commitments/FR0043?at=250", "/members"):
        link = re.search(r'type="application/json" href="([^"]+)"', client.get(path).text)
        assert link
        response = client.get(link[1].replace("&amp;", "&"), headers={"Accept": "application/json"})
        assert response.status_code == 200
        assert "errors" not in response.json()


def test_charts_have_a_table_and_their_data(client: TestClient) -> None:
    page = client.get("/").text
    assert page.count("<svg") == page.count("</table>") >= 2
    lines = list(csv.reader(io.StringIO(client.get("/?csv=completion-by-year").text)))
    assert lines[0] == ["Year", "Complete", "Substantial", "Limited", "Withdrawn", "All commitments"]
    assert [line[0] for line in lines[1:]] == ["2015", "2018"]


def test_percentages_of_a_chart_add_up(system: System) -> None:
    ratings = enumerate(("Complete", "Substantial", "Limited"), start=1)
    rows = [row_2024(f"UY090{number}", Completion__End_Of_Term_=rating) for number, rating in ratings]
    import_file(system, build_csv("2024", rows), 2024)
    with browse(system) as client:
        _, *shares = csv.reader(io.StringIO(client.get("/members/URY?csv=compared").text))
    assert [sorted(row[1:]) for row in shares] == [["33", "33", "34"]] * 2


def test_a_table_is_sorted_by_links_in_both_directions(client: TestClient) -> None:
    def codes(order: str) -> list[str]:
        return re.findall(r'<td class="code">(\w+)</td>', client.get(f"/commitments?order={order}").text)

    assert codes("code") == sorted(codes("code"))
    assert codes("-code") == sorted(codes("code"), reverse=True)
    assert 'aria-sort="descending"' in client.get("/commitments?order=-code").text


def test_filters_and_facets_belong_together(client: TestClient) -> None:
    page = client.get("/commitments?completion=COMPLETE&cycle=2018").text
    assert re.search(r'value="COMPLETE" checked', page)
    counted = re.search(r"(\d+) commitments", page)
    assert counted
    assert page.count('<td class="code">') == int(counted[1])


def test_a_filter_of_what_is_true_also_finds_what_is_not(client: TestClient) -> None:
    every, overdue, others = (
        int(re.search(r"(\d+) commitments", client.get(f"/commitments{query}").text)[1])  # type: ignore[index]
        for query in ("", "?overdue=true", "?overdue=false")
    )
    assert overdue + others == every
    assert not re.search('name="overdue" value="true" checked', client.get("/commitments?overdue=false").text)


def test_what_is_not_known_at_a_date_can_be_chosen(system: System) -> None:
    for year, is_active in ((2022, "1"), (2024, "0")):
        import_file(system, build_csv("2024", [row_2024(Active_Commitment=is_active), row_2024("UY0902")]), year)
    with browse(system) as client:
        every = client.get("/commitments?asOf=2023").text
        assert "2 commitments" in every
        assert re.search(r'name="status" value="UNKNOWN">\s*<label [^>]+>Not known at this date ', every)
        assert "1 commitment<" in client.get("/commitments?asOf=2023&status=UNKNOWN").text
        assert "2 commitments" in client.get("/commitments?asOf=2023&status=UNKNOWN&status=ACTIVE").text


def test_what_is_not_known_at_a_date_is_not_called_unpublished(system: System) -> None:
    changed = {"Lead_Institution": "Ministry of Boats", "Completion__End_Of_Term_": "Complete", "Full_Text": "Other."}
    for year, row in ((2022, row_2024()), (2024, row_2024(**changed))):
        import_file(system, build_csv("2024", [row]), year)
    with browse(system) as client:
        page = re.sub(r"\s+", " ", client.get("/commitments/UY0901?asOf=2023").text)
        for label in ("Lead institution", "What was promised"):
            assert re.search(f">{label}</(?:dt|h2)> ?<[^>]+>(?:<[^>]+>)*Not known at this date", page), label
        completion = re.search('<th scope="row">Completion</th>.*?</tr>', page)
        assert completion
        assert "Not known at this date" in completion[0]
        assert "Not known at this date" in client.get("/commitments?asOf=2023").text
        assert "Not known at this date" not in client.get("/commitments/UY0901").text


def test_the_pages_of_a_search_lead_forward_and_to_the_first_one(client: TestClient) -> None:
    first = client.get("/search?q=open")
    following = re.search(r'rel="next" href="([^"]+)"', first.text)
    assert following
    second = client.get(following[1].replace("&amp;", "&")).text
    back = re.search(r'rel="first" href="([^"]+)"', second)
    assert back
    assert client.get(back[1]).text == first.text
    assert 'rel="prev"' not in second


def test_a_comparison_of_times_leads_to_that_of_positions(client: TestClient) -> None:
    response = client.get("/compare?from=2018-12-31&to=2020-01-01", follow_redirects=False)
    assert response.status_code == 302
    assert re.fullmatch(r"/compare\?from=\d+&to=\d+", response.headers["location"])


def test_every_form_keeps_the_moment_and_the_language(client: TestClient) -> None:
    for path in ("/", "/commitments", "/changes", "/compare", "/search", "/about"):
        page = client.get(path, params={"at": 250, "lang": "es"}).text
        for form in re.findall("<form.*?</form>", page, re.DOTALL):
            assert 'name="lang" value="es"' in form
            assert 'name="at"' in form


def test_a_search_shows_what_it_found_and_where(client: TestClient) -> None:
    page = client.get("/search?q=procurement").text
    assert re.search(r"\d+ results", page)
    assert re.search(r"<mark>[Pp]rocurement</mark>", page)
    assert "Searched also for" in client.get("/search?q=procuremant").text
    assert "Nothing was found" in client.get("/search?q=xyzzyx").text
    assert "<script>" not in client.get("/search?q=%3Cscript%3E").text


def test_a_link_of_a_change_leads_to_the_page_of_the_thing(client: TestClient) -> None:
    link = re.search(r'href="(/things/[^"]+)"', client.get("/commitments/FR0031").text)
    assert link
    assert re.search("/commitments/FR[0-9]{4}$", str(client.get(link[1]).url))


def test_a_passage_is_marked_in_the_text_of_its_source(client: TestClient) -> None:
    quoted = re.search(
        r'<q dir="auto">([^<]+)</q> <a href="(/sources/[^"#]+)#(passage-\d+)"', client.get("/commitments/FR0043").text
    )
    assert quoted
    source = client.get(quoted[2]).text
    marked = re.search(rf'<mark id="{quoted[3]}"[^>]*>([^<]+)</mark>', source)
    assert marked
    assert quoted[1].startswith(marked[1][:10])


def follow_fragments(client: TestClient, path: str) -> int:
    """Follow the links of a page that lead to a part of another one, which has to be there; returns their number."""
    links = [urlsplit(each) for each in read_structure(client.get(path).text).links if "/" in each and "#" in each]
    pages = {
        page: read_structure(client.get(page).text) for page in {each._replace(fragment="").geturl() for each in links}
    }
    for link in links:
        ids = pages[link._replace(fragment="").geturl()].ids
        assert ids.count(link.fragment) == 1, link.geturl()
    return len(links)


def test_a_value_leads_to_the_entry_and_the_passage_that_it_rests_on(client: TestClient) -> None:
    assert follow_fragments(client, "/commitments/FR0043") > 20


def test_a_value_leads_to_its_cell_in_a_file(system: System) -> None:
    codes = [f"UY09{number:02}" for number in range(60)]
    import_file(system, build_csv("2024", [row_2024(code) for code in codes]), 2024)
    with browse(system) as client:
        for code in (codes[0], codes[-1]):
            assert follow_fragments(client, f"/commitments/{code}") > 20
        link = re.search(r'href="(/sources/[^"#]+entry=[^"#]+)#', client.get(f"/commitments/{codes[0]}").text)
        assert link
        source = client.get(link[1].replace("&amp;", "&")).text
        assert f"ferries ({codes[0]})" in source
        assert f"ferries ({codes[1]})" not in source
        newest = client.get(urlsplit(link[1]).path).text
        assert f"ferries ({codes[-1]})" in newest
        assert f"ferries ({codes[0]})" not in newest
        assert 'rel="next"' in newest


def test_texts_of_the_record_are_escaped(client: TestClient) -> None:
    hostile = '"><script>alert(1)</script>'
    for path in (
        f"/commitments?area={hostile}",
        f"/commitments/{hostile}",
        f"/compare?from={hostile}",
        f"/changes?member={hostile}",
    ):
        assert "<script>alert" not in client.get(path).text


def test_texts_of_the_record_have_their_own_direction(system: System) -> None:
    row = row_2024(
        "TN0001", Commitment_Title="تعزيز الشفافية (2018)", Full_Text="التزام الحكومة.", Country_Locality="Tunisia"
    )
    import_file(system, build_csv("2024", [row]), 2024)
    with browse(system) as client:
        page = client.get("/commitments/TN0001").text
        assert re.search('<h1 dir="auto">تعزيز', page)
        assert re.search('<div class="prose" dir="auto">التزام', page)
        assert "<bdi>Ministry of Ferries</bdi>" in page.replace('<bdi dir="auto">', "<bdi>")
        assert re.search("<a [^>]*><bdi>تعزيز", client.get("/commitments").text)


def test_the_policy_allows_nothing_but_this_server(client: TestClient) -> None:
    policy = client.get("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r'(?:src|href)="(?:https?:)?//(?!localhost)', client.get("/about").text)


def test_files_of_pages_may_be_kept_for_ever(client: TestClient) -> None:
    address = re.search(r'src="(/static/[^"]+)"', client.get("/").text)
    assert address
    response = client.get(address[1])
    assert "immutable" in response.headers["cache-control"]
    assert len(response.content) < 15_000
    assert client.get(address[1].replace("/static/", "/static/0")).status_code == 404
