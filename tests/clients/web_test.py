#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The web page in headless Chromium, against a server that only pretends.

    tests/clients/web_test [--screenshots FOLDER] [NAME…]      builds what it needs, then runs
    tests/clients/web_test.py WRITE_WEB_FILES [--screenshots FOLDER] [NAME…]

WRITE_WEB_FILES is the program of that name in a build with tests. Needs Debian's chromium and `pip install playwright`.
"""

import argparse
import json
import re
import shutil
import sys
import tempfile
import time
import traceback

from playwright.sync_api import expect, sync_playwright

import web_pictures
from fake_server import FakeServer

TOOLS = json.dumps([{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}])


class Visit:
    """A page of its own with an eye on what no page may do: errors, violations of its policy, requests elsewhere."""

    def __init__(self, browser, server, shots, allow_failures=(), **context):
        self.server, self.shots = server, shots
        self.context = browser.new_context(**context)
        self.page = self.context.new_page()
        self.problems = []
        self.page.on("pageerror", lambda problem: self.problems.append(f"error: {problem}"))
        self.page.on("console", self.hear)
        self.page.on("request", self.see)
        self.allow_failures = allow_failures  # statuses that a test provokes: the browser writes a line about each
        self.page.add_init_script(
            "document.addEventListener('securitypolicyviolation', event => console.error('policy: ' + event.violatedDirective + ' ' + event.blockedURI))")

    def hear(self, message):
        if message.type not in ("error", "warning"):
            return
        if any(f"status of {status}" in message.text for status in self.allow_failures):
            return
        self.problems.append(f"{message.type}: {message.text}")

    def see(self, request):
        if not request.url.startswith((self.server.url, "blob:", "data:")):
            self.problems.append(f"request elsewhere: {request.url}")

    def open(self, path="/"):
        self.page.goto(self.server.url + path)
        if path == "/":
            expect(self.page.locator("#model option").first).to_have_text("llama-4-scout")
        return self.page

    def ask(self, text):
        self.page.get_by_label("Message", exact=True).fill(text)
        self.page.get_by_role("button", name="Send", exact=True).click()

    def wait_done(self):
        expect(self.page.locator("#stop")).to_be_hidden(timeout=15000)

    def answer(self):
        return self.page.locator(".answer .body").last

    def shoot(self, name):
        if self.shots:
            self.page.screenshot(path=f"{self.shots}/{name}.png")

    def check_width(self):
        sizes = self.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert sizes[0] <= sizes[1], f"wider than the screen: {sizes}"

    def close(self):
        self.context.close()
        assert not self.problems, self.problems


def test_send_and_stream(visit):
    page = visit.open()
    visit.shoot("welcome")
    visit.ask("Hello there")
    visit.wait_done()
    expect(visit.answer()).to_have_text("You said: Hello there")
    figures = page.locator(".figures").last.inner_text().replace("\u00a0", " ")
    assert "4 tokens" in figures and "first after" in figures and "$" in figures, figures
    visit.ask("And again")
    visit.wait_done()
    bubble = page.locator(".bubble").first.element_handle()
    visit.ask("And once more")
    visit.wait_done()
    assert bubble.evaluate("node => node.isConnected"), "a message that had not changed was drawn anew"
    sent = visit.server.requests[-1]
    assert [message["role"] for message in sent["messages"]] == ["user", "assistant"] * 2 + ["user"], sent
    assert sent["stream"] is True and sent["stream_options"] == {"include_usage": True} and sent["model"] == "llama-4-scout"
    assert page.title() == "Hello there – Paddock"


def test_grows_while_it_streams(visit):
    visit.open()
    visit.ask("slow please")
    expect(visit.answer()).to_contain_text("word10", timeout=5000)
    length = len(visit.answer().inner_text())
    expect(visit.answer()).to_contain_text("word30", timeout=5000)
    assert len(visit.answer().inner_text()) > length
    visit.shoot("streaming")


def test_stop(visit):
    page = visit.open()
    visit.server.cancelled.clear()
    visit.ask("slow please")
    expect(visit.answer()).to_contain_text("word5")
    page.wait_for_timeout(200)
    page.get_by_role("button", name="Stop", exact=True).click()
    visit.wait_done()
    expect(page.locator(".figures").last).to_contain_text("stopped")
    rate = float(re.search(r"([\d.]+)\stokens/s", page.locator(".figures").last.inner_text())[1])
    assert 20 < rate < 40, rate  # the server sends one each 30 ms
    assert visit.server.cancelled.wait(5), "the server did not see that nobody listens"
    text = visit.answer().inner_text()
    time.sleep(0.2)
    assert visit.answer().inner_text() == text
    visit.ask("next")
    visit.wait_done()
    expect(visit.answer()).to_have_text("You said: next")


def test_retry(visit):
    page = visit.open()
    visit.ask("Once more")
    visit.wait_done()
    count = len(visit.server.requests)
    page.get_by_role("button", name="Try again").last.click()
    visit.wait_done()
    assert len(visit.server.requests) == count + 1
    assert visit.server.requests[-1]["messages"] == [{"role": "user", "content": "Once more"}]
    assert page.locator(".answer").count() == 1


def test_edit(visit):
    page = visit.open()
    for text in ("one", "two"):
        visit.ask(text)
        visit.wait_done()
    page.locator(".user").first.hover()
    page.get_by_role("button", name="Edit this message").first.click()
    area = page.get_by_label("Edit the message")
    expect(area).to_have_value("one")
    area.press("Escape")
    expect(page.locator(".bubble").first).to_have_text("one")
    page.locator(".user").first.hover()
    page.get_by_role("button", name="Edit this message").first.click()
    area.fill("three")
    area.press("Control+Enter")
    visit.wait_done()
    assert page.locator(".message").count() == 2
    expect(visit.answer()).to_have_text("You said: three")


def test_code_and_tables(visit):
    page = visit.open()
    visit.ask("Show me code, please")
    visit.wait_done()
    expect(page.locator(".hljs-keyword").first).to_have_text("def")
    expect(page.locator(".answer table td").nth(1)).to_have_class("to-right")
    link = page.get_by_role("link", name="the article")
    assert link.get_attribute("rel") == "noopener noreferrer nofollow"
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy code").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("def fibonacci") and copied.endswith("return a"), copied
    visit.shoot("code")
    page.locator("#scroll").evaluate("node => node.scrollTop = 0")
    visit.shoot("code-top")


def test_injection_is_inert(visit):
    page = visit.open()
    visit.ask("inject")
    visit.wait_done()
    page.wait_for_timeout(500)
    assert page.evaluate("window.injected") is None
    found = page.locator(".answer").last.evaluate(
        "node => [...node.querySelectorAll('script, img, iframe, style, object, svg:not(button svg), [onerror], [onload], [style]')].map(each => each.outerHTML)")
    assert found == [], found
    expect(visit.answer()).to_contain_text("<script>window.injected = 1</script>")
    links = page.locator(".answer a").evaluate_all("nodes => nodes.map(node => node.getAttribute('href'))")
    assert links and all(link.startswith("https://") for link in links), links
    visit.shoot("inject")


def test_errors_are_told(visit):
    page = visit.open()
    visit.ask("fail")
    visit.wait_done()
    expect(page.locator(".error")).to_have_text("The model has <b>stumbled</b>.")
    visit.ask("busy")
    visit.wait_done()
    expect(page.locator(".error").last).to_have_text("Too many requests. Try again in 7 s.")
    visit.ask("break off")
    visit.wait_done()
    expect(page.locator(".error").last).to_have_text("The connection ended before the answer did.")
    expect(visit.answer()).to_contain_text("You said:")


def test_key(visit):
    visit.server.key = "sk-paddock-1"
    page = visit.page
    page.goto(visit.server.url)
    expect(page.get_by_role("alert").filter(has_text="asks for a key")).to_be_visible()
    visit.shoot("key")
    page.get_by_label("API key").fill("wrong")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("alert").filter(has_text="refused this key")).to_be_visible()
    page.get_by_label("API key").fill("sk-paddock-1")
    page.get_by_label("API key").press("Enter")
    expect(page.locator("#model option").first).to_have_text("llama-4-scout")
    assert page.evaluate("[localStorage.getItem('paddock.key'), sessionStorage.getItem('paddock.key')]") == [None, "sk-paddock-1"]
    visit.ask("Hello")
    visit.wait_done()
    expect(visit.answer()).to_have_text("You said: Hello")
    visit.server.key = "sk-paddock-2"  # revoked: the answer asks for a key, then goes on by itself
    visit.ask("Again")
    page.get_by_label("API key").fill("sk-paddock-2")
    page.get_by_label("Remember it").check()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(visit.answer()).to_have_text("You said: Again")
    assert page.evaluate("localStorage.getItem('paddock.key')") == "sk-paddock-2"


def test_conversations_survive(visit):
    page = visit.open()
    visit.ask("First talk")
    visit.wait_done()
    page.get_by_role("button", name="New chat").click()
    visit.ask("Second talk")
    visit.wait_done()
    page.reload()
    expect(visit.answer()).to_have_text("You said: Second talk")
    page.get_by_role("button", name="First talk", exact=True).click()
    expect(visit.answer()).to_have_text("You said: First talk")
    page.go_back()
    expect(visit.answer()).to_have_text("You said: Second talk")
    page.go_forward()
    expect(visit.answer()).to_have_text("You said: First talk")
    page.locator("#conversations li.current").hover()
    page.get_by_role("button", name="Rename First talk").click()
    page.get_by_label("Title").fill("Renamed <b>talk</b>")
    page.get_by_label("Title").press("Enter")
    expect(page.locator("#title")).to_have_text("Renamed <b>talk</b>")
    page.locator("#conversations li.current").hover()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Export Renamed").click()
    exported = json.loads(open(waiting.value.path(), encoding="utf-8").read())
    assert exported["title"] == "Renamed <b>talk</b>" and len(exported["messages"]) == 2
    page.locator("#conversations li.current").hover()
    page.get_by_role("button", name="Delete Renamed").click()
    expect(page.locator("#conversations li")).to_have_count(1)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#conversations li")).to_have_count(2)


def test_options(visit):
    page = visit.open()
    page.get_by_role("button", name="Options of this chat").click()
    visit.shoot("options")
    page.get_by_label("System prompt").fill("Be brief.")
    page.get_by_label("Temperature").fill("0.3")
    page.get_by_label("Top p").fill("0.9")
    page.get_by_label("Max tokens").fill("50")
    page.get_by_label("Seed").fill("7")
    page.get_by_label("Answer format").select_option("json_schema")
    schema = page.get_by_label("JSON schema")
    schema.fill('{"type": "object"')
    expect(page.locator("#schema-problem")).not_to_be_empty()
    schema.fill('{"type": "object"}')
    expect(page.locator("#schema-problem")).to_be_empty()
    page.get_by_role("button", name="Done").click()
    visit.ask("some json")
    visit.wait_done()
    sent = visit.server.requests[-1]
    assert sent["messages"][0] == {"role": "system", "content": "Be brief."}
    assert (sent["temperature"], sent["top_p"], sent["max_tokens"], sent["seed"]) == (0.3, 0.9, 50, 7)
    assert sent["response_format"]["json_schema"]["schema"] == {"type": "object"}
    expect(visit.answer().locator("code")).to_contain_text('"population": 2102650')
    visit.shoot("json")


def test_tools(visit):
    page = visit.open()
    page.get_by_role("button", name="Options of this chat").click()
    page.get_by_label("Tools", exact=True).fill(TOOLS)
    page.get_by_role("button", name="Done").click()
    visit.ask("Use the tool")
    visit.wait_done()
    expect(page.get_by_role("group", name="Tool call get_weather")).to_contain_text('"city": "Zürich"')
    visit.shoot("tool")
    page.get_by_label("Result of get_weather").fill('{"celsius": 21}')
    page.get_by_role("button", name="Send result").click()
    visit.wait_done()
    sent = visit.server.requests[-1]["messages"]
    assert sent[-1] == {"role": "tool", "tool_call_id": "call_1", "content": '{"celsius": 21}'}, sent
    assert sent[-2]["tool_calls"][0]["function"] == {"name": "get_weather", "arguments": '{"city": "Zürich"}'}, sent
    expect(visit.answer()).to_contain_text("celsius")


def test_prices(visit):
    page = visit.open()
    page.get_by_role("button", name="Key and prices").click()
    page.get_by_label("Prompt", exact=True).fill("1000")
    page.get_by_label("Cached", exact=True).fill("100")
    page.get_by_label("Answer", exact=True).fill("2000")
    page.get_by_label("Currency").fill("€")
    visit.shoot("settings")
    page.get_by_role("button", name="Save", exact=True).click()
    visit.ask("Hello")
    visit.wait_done()
    expect(page.locator(".figures").last).to_contain_text("€0.036")  # 20 * 1000 + 100 * 100 + 3 * 2000, a millionth


def test_keyboard_only(visit):
    page = visit.open()
    expect(page.get_by_label("Message", exact=True)).to_be_focused()
    page.keyboard.type("line one")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("line two")
    page.keyboard.press("Enter")
    visit.wait_done()
    assert visit.server.requests[-1]["messages"][-1]["content"] == "line one\nline two"
    page.keyboard.type("slow")
    page.keyboard.press("Enter")
    expect(visit.answer()).to_contain_text("word3")
    page.keyboard.press("Escape")
    visit.wait_done()
    name = "(e => e.getAttribute('aria-label') || e.textContent.trim() || e.tagName)(document.activeElement)"
    names = []
    while "Edit this message" not in names and len(names) < 60:
        page.keyboard.press("Tab")
        names.append("document" if page.evaluate("document.activeElement === document.body") else page.evaluate(name))
        assert names[-1] == "document" or page.evaluate("document.activeElement.matches(':focus-visible')"), names
    for wanted in ("New chat", "Status", "Key and prices", "Model", "Options of this chat", "Edit this message"):
        assert wanted in names, (wanted, names)
    page.keyboard.press("Enter")
    expect(page.get_by_label("Edit the message")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Edit this message").first).to_be_focused()


def test_every_control_has_a_name(visit):
    page = visit.open()
    visit.ask("code")
    visit.wait_done()
    for opener in (None, "Options of this chat", "Key and prices"):
        if opener:
            page.get_by_role("button", name=opener).click()
        nameless = page.evaluate("""[...document.querySelectorAll('button, a, input, select, textarea')].filter(each => each.checkVisibility() &&
            !(each.getAttribute('aria-label') || each.labels?.length || each.textContent.trim())).map(each => each.outerHTML)""")
        assert nameless == [], nameless
        page.keyboard.press("Escape")


def test_phone(visit):
    page = visit.open()
    visit.shoot("phone-welcome")
    visit.check_width()
    visit.ask("code please, and a_very_long_word_without_any_place_to_break_" * 3)
    visit.wait_done()
    visit.check_width()
    visit.shoot("phone-code")
    page.get_by_role("button", name="Conversations", exact=True).click()
    page.wait_for_timeout(300)
    visit.shoot("phone-menu")
    page.get_by_role("button", name="New chat").click()
    expect(page.locator("#welcome")).to_be_visible()
    page.get_by_role("button", name="Options of this chat").click()
    visit.check_width()
    visit.shoot("phone-options")
    page.keyboard.press("Escape")
    page.goto(visit.server.url + "/status")
    page.wait_for_timeout(2500)
    visit.check_width()
    visit.shoot("phone-status")


def test_dark(visit):
    page = visit.open()
    background = lambda: page.evaluate("getComputedStyle(document.body).backgroundColor")
    dark = background()
    visit.ask("code")
    visit.wait_done()
    expect(page.locator(".hljs-keyword").first).to_be_visible()
    visit.shoot("dark")
    page.get_by_role("button", name="Colours: as the system").click()
    light = background()
    assert light == "rgb(255, 255, 255)" and dark != light
    page.reload()
    assert background() == light
    page.get_by_role("button", name="Colours: light").click()
    assert background() == dark
    page.emulate_media(color_scheme="light")
    assert background() == dark
    page.get_by_role("button", name="Colours: dark").click()
    assert background() == light


def test_status(visit):
    page = visit.page
    page.goto(visit.server.url + "/status")
    expect(page.locator("#state")).to_have_text("Running")
    expect(page.locator(".tile").first).to_contain_text("Running")
    expect(page.locator("#keys")).to_contain_text('night "jobs"')
    expect(page.locator("#codes")).to_contain_text("/v1/chat/completions")
    page.wait_for_timeout(8500)
    visit.shoot("status")
    page.locator("summary").click()
    page.get_by_label("Find").fill("PREEMPT")
    expect(page.locator("#all tbody tr")).to_have_count(1)
    visit.server.key = "k"
    expect(page.get_by_label("API key")).to_be_visible(timeout=5000)
    page.get_by_label("API key").fill("k")
    page.get_by_role("button", name="Use it").click()
    expect(page.locator("#state")).to_have_text("Running")


def test_status_dark(visit):
    visit.page.goto(visit.server.url + "/status")
    visit.page.wait_for_timeout(8500)
    visit.shoot("status-dark")


def test_long_answer_stays_responsive(visit):
    page = visit.open()
    text = "code " + "x" * 100000
    page.get_by_label("Message", exact=True).fill(text)
    begin = time.time()
    page.get_by_role("button", name="Send", exact=True).click()
    visit.wait_done()
    assert time.time() - begin < 10
    # A paste that is no message is kept as one.
    expect(page.locator(".bubble")).to_have_count(1)


def test_without_storage(visit):
    visit.page.add_init_script("for (const name of ['localStorage', 'sessionStorage']) Object.defineProperty(window, name, {get() { throw new DOMException('no'); }});")
    visit.open()
    visit.ask("Hello")
    visit.wait_done()
    expect(visit.answer()).to_have_text("You said: Hello")


CONTEXTS = {
    "test_phone": web_pictures.PHONE,
    "test_dark": {"color_scheme": "dark"},
    "test_status_dark": {"color_scheme": "dark"},
    "test_key": {"allow_failures": (401,)},
    "test_status": {"allow_failures": (401,)},
    "test_errors_are_told": {"allow_failures": (500, 429)},
    **web_pictures.CONTEXTS,
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("write_web_files")
    parser.add_argument("--screenshots")
    parser.add_argument("names", nargs="*")
    options = parser.parse_intermixed_args()
    tests = {name: test for name, test in {**globals(), **vars(web_pictures)}.items() if name.startswith("test_")}
    chosen = options.names or list(tests)
    failed = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name in chosen:
            with tempfile.TemporaryDirectory() as folder:
                server = FakeServer(options.write_web_files)
                server.start(folder)
                begin = time.time()
                try:
                    visit = Visit(browser, server, options.screenshots, **{"viewport": {"width": 1280, "height": 800}, **CONTEXTS.get(name, {})})
                    visit.page.set_default_timeout(8000)
                    tests[name](visit)
                    visit.close()
                    print(f"ok    {name} ({time.time() - begin:.1f} s)", flush=True)
                except Exception:  # the report of one test must not keep the others from running
                    failed.append(name)
                    print(f"FAIL  {name}\n{traceback.format_exc()}seen: {visit.problems}", flush=True)
                finally:
                    server.stop()
        browser.close()
    print(f"{len(chosen) - len(failed)} of {len(chosen)} passed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
