# SPDX-License-Identifier: Apache-2.0
"""The web page in headless Chromium, served by the real server and talking to it. tests/clients/run calls this; by hand:

  python web_server_check.py http://127.0.0.1:8080 KEY [--screenshots FOLDER]

KEY needs the scopes inference and read-only. What the page does with every kind of answer is web_test.py's subject.
"""

import argparse
import re
import shutil
import sys
import types

from playwright.sync_api import expect, sync_playwright

from pictures import png, tokens
from web_pictures import attach, attached, file, paste
from web_test import Visit

parser = argparse.ArgumentParser()
parser.add_argument("url")
parser.add_argument("key")
parser.add_argument("--screenshots")
parser.add_argument("--pictures", action="store_true", help="the model is tiny-vision, and pictures are what is looked at")
OPTIONS = parser.parse_args()
SERVER = types.SimpleNamespace(url=OPTIONS.url)
PHONE = {"viewport": {"width": 360, "height": 720}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}


def figures(visit):
    visit.wait_done()
    return visit.page.locator(".figures").last.inner_text().replace("\u00a0", " ")


def enter(visit):
    visit.page.goto(OPTIONS.url)
    expect(visit.page.locator("#model option").first).not_to_be_empty()


def chat(visit):
    page = visit.page
    enter(visit)
    page.get_by_role("button", name="Options of this chat").click()
    page.get_by_label("Max tokens").fill("120")
    page.get_by_label("Temperature").fill("0")
    page.get_by_role("button", name="Done").click()
    visit.ask("What is the capital of France? Then write a short Python function that adds two numbers.")
    assert re.search(r"\d+ tokens", figures(visit)), figures(visit)
    assert visit.answer().inner_text().strip()
    visit.ask("And of Italy?")
    assert "first after" in figures(visit)
    visit.shoot("server-chat")
    page.get_by_role("button", name="Options of this chat").click()
    page.get_by_label("Answer format").select_option("json_schema")
    page.get_by_label("JSON schema").fill('{"type": "object", "properties": {"city": {"enum": ["Rome", "Oslo"]}}, "required": ["city"], "additionalProperties": false}')
    page.get_by_role("button", name="Done").click()
    visit.ask("A city, as JSON")
    visit.wait_done()
    assert re.search('"city": ?"(Rome|Oslo)"', visit.answer().inner_text()), visit.answer().inner_text()


def stop(visit):
    enter(visit)
    visit.ask("Tell me a very long story about the sea, in as many words as you can.")
    expect(visit.answer()).not_to_be_empty(timeout=15000)
    visit.page.get_by_role("button", name="Stop", exact=True).click()
    assert "stopped" in figures(visit)


def dark(visit):
    chat(visit)


def phone(visit):
    enter(visit)
    visit.ask("Write about a_very_long_word_without_any_place_to_break_" + "on_and_on_" * 9)
    expect(visit.answer()).not_to_be_empty()
    visit.page.wait_for_timeout(1000)
    visit.page.get_by_role("button", name="Stop", exact=True).click()
    visit.wait_done()
    visit.check_width()
    visit.shoot("server-phone")
    visit.page.goto(OPTIONS.url + "/status")
    expect(visit.page.locator("#state")).to_have_text("Running")
    visit.page.wait_for_timeout(2500)
    visit.check_width()
    visit.shoot("server-phone-status")


def status(visit):
    page = visit.page
    page.goto(OPTIONS.url + "/status")
    expect(page.locator("#state")).to_have_text("Running")
    expect(page.locator("#keys")).to_contain_text("clients")
    expect(page.locator("#codes")).to_contain_text("/v1/chat/completions")
    page.wait_for_timeout(6500)
    assert "NaN" not in page.locator("body").inner_text() and "undefined" not in page.locator("body").inner_text()
    visit.shoot("server-status")
    page.locator("#keys").scroll_into_view_if_needed()
    visit.shoot("server-status-keys")


def prompt_tokens(visit):
    """Of the answer before: the page shows them where one points at its figures."""
    visit.wait_done()
    return int(re.search(r"Prompt: (\d+) tokens", visit.page.locator(".figures").last.get_attribute("title"))[1])


def pictures(visit):
    page = visit.page
    enter(visit)
    page.get_by_role("button", name="Options of this chat").click()
    page.get_by_label("Max tokens").fill("16")
    page.get_by_label("Temperature").fill("0")
    page.get_by_role("button", name="Done").click()
    attach(page, file("hills.png", png(168, 112)))
    expect(attached(page)).to_have_count(1)
    visit.ask("What is to be seen?")
    with_picture = prompt_tokens(visit)
    said = visit.answer().inner_text()
    assert page.locator(".error").count() == 0 and said.strip()
    page.reload()
    expect(page.locator(".pictures img")).to_have_js_property("naturalWidth", 168)
    page.get_by_role("button", name="Try again").click()
    assert prompt_tokens(visit) == with_picture and visit.answer().inner_text() == said
    page.get_by_label("Message", exact=True).focus()
    paste(page, file("second.png", png(56, 56, 2)))
    expect(attached(page)).to_have_count(1)
    visit.ask("And here?")
    assert prompt_tokens(visit) > with_picture + tokens(1, 1, 4)
    visit.shoot("server-pictures")
    page.locator(".user").first.hover()
    page.get_by_role("button", name="Edit this message").first.click()
    page.get_by_role("button", name="Remove hills.png").click()
    page.get_by_label("Edit the message").press("Control+Enter")
    assert prompt_tokens(visit) == with_picture - tokens(2, 3, 4)


def refused_pictures(visit):
    """What a browser shows and the server refuses is told in the server's words; the message can be mended."""
    page = visit.page
    enter(visit)
    attach(page, file("large.png", png(320, 200)))
    expect(attached(page)).to_have_count(1)
    visit.ask("What is to be seen?")
    visit.wait_done()
    expect(page.locator(".error")).to_contain_text("messages[0].content[0]")


CHECKS = {pictures: {}, refused_pictures: {}} if OPTIONS.pictures else {chat: {}, stop: {}, dark: {"color_scheme": "dark"}, phone: PHONE, status: {}}
failed = 0
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
    for check, context in CHECKS.items():
        shots = OPTIONS.screenshots if check is not dark else None
        # As a person does whom the browser asks for a password; the page has no need to ask again.
        login = {"http_credentials": {"username": "", "password": OPTIONS.key, "origin": OPTIONS.url}}
        visit = Visit(browser, SERVER, shots, (400, 401), **{"viewport": {"width": 1280, "height": 800}, **login, **context})
        visit.page.set_default_timeout(15000)
        try:
            check(visit)
            if check is dark and OPTIONS.screenshots:
                visit.page.screenshot(path=f"{OPTIONS.screenshots}/server-dark.png")
            visit.close()
            print(f"{check.__name__:16} ok")
        except Exception as problem:  # the others are worth knowing too
            failed += 1
            print(f"{check.__name__:16} FAILED: {type(problem).__name__}: {str(problem)[:1500]} seen: {visit.problems}")
            if OPTIONS.screenshots:
                visit.page.screenshot(path=f"{OPTIONS.screenshots}/failed-{check.__name__}.png")
    browser.close()
sys.exit(failed > 0)
