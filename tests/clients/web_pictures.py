# SPDX-License-Identifier: Apache-2.0
"""Pictures on the web page; web_test.py runs these beside its own."""

import base64
import json

from playwright.sync_api import expect

from pictures import png


def file(name, content=None, kind="image/png"):
    return {"name": name, "mimeType": kind, "buffer": png() if content is None else content}


def attach(page, *files):
    with page.expect_file_chooser() as waiting:
        page.get_by_role("button", name="Attach pictures").click()
    waiting.value.set_files(list(files))


def attached(page):
    return page.get_by_role("list", name="Attached pictures").get_by_role("listitem")


def transfer(page, *files):
    """Files on their way from another program: what a drop or a paste holds."""
    given = [[each["name"], each["mimeType"], base64.b64encode(each["buffer"]).decode()] for each in files]
    return page.evaluate_handle(
        """files => {
          const held = new DataTransfer();
          for (const [name, type, text] of files)
            held.items.add(new File([Uint8Array.from(atob(text), each => each.charCodeAt(0))], name, {type}));
          return held;
        }""", given)


def paste(page, *files):
    page.evaluate("held => document.activeElement.dispatchEvent(new ClipboardEvent('paste', {clipboardData: held, bubbles: true, cancelable: true}))",
                  transfer(page, *files))


def drop(page, target, *files):
    held = transfer(page, *files)
    for event in ("dragenter", "dragover", "drop"):
        page.dispatch_event(target, event, {"dataTransfer": held})


def pictures_sent(body, index=-1):
    """Types and bytes of the pictures of a message, and its words."""
    pictures, words = [], ""
    for part in body["messages"][index]["content"]:
        if part["type"] == "text":
            words += part["text"]
        else:
            assert list(part) == ["type", "image_url"] and list(part["image_url"]) == ["url"], part
            head, text = part["image_url"]["url"].split(",")
            pictures.append((head, base64.b64decode(text, validate=True)))
    return pictures, words


PNG = "data:image/png;base64"


def test_picture_is_sent_and_shown(visit):
    page = visit.open()
    hills, lake = png(640, 400, 1), png(300, 500, 2)
    attach(page, file("hills.png", hills), file("lake.png", lake), file("third.png"))
    expect(attached(page)).to_have_count(3)
    visit.shoot("pictures-composer")
    page.get_by_role("button", name="Remove third.png").focus()
    page.keyboard.press("Enter")
    expect(attached(page)).to_have_count(2)
    expect(page.get_by_role("button", name="Remove lake.png")).to_be_focused()
    visit.ask("What is to be seen here?")
    visit.wait_done()
    expect(visit.answer()).to_have_text("You said: What is to be seen here?")
    expect(attached(page)).to_have_count(0)
    assert pictures_sent(visit.server.requests[-1]) == ([(PNG, hills), (PNG, lake)], "What is to be seen here?")
    expect(page.locator(".pictures img").last).to_have_js_property("naturalWidth", 300)
    visit.shoot("pictures-sent")
    page.get_by_role("button", name="Show lake.png").click()
    large = page.get_by_role("dialog", name="lake.png")
    expect(large.get_by_role("img", name="lake.png")).to_be_visible()
    expect(large).to_contain_text("300 × 500")
    visit.shoot("pictures-large")
    page.keyboard.press("Escape")
    expect(large).to_be_hidden()
    expect(page.get_by_role("button", name="Show lake.png")).to_be_focused()
    page.get_by_role("button", name="Show hills.png").press("Enter")
    expect(page.get_by_role("dialog", name="hills.png")).to_be_visible()
    visit.page.mouse.click(5, 5)  # beside it
    expect(page.get_by_role("dialog", name="hills.png")).to_be_hidden()


def test_picture_alone(visit):
    page = visit.open()
    attach(page, file("cat.png"))
    expect(attached(page)).to_have_count(1)
    page.get_by_label("Message", exact=True).press("Enter")
    visit.wait_done()
    assert pictures_sent(visit.server.requests[-1]) == ([(PNG, png())], "")
    expect(page.locator("#title")).to_have_text("cat.png")
    expect(page.locator(".bubble")).to_have_count(0)


