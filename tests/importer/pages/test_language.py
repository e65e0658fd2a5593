"""The language of a page: by its labels and its whole text, and by name where it is not read."""

from __future__ import annotations

import pytest

from ogpgraph.domain.event import Origin
from ogpgraph.importer.pages.extraction import UnreadableInput
from tests.importer.pages.page_assertions import assert_consistent, extracted_value, read_page_text, read_sample_page

HEADER, PLAN, DESCRIPTION, NARRATIVE = Origin.HEADER, Origin.PLAN, Origin.DESCRIPTION, Origin.NARRATIVE

ITALIAN = """Uruguay

Tabelle dei traghetti (UY0901)

Panoramica

Piano d'azione: Piano d'azione Uruguay 2018-2020

Ciclo del piano d'azione: 2018

Status: Attivo

Istituzioni

Istituzione capofila: Ministero dei traghetti

Istituzioni di supporto: Nessuna

Design i

Verificabile: Sì

Impatto potenziale: Moderato

Descrizione

Le tabelle di tutti i traghetti sono pubblicate su internet, perché chiunque possa leggerle prima di partire.
"""
GALICIAN = """Uruguay

Táboas dos transbordadores (UY0901)

Resumo

Plan de acción: Plan de acción de Uruguai 2018-2020

Ciclo do plan de acción: 2018

Estado: Activo

Institucións

Institución principal: Ministerio dos transbordadores

Áreas de política

Datos abertos

Revisión do IRM

Resultados iniciais: Pendente da revisión do IRM

Verificable: si

Impacto potencial: Moderado

Descrición

As táboas de todos os transbordadores publícanse para que calquera persoa as poida ler antes de saír da súa casa.
"""
UKRAINIAN = """Уругвай

Розклад поромів (UY0901)

Огляд

План дій: План дій Уругваю 2018-2020

Статус: Активний

Установи

Провідна установа: Міністерство поромів

Опис

Розклад усіх поромів друкується і публікується, щоб кожен міг прочитати його перед подорожжю.
"""
DUTCH = """Uruguay

Tabellen van de veerponten (UY0901)

Overzicht

Actieplan: Actieplan Uruguay 2018-2020

Status: Actief

Instellingen

Design i

Beginresultaten: in afwachting van beoordeling

Ambition: hoog

Omschrijving

De tabellen van alle veerponten worden gedrukt, zodat iedereen ze kan lezen voordat hij van huis gaat.
"""


GEORGIAN = """Uruguay

ბორნების ცხრილები (UY0901)

Overview

სამოქმედო გეგმა: Uruguay Action Plan 2018-2020

სამოქმედო გეგმის ციკლი: 2018

სტატუსი: აქტიური

Institutions

წამყვანი დაწესებულება: ბორნების სამინისტრო

IRM Review

Relevant to OGP Values: დიახ

Potential Impact:

აღწერა

ყველა ბორნის ცხრილი იბეჭდება, რომ ყველამ შეძლოს მისი წაკითხვა სახლიდან გასვლამდე და დაგეგმოს მგზავრობა.
"""
ARABIC = """Uruguay

جداول العبارات (UY0901)

Overview

خطة العمل: Uruguay Action Plan 2018-2020

دورة خطة العمل: 2018

الحالة: نشط

Institutions

المؤسسة الرائدة: وزارة العبارات

IRM Review

Relevant to OGP Values: نعم

Potential Impact:

الوصف

تطبع جداول جميع العبارات حتى يتمكن الجميع من قراءتها قبل مغادرة المنزل والتخطيط لرحلاتهم.
وتنشر الوزارة التقارير السنوية عن عدد الركاب في كل عبارة وعن الأموال التي أنفقت على صيانتها.
"""


@pytest.mark.parametrize(
    ("page", "language"),
    [
        (GEORGIAN, "Georgian"),
        (ARABIC, "Arabic"),
        (ITALIAN, "Italian"),
        (GALICIAN, "Galician"),
        (UKRAINIAN, "Ukrainian"),
        (DUTCH, "Dutch"),
    ],
)
def test_a_page_in_a_language_that_is_not_read_is_refused_by_name(page: str, language: str) -> None:
    with pytest.raises(UnreadableInput, match=f"the page is in {language}, and pages are read in English, French,"):
        read_page_text(page)


def test_a_page_in_portuguese_is_read() -> None:
    page = read_sample_page("orcamento_pt.txt")
    assert_consistent(page)
    assert (page.language, page.layout, page.translation_kind) == ("pt", "L1", "MACHINE")
    expected = {
        (HEADER, "title/pt"): "Orçamentos abertos para cada vila",
        (HEADER, "status"): "ACTIVE",
        (HEADER, "leadInstitutions/pt"): ("Ministério das Finanças",),
        (HEADER, "supportingInstitutions/pt"): ("União das Vilas", "Tribunal de Contas"),
        (HEADER, "policyAreas"): ("Fiscal Openness", "Legislation & Regulation"),
        (HEADER, "policyAreasUnrecognised/pt"): ("Lanternas",),
        (HEADER, "irmReports/pt"): ("Relatório de desenho de Portugal 2018-2020",),
        (HEADER, "ratings/STARRED/RESULTS"): "YES",
        (HEADER, "ratings/EARLY_RESULTS/RESULTS"): "MAJOR",
        (HEADER, "ratings/VERIFIABLE/DESIGN"): "YES",
        (HEADER, "ratings/RELEVANCE/DESIGN/CIVIC_PARTICIPATION"): "YES",
        (HEADER, "ratings/COMPLETION/RESULTS"): "PENDING",
        (PLAN, "number"): "7",
        (PLAN, "startsOn"): "2018-09",
        (PLAN, "endsOn"): "2020-08-31",
        (DESCRIPTION, "milestones/7.1/startsOn"): "2019-03",
        (DESCRIPTION, "milestones/7.2/endsOn"): "2020/..",
        (NARRATIVE, "ratings/VERIFIABLE/DESIGN"): "YES",
    }
    assert {(origin, path): extracted_value(page, origin, path) for origin, path in expected} == expected


def test_the_governments_own_words_may_be_in_any_language_on_an_english_page() -> None:
    page = read_sample_page("budget_en.txt")
    start, end = page.text.index("Every town prints"), page.text.index("IRM Midterm")
    body = "As táboas de todos os transbordadores publícanse para que calquera persoa as poida ler. " * 5
    assert read_page_text(page.text[:start] + body + "\n\n" + page.text[end:]).language == "en"
