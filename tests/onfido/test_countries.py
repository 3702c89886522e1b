"""Countries and states as people write them, and the codes that Onfido takes."""

from __future__ import annotations

import pytest
from pycountry import countries

from connector.onfido.countries import as_onfido_writes, country_code, state_code
from connector.simulator.countries import COUNTRIES


@pytest.mark.parametrize(
    ("code", "written"),
    [
        ("GBR", ["GB", "gb", "GBR", "GBR ", "\u00a0gbr", "UK", "U.K.", "United Kingdom", "the united  kingdom"]),
        ("GBR", ["United Kingdom of Great Britain and Northern Ireland", "Great Britain", "England", "Wales"]),
        ("USA", ["US", "U.S.", "USA", "U.S.A.", "United States", "The United States of America", "America"]),
        ("RKS", ["Kosovo", "XK", "XKX", "RKS", "Republic of Kosovo"]),
        ("KOR", ["South Korea", "Korea, Republic of", "Republic of Korea", "KR"]),
        ("PRK", ["North Korea", "Korea, Democratic People\u2019s Republic of", "DPRK"]),
        ("COD", ["DR Congo", "Congo, The Democratic Republic of the", "Democratic Republic of the Congo"]),
        ("COG", ["Congo", "Republic of the Congo", "Congo-Brazzaville"]),
        ("CIV", ["C\u00f4te d'Ivoire", "Cote d\u2019Ivoire", "Ivory Coast", "Co\u0302te dIvoire"]),
        ("TUR", ["T\u00fcrkiye", "Turkiye", "Turkey", "TURKEY"]),
        ("CZE", ["Czechia", "Czech Republic", "The Czech Republic"]),
        ("LKA", ["Sri Lanka", "LK"]),
        ("VNM", ["Viet Nam", "Vietnam"]),
        ("RUS", ["Russia", "Russian Federation"]),
        ("BIH", ["Bosnia and Herzegovina", "Bosnia & Herzegovina", "Bosnia-Herzegovina"]),
        ("TTO", ["Trinidad & Tobago"]),
        ("LCA", ["St. Lucia", "Saint Lucia", "St Lucia"]),
        ("NLD", ["The Netherlands", "Holland"]),
        ("CUW", ["Cura\u00e7ao", "Curacao"]),
        ("HKG", ["Hong Kong", "Hong Kong SAR China"]),
        ("AND", ["AND", "and", "AD", "Andorra"]),
        ("NER", ["Niger"]),
        ("DMA", ["Dominica"]),
        ("VAT", ["Vatican City", "Holy See (Vatican City State)"]),
        ("FSM", ["Micronesia", "Federated States of Micronesia"]),
        ("GRC", ["EL", "GR", "Greece", "Hellenic Republic"]),
        # Initials with spaces, invisible characters, full width, other apostrophes, underscores.
        ("GBR", ["U. K.", "\uff27\uff22", "U\u200bK", "\u200fUK\u200f", "UNITED_KINGDOM", "united-kingdom"]),
        ("USA", ["U. S. A.", "\u200eUnited\u3000States", "united_states"]),
        ("FRA", ["F\u200drance", "\ufeffFrance", "\uff26\uff52\uff41\uff4e\uff43\uff45"]),
        ("CIV", ["Cote d`Ivoire", "C\u00f4te d\u00b4Ivoire", "C\u00f4te d\u02bcIvoire", "Cote d Ivoire"]),
        ("TUR", ["T\u00dcRK\u0130YE", "T\u00fcrk\u0131ye", "Republic of Turkey"]),
        ("COD", ["D.R. Congo", "D. R. Congo", "D.R.C.", "Congo (Dem. Rep.)", "Congo (DRC)"]),
        ("HKG", ["Hong Kong S.A.R."]),
        ("KOR", ["S. Korea", "ROK"]),
        ("SXM", ["St. Maarten", "Sint Maarten (Dutch part)"]),
        ("VIR", ["Virgin Islands (U.S.)", "U.S. Virgin Islands"]),
        # One country, named twice.
        ("GBR", ["United Kingdom (UK)", "Great Britain (GB)", "England, UK", "UK / United Kingdom"]),
        ("USA", ["United States (USA)", "USA, United States of America"]),
    ],
)
def test_a_country_is_found_by_its_codes_and_its_english_names(code: str, written: list[str]) -> None:
    assert {each: country_code(each) for each in written} == dict.fromkeys(written, code)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "the",
        "Atlantis",
        "Korea",
        "QQQ",
        "ZZ",
        "Deutschlandia",
        "12",
        "\u3000",
        "()",
        "Georgia, USA",
        "London, UK",
    ],
)
def test_an_unknown_country_has_no_code(text: str) -> None:
    assert country_code(text) is None


def test_every_iso_country_is_found_by_every_code_and_name_and_accepted_by_onfido() -> None:
    for country in countries:
        names = [
            getattr(country, name, None) for name in ("alpha_2", "alpha_3", "name", "official_name", "common_name")
        ]
        known = [name for name in names if name]
        assert {name: country_code(name) for name in known} == dict.fromkeys(known, country.alpha_3)
    assert {country.alpha_3 for country in countries} | {"RKS"} == COUNTRIES


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("NY", "NY"),
        ("ny", "NY"),
        ("New York", "NY"),
        ("california", "CA"),
        ("D.C.", "DC"),
        ("District of Columbia", "DC"),
        ("Puerto Rico", "PR"),
        ("Bavaria", None),
        ("", None),
    ],
)
def test_a_us_state_is_found_by_its_code_and_name(text: str, code: str | None) -> None:
    assert state_code(text) == code


def test_only_countries_and_us_states_are_rewritten() -> None:
    values = {
        "first_name": "GB",
        "address.country": "United States",
        "address.state": "California",
        "location.country_of_residence": "UK",
    }
    assert as_onfido_writes(values) == values | {
        "address.country": "USA",
        "address.state": "CA",
        "location.country_of_residence": "GBR",
    }
    german = {"address.country": "Germany", "address.state": "Georgia"}
    assert as_onfido_writes(german) == {"address.country": "DEU", "address.state": "Georgia"}
    unknown = {"address.country": "Atlantis", "location.country_of_residence": "QQQ"}
    assert as_onfido_writes(unknown) == unknown