def test_pictures_are_pasted(visit):
    page = visit.open()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_label("Message", exact=True).focus()
    page.evaluate("""async text => navigator.clipboard.write([new ClipboardItem({'image/png':
        new Blob([Uint8Array.from(atob(text), each => each.charCodeAt(0))], {type: 'image/png'})})])""", base64.b64encode(png()).decode())
    page.keyboard.press("Control+v")
    expect(attached(page)).to_have_count(1)
    paste(page, file("photo.jpg", png(seed=2), "image/jpeg"))  # whatever it is called, it is what it is
    expect(attached(page)).to_have_count(2)
    page.keyboard.type("Two")
    page.keyboard.press("Enter")
    visit.wait_done()
    pictures, words = pictures_sent(visit.server.requests[-1])
    assert words == "Two" and [head for head, _ in pictures] == [PNG, PNG] and pictures[1][1] == png(seed=2)
    page.evaluate("navigator.clipboard.writeText('plain words')")
    page.keyboard.press("Control+v")
    expect(page.get_by_label("Message", exact=True)).to_have_value("plain words")
    expect(attached(page)).to_have_count(0)


def test_pictures_are_dropped(visit):
    page = visit.open()
    held = transfer(page, file("dropped.png"))
    page.dispatch_event("#messages", "dragenter", {"dataTransfer": held})
    expect(page.locator("#drop")).to_be_visible()
    visit.shoot("pictures-drop")
    page.dispatch_event("#messages", "drop", {"dataTransfer": held})
    expect(page.locator("#drop")).to_be_hidden()
    expect(attached(page)).to_have_count(1)
    page.dispatch_event("#messages", "dragover", {"dataTransfer": held})
    expect(page.locator("#drop")).to_be_visible()
    expect(page.locator("#drop")).to_be_hidden()  # when the file has left the window and nobody says so
    page.get_by_role("button", name="Options of this chat").click()
    drop(page, "#options", file("behind.png"))
    expect(page.locator("#drop")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(attached(page)).to_have_count(1)


def test_pictures_that_cannot_be_sent(visit):
    page = visit.open()
    said = page.locator("#attachments .problem")
    attach(page, file("huge.png", png() + bytes(1 << 20)))
    expect(said).to_have_text("“huge.png” has 1 MiB; a picture may have at most 1 MiB.")
    attach(page, file("notes.png", b"only words"))  # whatever it is called
    expect(said).to_have_text("“notes.png” is no picture that can be sent; JPEG, PNG, WebP and GIF files can.")
    for broken in (png()[:60], png()[:-30]):
        attach(page, file("broken.png", broken))
        expect(said).to_have_text("“broken.png” cannot be shown: the file is damaged.")
        attach(page, file("notes.txt", b"only words", "text/plain"))
        expect(said).to_contain_text("notes.txt")
    expect(attached(page)).to_have_count(0)
    attach(page, *[file(f"{index}.png", png(80, 60, index)) for index in range(7)])
    expect(said).to_have_text("At most 5 pictures fit into a message.")
    expect(attached(page)).to_have_count(5)
    visit.shoot("pictures-too-many")
    visit.ask("All of these")
    visit.wait_done()
    attach(page, file("more.png"))
    expect(said).to_have_text("At most 5 pictures fit into a conversation, whose earlier pictures are sent again.")
    page.get_by_label("Model", exact=True).select_option("smollm2-135m")
    expect(page.get_by_role("button", name="Attach pictures")).to_be_hidden()
    paste(page, file("more.png"))
    expect(said).to_have_text("smollm2-135m sees no pictures; choose another model, or send text alone.")
    expect(attached(page)).to_have_count(0)


def test_pictures_larger_than_a_request(visit):
    model = {"id": "llama-4-scout", "input_modalities": ["text", "image"], "image_limits": {"images": 32, "bytes": 20 << 20}}
    visit.page.route("**/v1/models", lambda route: route.fulfill(json={"data": [model]}))
    page = visit.open()
    page.evaluate(  # there, because such files take long on their way to it; what follows the end of a PNG is not looked at
        """text => {
          const held = new DataTransfer();
          for (const name of ['one.png', 'two.png'])
            held.items.add(new File([Uint8Array.from(atob(text), each => each.charCodeAt(0)), new Uint8Array(12 << 20)], name));
          document.body.dispatchEvent(new ClipboardEvent('paste', {clipboardData: held, bubbles: true, cancelable: true}));
        }""", base64.b64encode(png()).decode())
    expect(page.locator("#attachments .problem")).to_have_text("Pictures of 23.3 MiB in all fit into a message; these have 24 MiB.")
    visit.ask("One of them")
    visit.wait_done()
    assert pictures_sent(visit.server.requests[-1]) == ([(PNG, png() + bytes(12 << 20))], "One of them")


def test_model_that_sees_is_left(visit):
    page = visit.open()
    attach(page, file("cat.png"))
    expect(attached(page)).to_have_count(1)
    page.get_by_label("Model", exact=True).select_option("smollm2-135m")
    visit.ask("What is this?")
    expect(page.locator("#attachments .problem")).to_contain_text("sees no pictures")
    expect(page.get_by_label("Message", exact=True)).to_have_value("What is this?")
    assert visit.server.requests == []
    page.get_by_label("Model", exact=True).select_option("llama-4-scout")
    page.get_by_role("button", name="Send", exact=True).click()
    visit.wait_done()
    assert pictures_sent(visit.server.requests[-1]) == ([(PNG, png())], "What is this?")


def test_pictures_survive(visit):
    page = visit.open()
    attach(page, file("cat.png"))
    visit.ask("What is this?")
    visit.wait_done()
    page.wait_for_timeout(300)
    assert page.evaluate("Math.max(...Object.values(localStorage).map(each => each.length))") < 2000
    page.reload()
    expect(visit.answer()).to_have_text("You said: What is this?")
    expect(page.locator(".pictures img")).to_have_js_property("naturalWidth", 320)
    page.get_by_role("button", name="Try again").click()
    visit.wait_done()
    assert pictures_sent(visit.server.requests[-1]) == ([(PNG, png())], "What is this?")
    visit.ask("And its colour?")
    visit.wait_done()
    messages = visit.server.requests[-1]["messages"]
    assert pictures_sent(visit.server.requests[-1], 0)[0] == [(PNG, png())] and messages[2] == {"role": "user", "content": "And its colour?"}
    page.locator("#conversations li.current").hover()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Export What is this?").click()
    [picture] = json.loads(open(waiting.value.path(), encoding="utf-8").read())["messages"][0]["pictures"]
    assert picture["url"] == f"{PNG},{base64.b64encode(png()).decode()}" and picture["width"] == 320


def test_pictures_are_edited(visit):
    page = visit.open()
    attach(page, file("one.png", png(seed=1)), file("two.png", png(seed=2)))
    visit.ask("Compare")
    visit.wait_done()
    edit = page.get_by_role("button", name="Edit this message")
    page.locator(".user").hover()
    edit.click()
    form = page.locator("form.edit")
    expect(form.get_by_role("listitem")).to_have_count(2)
    form.get_by_role("button", name="Remove one.png").click()
    page.get_by_label("Edit the message").focus()
    paste(page, file("three.png", png(seed=3)))
    expect(form.get_by_role("listitem")).to_have_count(2)
    visit.shoot("pictures-edit")
    page.get_by_label("Edit the message").press("Escape")
    expect(page.locator(".pictures button")).to_have_count(2)
    expect(page.get_by_role("button", name="Show one.png")).to_be_visible()
    page.locator(".user").hover()
    edit.click()
    form.get_by_role("button", name="Remove one.png").click()
    with page.expect_file_chooser() as waiting:
        form.get_by_role("button", name="Attach pictures").click()
    waiting.value.set_files([file("four.png", png(seed=4))])
    expect(form.get_by_role("listitem")).to_have_count(2)
    page.get_by_label("Edit the message").press("Control+Enter")
    visit.wait_done()
    assert pictures_sent(visit.server.requests[-1]) == ([(PNG, png(seed=2)), (PNG, png(seed=4))], "Compare")
    expect(page.locator(".message")).to_have_count(2)


COUNT = """() => new Promise(resolve => {
  const opening = indexedDB.open('paddock', 1);
  opening.onsuccess = () => {
    const counting = opening.result.transaction('pictures').objectStore('pictures').count();
    counting.onsuccess = () => (opening.result.close(), resolve(counting.result));
  };
})"""
CLEAR = """() => new Promise(resolve => {
  const opening = indexedDB.open('paddock', 1);
  opening.onsuccess = () => {
    const clearing = opening.result.transaction('pictures', 'readwrite');
    clearing.objectStore('pictures').clear();
    clearing.oncomplete = () => (opening.result.close(), resolve());
  };
})"""


def becomes(page, count):
    for _ in range(100):
        if page.evaluate(COUNT) == count:
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"{page.evaluate(COUNT)} pictures are kept, not {count}")


