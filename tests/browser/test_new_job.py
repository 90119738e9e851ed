"""The form for a new job, in a real browser: mouse, keyboard alone, rubbish, and a real job."""

import json
import os
import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from live_job import start_pages, wait_for_status
from playwright.sync_api import Page, expect
from support import processes_on, wait_until

from gladius_widgets.client import Client
from gladius_widgets.core.states import JobStatus

PAGE = "voila/render/new.ipynb"


@pytest.fixture(scope="module")
def pages(start_server, tmp_path_factory):
    """A page server of our own."""
    server = start_pages(start_server, tmp_path_factory.mktemp("new"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def client(pages):
    return Client(pages.home)


@pytest.fixture
def new_page(pages, open_page):
    """Opens the form and waits until it is drawn."""

    def open_(query: str = "", **options) -> Page:
        page = open_page(pages.url(f"{PAGE}?{query}"), **options)
        expect(submit_button(page)).to_be_visible(timeout=30_000)
        return page

    return open_


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """A data file with good rows, bad rows and a row that would like to be HTML."""
    path = tmp_path_factory.mktemp("data") / "chats.jsonl"
    turns = [
        {"role": "user", "content": "<img src=x onerror=alert(1)> hello"},
        {"role": "assistant", "content": "good " * 200},
    ]
    path.write_text("\n".join([json.dumps({"messages": turns})] * 30 + ["{broken", "{}"]))
    return path


def submit_button(page: Page):
    return page.get_by_role("button", name=re.compile("^Submit"))


def field(page: Page, label: str):
    return page.get_by_label(label, exact=True)


def yaml(page: Page):
    return page.get_by_role("textbox", name="YAML")


def fill(page: Page, label: str, text: str):
    field(page, label).fill(text)
    field(page, label).press("Enter")


def summary(page: Page):
    return page.get_by_role("alert")


def violations(page: Page) -> list[str]:
    """Everything that axe-core finds, of any impact."""
    found = Axe().run(page).response["violations"]
    return [f"{v['id']}: {v['help']} {[n['target'] for n in v['nodes']][:4]}" for v in found]


def test_fields_and_yaml_are_two_views_of_one_text(new_page):
    page = new_page()
    field(page, "Start from").select_option("moe_chitchat")
    expect(field(page, "Max steps")).to_have_value("4000")
    expect(field(page, "Job name")).to_have_value("moe_chitchat")
    expect(yaml(page)).to_have_value(re.compile("hourly_rate: 0.1 # a small rented machine"))

    fill(page, "Max steps", "70")
    fill(page, "Learning rate", "3e-4")
    page.get_by_role("switch", name="LoRA").click()
    field(page, "Schedule").select_option("linear")
    field(page, "Validation share").fill("0.05")  # the default
    expect(yaml(page)).to_have_value(re.compile("max_steps: 70\n"))
    expect(yaml(page)).to_have_value(re.compile("learning_rate: 3e-4\n  schedule: linear\n"))
    expect(yaml(page)).to_have_value(re.compile("lora:\n  enabled: true\n"))
    expect(yaml(page)).to_have_value(re.compile("# a small rented machine"))
    expect(yaml(page)).not_to_have_value(re.compile("validation_share"))

    yaml(page).fill(yaml(page).input_value().replace("max_steps: 70", "max_steps: 71 # so many"))
    expect(field(page, "Max steps")).to_have_value("71")
    page.get_by_role("button", name="More: Epochs").click()
    expect(yaml(page)).to_have_value(re.compile("max_steps: 71 # so many\n  epochs: 2\n"))
    page.get_by_role("button", name="Less: Epochs").click()
    expect(yaml(page)).not_to_have_value(re.compile("epochs"))

    page.locator("summary").filter(has_text="Optimization").click()
    field(page, "Betas").fill("[0.8, 0.9")
    field(page, "Betas").press("Tab")
    expect(page.locator(".gw-hp__e")).to_contain_text("expected ',' or ']'")
    field(page, "Betas").fill("[0.8, 0.9]")
    field(page, "Betas").press("Tab")
    expect(yaml(page)).to_have_value(re.compile(r"betas: \[0.8, 0.9\]"))
    expect(page.locator(".gw-hp__e")).to_have_count(0)

    field(page, "Start from").select_option("qwen_moe")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("What you have written is replaced.")
    dialog.get_by_role("button", name="Go Back").click()
    expect(field(page, "Start from")).to_have_value("moe_chitchat")
    expect(field(page, "Max steps")).to_have_value("71")
    field(page, "Start from").select_option("qwen_moe")
    dialog.get_by_role("button", name="Replace").click()
    expect(field(page, "Max length")).to_have_value("2048")


def test_the_estimate_follows_the_fields(new_page):
    page = new_page("preset=moe_chitchat")
    estimate = page.get_by_role("region", name="Estimate")
    expect(estimate).to_contain_text("$0.03 – $0.05")
    expect(estimate).to_contain_text("4,000")
    fill(page, "Max steps", "1,234")
    expect(estimate).to_contain_text("1,234")
    fill(page, "Max steps", "0")
    expect(estimate).to_contain_text("Shown when all fields are right.")
    expect(estimate).to_contain_text("–")


def test_mistakes_stand_beside_their_fields_and_above(new_page, client):
    jobs = client.count()
    page = new_page()
    expect(page.locator(".gw-hp__e")).to_have_count(0)  # nothing is held against an empty form
    submit_button(page).click()
    expect(summary(page)).to_contain_text("3 things to mend before the job can be submitted.")
    expect(summary(page)).to_be_focused()
    name = field(page, "Model")
    expect(name).to_have_attribute("aria-invalid", "true")
    described = name.get_attribute("aria-describedby").split()[-1]
    expect(page.locator(f"[id='{described}']")).to_contain_text("It is needed.")

    summary(page).get_by_role("link", name="Data · Data").click()
    expect(field(page, "Data")).to_be_focused()
    fill(page, "Data", "x.jsonl")
    fill(page, "Model", "<b>m</b>")
    fill(page, "Job name", "ok")
    expect(summary(page)).to_have_count(0)

    yaml(page).fill(yaml(page).input_value() + "\nmoe:\n  aux_los_coef: 1\n")
    said = page.get_by_role("region", name="YAML")
    expect(said).to_contain_text(
        "there is no key 'moe.aux_los_coef'. Did you mean 'aux_loss_coef'?"
    )
    expect(page.locator(".gw-yaml__n .is-bad")).to_have_text("8")
    expect(summary(page).get_by_role("link", name="YAML")).to_be_visible()
    summary(page).get_by_role("link", name="YAML").click()
    expect(yaml(page)).to_be_focused()

    broken = "model:\n  name: [unclosed\n"
    yaml(page).fill(broken)
    expect(said).to_contain_text("YAML, line 3: expected ',' or ']'")
    expect(yaml(page)).to_have_value(broken)
    expect(name).to_be_disabled()
    said.get_by_role("button", name="Back to the Last Readable Text").click()
    expect(name).to_be_enabled()
    expect(name).to_have_value("<b>m</b>")

    yaml(page).fill("model: {name: m}\ndata: {path: x}\nalerts: {memory_share: 7}\n")
    summary(page).get_by_role("link", name="Alerts · Memory share").click()  # it is folded away
    expect(field(page, "Memory share")).to_be_focused()
    expect(field(page, "Memory share")).to_be_in_viewport()
    assert client.count() == jobs


def test_rubbish_in_a_field_is_one_sentence(new_page):
    page = new_page("preset=moe_chitchat")
    for label, typed, sentence in (
        ("Max steps", "1e999", "Must be a whole number, but is inf."),
        ("Learning rate", "NaN", "Must be a number, but is 'NaN'."),
        ("Learning rate", "-1", "Input should be greater than 0"),
        ("Job name", "x" * 500, "The job's name has 500 characters; 200 is the most."),
        ("Job name", "", "The job's name is empty."),
        ("Start at", "2001-01-01T00:00", "This moment has passed."),
    ):
        before = field(page, label).input_value()
        fill(page, label, typed)
        field(page, label).blur()
        expect(page.locator(".gw-hp__e")).to_contain_text(sentence)
        fill(page, label, before)
        field(page, label).blur()
        expect(page.locator(".gw-hp__e")).to_have_count(0)


def test_rubbish_in_the_yaml_is_one_sentence(new_page):
    page = new_page("preset=no_such_preset")
    expect(page.locator(".gw-toast")).to_contain_text("There is no preset 'no_such_preset'.")
    page = new_page("clone=<b>no-such-job</b>")
    expect(page.locator(".gw-toast")).to_contain_text("There is no job '<b>no-such-job</b>'")
    said = page.get_by_role("region", name="YAML")
    bomb = "a: &a [1,1,1,1,1,1,1,1]\n"
    for old, new in zip("abcdef", "bcdefg", strict=True):
        bomb += f"{new}: &{new} [{','.join(['*' + old] * 8)}]\n"
    for text, sentence in ((bomb, "more than 32 aliases"), ("[" * 50, "nested deeper than 16"),
                           ("<script>alert(1)</script>", "holds no 'key: value' pairs"),
                           ("# " + "x" * 70_000, "has more than 64 KiB")):  # fmt: skip
        yaml(page).fill(text)
        expect(said).to_contain_text(sentence)


def test_preview_of_the_data(new_page, data):
    page = new_page("preset=moe_chitchat")
    fill(page, "Data", str(data))
    page.get_by_role("button", name="Preview Data").click()
    rows = page.get_by_role("list", name="First rows").get_by_role("listitem")
    expect(rows).to_have_count(5, timeout=60_000)
    expect(rows.first).to_contain_text("<img src=x onerror=alert(1)> hello")
    learnt = rows.first.locator("mark")
    expect(learnt).to_contain_text("good good")
    expect(learnt).not_to_contain_text("<|im_start|>user")  # nothing predicts the first token
    card = page.get_by_role("region", name="Model and data")
    expect(card).to_contain_text("Left out: a line is not JSON (1, first at 31); no known columns")
    expect(card.get_by_role("row").filter(has_text="chats.jsonl")).to_contain_text("32")
    expect(card.get_by_role("row").filter(has_text="Tokens")).to_be_visible()
    fill(page, "Max length", "64")
    expect(card).to_contain_text("The settings have changed since.")


def test_preview_of_what_cannot_be_read(new_page, tmp_path, pages):
    page = new_page("preset=moe_chitchat")
    fill(page, "Data", "../no/such/file.jsonl")
    page.get_by_role("button", name="Preview Data").click()
    problem = page.get_by_role("region", name="Model and data").get_by_role("alert")
    expect(problem).to_contain_text("There is no data file", timeout=30_000)
    fill(page, "Data", str(tmp_path))
    page.get_by_role("button", name="Preview Data").click()
    expect(problem).to_contain_text("holds no data file", timeout=30_000)
    os.mkfifo(tmp_path / "endless.jsonl")
    page.get_by_role("button", name="Preview Data").click()
    page.get_by_role("button", name="Cancel Preview").click()
    expect(page.get_by_role("button", name="Preview Data")).to_be_visible()
    wait_until(lambda: not previews(pages), 10, "the end of the preview's process")


def previews(pages):
    found = processes_on(pages.home.root)
    return [p for p in found if "training.preview" in " ".join(p.cmdline())]


def test_mouse_alone_submits_once_and_holds(new_page, client, data):
    page = new_page("preset=moe_chitchat")
    fill(page, "Job name", "<i>../held</i>")
    fill(page, "Data", str(data))
    expect(page.get_by_role("region", name="Queue")).to_contain_text("0 of 3 slots busy")
    page.get_by_role("switch", name="Hold in the queue").click()
    submit_button(page).dblclick()
    expect(page).to_have_url(re.compile(r"jobs\.ipynb\?tab=queue"), timeout=30_000)
    (job,) = client.jobs(search="held")
    assert (job.name, job.held, job.status) == ("<i>../held</i>", True, JobStatus.QUEUED)
    assert client.config(job.id).data.path == str(data)
    assert client.config(job.id).training.max_steps == 4000

    page = new_page(f"clone={job.id}")  # the job is a good one to start from
    expect(field(page, "Job name")).to_have_value("<i>../held</i> (copy)")
    expect(field(page, "Data")).to_have_value(str(data))
    expect(yaml(page)).to_have_value(re.compile(f"^# From the job {job.id}\n"))
    expect(field(page, "After another job").locator("option")).to_have_count(2)
    field(page, "After another job").select_option(job.id)
    submit_button(page).click()
    expect(page).to_have_url(re.compile(r"jobs\.ipynb\?tab=queue"), timeout=30_000)
    (copy,) = client.jobs(search="copy")
    assert list(copy.depends_on) == [job.id]
    assert client.config(copy.id) == client.config(job.id)


def test_a_refusal_is_said_and_nothing_is_lost(new_page, client):
    jobs = client.count()
    page = new_page("preset=moe_chitchat")
    fill(page, "Data", "/no/such/data.jsonl")
    estimate = page.get_by_role("region", name="Estimate")
    expect(estimate).to_contain_text("there is no file or folder /no/such/data")
    submit_button(page).click()
    expect(summary(page)).to_contain_text("data.path: there is no file or folder /no/such/data")
    expect(summary(page)).to_be_focused()
    expect(submit_button(page)).to_be_enabled()
    expect(field(page, "Data")).to_have_value("/no/such/data.jsonl")
    assert client.count() == jobs


def test_keyboard_alone_creates_a_job_that_trains(new_page, client):
    page = new_page()
    keyboard = page.keyboard

    def tab_to(label: str) -> None:
        wanted = page.locator("input, select, textarea, button").and_(
            page.get_by_label(label, exact=True).or_(page.get_by_role("button", name=label))
        )
        for _ in range(60):
            keyboard.press("Tab")
            if wanted.evaluate("one => one === document.activeElement"):
                return
        raise AssertionError(f"no way to {label} by Tab")

    def type_over(text: str) -> None:
        keyboard.press("Control+a")
        keyboard.insert_text(text)

    tab_to("Start from")
    keyboard.type("moe")
    expect(field(page, "Job name")).to_have_value("moe_chitchat")
    tab_to("Job name")
    type_over("typed-only")
    tab_to("Max samples")
    type_over("300")
    tab_to("Max steps")
    type_over("10")
    tab_to("Submit Job")
    tab_to("YAML")
    expect(yaml(page)).to_have_value(re.compile("max_steps: 10\n"))
    type_over(yaml(page).input_value().replace("vocab: 1024", "vocab: 400"))
    page.get_by_role("status").filter(has_text="slots busy").wait_for()
    keyboard.press("Shift+Tab")  # Cancel
    keyboard.press("Shift+Tab")
    expect(submit_button(page)).to_be_focused()
    keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"jobs\.ipynb\?tab=queue"), timeout=30_000)
    (job,) = client.jobs(search="typed-only")
    page.goto(page.url.replace("tab=queue", "tab=all"))
    expect(page.get_by_role("link", name="typed-only")).to_be_visible(timeout=30_000)
    wait_for_status(client.home, job, JobStatus.COMPLETED)
    assert client.job(job.id).step == 10
    assert client.config(job.id).model.train_tokenizer_vocab == 400


def test_no_violation_of_accessibility(new_page, data):
    page = new_page("preset=moe_chitchat")
    fill(page, "Data", str(data))
    page.get_by_role("button", name="Preview Data").click()
    expect(page.get_by_role("list", name="First rows")).to_be_visible(timeout=60_000)
    assert violations(page) == []
    for fold in page.locator("summary").all():
        fold.click()
    yaml(page).fill(yaml(page).input_value() + "x: 1\n")
    fill(page, "Max steps", "0")
    fill(page, "Job name", "")
    submit_button(page).click()
    expect(summary(page)).to_be_visible()
    for width in (1440, 900):
        page.set_viewport_size({"width": width, "height": 900})
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            assert violations(page) == [], (width, theme)
