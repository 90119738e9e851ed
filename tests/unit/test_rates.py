from datetime import date
from importlib.resources import files

import pytest

from gladius_widgets.core.config.load import config_from_values
from gladius_widgets.core.errors import ConfigError
from gladius_widgets.core.money.rates import (
    PACKAGED,
    job_price,
    load_rates,
    unused_gpu_type,
    usable_rates,
)

OWN = "as_of: 2026-01-02\ncurrency: EUR\ngpus:\n  H100: {spot: 2, on_demand: 3.5}\n  cpu: 0.05\n"


def test_the_packaged_file_has_the_specified_prices(home):
    rates = load_rates(home)
    assert rates.source == PACKAGED
    assert (rates.price("H100", spot=True).hourly, rates.currency) == (2.49, "USD")
    assert rates.price("h100", spot=False).hourly == 7.99
    assert rates.as_of is not None
    assert (files("gladius_widgets.core.money") / "rates.yaml").is_file()


def test_a_home_has_its_own(home):
    home.root.mkdir()
    home.rates.write_text(OWN)
    rates = load_rates(home)
    assert (rates.source, rates.as_of, rates.currency) == (home.rates, date(2026, 1, 2), "EUR")
    assert rates.price("H100", spot=True).hourly == 2
    assert rates.price("cpu", spot=False).hourly == 0.05
    home.rates.write_text(OWN.replace("3.5", "3.75"))
    assert load_rates(home).price("H100", spot=False).hourly == 3.75


def test_an_unknown_gpu_has_no_price_and_says_what_to_do(home):
    price = load_rates(home).price("H1000", spot=False)
    assert price.hourly is None
    assert "'H1000'" in price.reason
    assert "Did you mean 'H100'?" in price.reason
    assert "cost.hourly_rate" in price.reason
    assert not price.expected


def test_a_missing_spot_price_is_not_the_on_demand_one(home):
    price = load_rates(home).price("L4", spot=True)
    assert price.hourly is None
    assert "no spot price for L4" in price.reason


def test_cpu_work_without_a_price_is_nothing_to_mend(home):
    price = load_rates(home).price("cpu", spot=False)
    assert (price.hourly, price.expected) == (None, True)
    assert price.reason.startswith("CPU work has no price")


def test_no_gpu_type_says_which_key_to_set(home):
    assert "resources.gpu_type" in load_rates(home).price(None, spot=False).reason


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("currency: USD\ngpus: {}\n", "'as_of' is missing"),
        (OWN.replace("3.5", "cheap"), "line 4: 'gpus.H100.on_demand'"),
        (OWN.replace("3.5", "-1"), "line 4: 'gpus.H100.on_demand'"),
        (OWN.replace("3.5", ".nan"), "line 4: 'gpus.H100.on_demand'"),
        (OWN.replace("3.5", "true"), "line 4: 'gpus.H100.on_demand'"),
        (OWN.replace("on_demand", "ondemand"), "Did you mean 'on_demand'?"),
        (OWN.replace("EUR", "euro"), "line 2: 'currency'"),
        (OWN.replace("2026-01-02", "yesterday"), "line 1: 'as_of'"),
        (OWN + "gpu: 1\n", "there is no key 'gpu'. Did you mean 'gpus'?"),
        (OWN.replace("gpus:", "gpus: 3\nrest:"), "'gpus'"),
        ("- a\n", "rates.yaml"),
        ("a: [", "rates.yaml"),
    ],
)
def test_a_malformed_file_is_one_sentence_naming_file_and_key(home, text, said):
    home.root.mkdir()
    home.rates.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_rates(home)
    assert str(home.rates) in str(caught.value)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    rates = usable_rates(home)  # nobody who only shows prices has to fail
    assert rates.problem == str(caught.value)
    assert rates.price("H100", spot=True).hourly is None
    assert rates.price("H100", spot=True).reason == rates.problem


def config(resources=None, cost=None):
    return config_from_values(
        {
            "model": {"name": "m"},
            "data": {"path": "d"},
            "resources": resources or {},
            "cost": cost or {},
        }
    )


H100 = {"device": "gpu", "gpu_type": "H100"}


def test_the_configs_own_rate_wins(home):
    home.root.mkdir()
    home.rates.write_text("broken: [")
    price = job_price(config(H100, {"hourly_rate": 1.5, "currency": "EUR"}), 1, home)
    assert (price.hourly, price.currency, price.reason) == (1.5, "EUR", "")


def test_spot_and_on_demand_are_looked_up(home):
    assert job_price(config({**H100, "spot": True}), 1, home).hourly == 2.49
    assert job_price(config(H100), 1, home).hourly == 7.99
    assert job_price(config({"gpu_type": "H100"}), 0, home).hourly == 7.99  # on some other machine
    assert job_price(config({"gpu_type": "H100", "device": "cpu"}), 0, home).hourly is None


def test_what_nobody_asked_about_is_no_trouble_and_what_somebody_did_is(home):
    assert job_price(config(), 0, home).expected  # CPU
    assert job_price(config({"device": "gpu"}), 1, home).expected  # one's own, of no type
    assert not job_price(config({**H100, "gpu_type": "H1000"}), 1, home).expected
    assert not job_price(config(cost={"budget": 10.0}), 0, home).expected


def test_a_gpu_type_that_does_not_count_is_told(home):
    on_cpu = {"gpu_type": "H100", "device": "cpu"}
    assert unused_gpu_type(config(on_cpu)).startswith("resources.gpu_type H100 is not used")
    assert [unused_gpu_type(config(one)) for one in ({}, H100, {"device": "cpu"})] == [""] * 3


def test_amounts_in_another_currency_cannot_be_compared(home):
    home.root.mkdir()
    home.rates.write_text(OWN)
    assert job_price(config(H100), 1, home).currency == "EUR"
    price = job_price(config(H100, {"budget": 10.0}), 1, home)
    assert price.hourly is None
    assert "EUR" in price.reason
    assert "USD" in price.reason
    assert job_price(config(H100, {"budget": 10.0, "currency": "EUR"}), 1, home).hourly == 3.5