def test_pictures_are_forgotten(visit):
    """What is deleted does not stay in the browser, and one that has gone is missed by name."""
    page = visit.open()
    for name in ("first", "second"):
        page.get_by_role("button", name="New chat").click()
        attach(page, file(f"{name}.png"))
        visit.ask(name)
        visit.wait_done()
    becomes(page, 2)
    page.locator("#conversations li.current").hover()
    page.get_by_role("button", name="Delete second").click()
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="second", exact=True).click()
    expect(page.locator(".pictures img")).to_have_js_property("naturalWidth", 320)
    page.locator("#conversations li.current").hover()
    page.get_by_role("button", name="Delete second").click()
    page.reload()
    becomes(page, 1)
    page.get_by_role("button", name="first", exact=True).click()
    page.evaluate(CLEAR)
    page.reload()
    expect(page.locator(".pictures")).to_have_text("first.png is no longer kept in this browser")
    page.get_by_role("button", name="Try again").click()
    visit.wait_done()
    expect(page.locator(".error")).to_have_text(
        "“first.png” is no longer kept in this browser: edit the message that has it, and attach it again or remove it.")
    page.locator(".user").hover()
    page.get_by_role("button", name="Edit this message").click()
    page.get_by_role("button", name="Remove first.png").click()
    page.get_by_label("Edit the message").press("Control+Enter")
    visit.wait_done()
    expect(visit.answer()).to_have_text("You said: first")


def test_pictures_without_a_database(visit):
    visit.page.add_init_script("Object.defineProperty(window, 'indexedDB', {get() { throw new DOMException('no'); }})")
    page = visit.open()
    attach(page, file("cat.png"))
    visit.ask("What is this?")
    visit.wait_done()
    expect(visit.answer()).to_have_text("You said: What is this?")
    expect(page.locator("#toast")).to_contain_text("are lost when the page closes")
    assert pictures_sent(visit.server.requests[-1]) == ([(PNG, png())], "What is this?")


def test_pictures_on_a_phone(visit):
    page = visit.open()
    attach(page, *[file(f"{index}.png", png(400, 300, index)) for index in range(4)], file("strip.png", png(8, 900)))
    expect(attached(page)).to_have_count(5)
    visit.check_width()
    visit.shoot("pictures-phone-composer")
    visit.ask("What do these have in common?")
    visit.wait_done()
    visit.check_width()
    visit.shoot("pictures-phone-sent")
    page.get_by_role("button", name="Show 3.png").click()
    page.wait_for_timeout(300)
    visit.check_width()
    visit.shoot("pictures-phone-large")


def test_pictures_dark(visit):
    page = visit.open()
    attach(page, file("hills.png", png(640, 400)), file("lake.png", png(300, 500, 2)))
    visit.ask("What is to be seen here?")
    visit.wait_done()
    attach(page, file("again.png", png(200, 200, 3)), file("words.txt", b"words", "text/plain"))
    expect(attached(page)).to_have_count(1)
    visit.shoot("pictures-dark")
    page.dispatch_event("#messages", "dragenter", {"dataTransfer": transfer(page, file("dropped.png"))})
    visit.shoot("pictures-dark-drop")
    page.get_by_role("button", name="Show lake.png").click()
    visit.shoot("pictures-dark-large")


PHONE = {"viewport": {"width": 360, "height": 720}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}
CONTEXTS = {"test_pictures_on_a_phone": PHONE, "test_pictures_dark": {"color_scheme": "dark"}}
