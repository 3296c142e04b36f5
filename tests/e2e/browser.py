"""Debian's headless Chromium, driven by the DevTools protocol over two pipes: no port, no driver, standard library only.

    with Browser(folder) as browser:
        page = browser.open("http://127.0.0.1:8080/")
        page.fill("#token", "…"); page.click("text=Sign in")
        page.wait("document.querySelectorAll('#campaigns tr').length === 2")
        page.shot("campaigns.png")

Clicks and keys are real input events at the place where the element is: what lies hidden or under something else cannot
be clicked, as for a person."""

import base64
import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import time

PROGRAMS = ("chromium-headless-shell", "chromium")
WAIT_S = 60
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32, "ArrowDown": 40, "ArrowRight": 39}


class PageError(AssertionError):
    """The page did not do what was waited for; the text carries what it shows."""


class Browser:
    """One process with a profile of its own in `folder`."""

    def __init__(self, folder):
        self.folder = folder

    def __enter__(self):
        program = next((path for name in PROGRAMS if (path := shutil.which(name))), None)
        if not program:
            raise RuntimeError("no Chromium here: firmware/install-deps")
        ours_in, theirs_out = os.pipe()
        theirs_in, ours_out = os.pipe()
        # no sandbox: it needs user name spaces, which containers refuse; only our own pages are shown, from loopback
        command = [program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                   "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server",
                   "--autoplay-policy=no-user-gesture-required", "--mute-audio", "--lang=en-US",
                   "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", f"--user-data-dir={self.folder}/profile",
                   "--remote-debugging-pipe", "about:blank"]
        self.log = open(os.path.join(self.folder, "chromium.log"), "ab")
        # the protocol lives on descriptors 3 and 4 of the child
        self.child = subprocess.Popen(["bash", "-c", f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}', "bash", *command],
                                      pass_fds=(theirs_in, theirs_out), stdin=subprocess.DEVNULL, stdout=self.log,
                                      stderr=self.log, start_new_session=True,
                                      preexec_fn=lambda: _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL))
        os.close(theirs_in)
        os.close(theirs_out)
        self.reading, self.writing = ours_in, ours_out
        self.unread, self.last, self.pages = b"", 0, {}
        self.ask("Browser.getVersion")
        return self

    def __exit__(self, *failure):
        try:
            self.ask("Browser.close", timeout=10)
        except (OSError, PageError):
            pass
        try:
            self.child.wait(10)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(self.child.pid, signal.SIGKILL)  # its helpers share its group; mostly they are gone by now
        except ProcessLookupError:
            pass
        self.child.wait()
        os.close(self.reading)
        os.close(self.writing)
        self.log.close()

    # the protocol -------------------------------------------------------------------------------------------------

    def ask(self, method, parameters=None, session=None, timeout=WAIT_S):
        """One command and its answer; events on the way go to their pages."""
        self.last += 1
        message = {"id": self.last, "method": method, "params": parameters or {}}
        if session:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.writing, data):]
        deadline = time.monotonic() + timeout
        while True:
            answer = self._next(deadline, method)
            if answer.get("id") == self.last:
                if "error" in answer:
                    raise PageError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            if answer.get("sessionId") in self.pages:
                self.pages[answer["sessionId"]].on_event(answer["method"], answer["params"])

    def _next(self, deadline, what):
        while b"\0" not in self.unread:
            ready, _, _ = select.select([self.reading], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise PageError(f"Chromium did not answer {what}")
            block = os.read(self.reading, 1 << 16)
            if not block:
                raise PageError(f"Chromium has ended, see {self.log.name}")
            self.unread += block
        message, self.unread = self.unread.split(b"\0", 1)
        return json.loads(message)

    def open(self, address, width=1280, height=900):
        target = self.ask("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.ask("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        page = self.pages[session] = Page(self, session)
        for domain in ("Page", "Runtime", "Log", "Network", "DOM"):
            page.ask(f"{domain}.enable")
        page.resize(width, height)
        page.go(address)
        return page


class Page:
    """One tab."""

    def __init__(self, browser, session):
        self.browser, self.session = browser, session
        self.console = []    # errors and exceptions, as the developer's console would show them
        self.addresses = []  # everything that was asked of any server

    def ask(self, method, parameters=None):
        return self.browser.ask(method, parameters, self.session)

    def on_event(self, method, about):
        if method == "Runtime.exceptionThrown":
            details = about["exceptionDetails"]
            self.console.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Runtime.consoleAPICalled" and about["type"] in ("error", "warning", "assert"):
            self.console.append(str([each.get("value", each.get("description")) for each in about["args"]]))
        elif method == "Log.entryAdded" and about["entry"]["level"] in ("error", "warning"):
            self.console.append(about["entry"]["text"] + " " + about["entry"].get("url", ""))
        elif method == "Network.requestWillBeSent":
            self.addresses.append(about["request"]["url"])

    # looking ------------------------------------------------------------------------------------------------------

    def run(self, expression):
        """The value of a JavaScript expression; promises are awaited."""
        answer = self.ask("Runtime.evaluate", {"expression": expression, "returnByValue": True, "awaitPromise": True})
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise PageError(f"{expression}: {details.get('exception', {}).get('description', details['text'])}")
        return answer["result"].get("value")

    def wait(self, expression, timeout=WAIT_S, what=None):
        """Polls until the expression is true; returns its value."""
        deadline = time.monotonic() + timeout
        while not (value := self.run(f"(value => value instanceof Node ? true : value)({expression})")):
            if time.monotonic() > deadline:
                raise PageError(f"not within {timeout} s: {what or expression}\nthe page shows:\n{self.text('body')}"
                                f"\nits console: {self.console}")
            time.sleep(0.05)
        return value

    def text(self, selector):
        """What a person reads there (hidden parts left out), or ""."""
        return self.run(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''")

    def wait_text(self, selector, wanted, timeout=WAIT_S):
        """Until the element's text contains `wanted`; returns the text."""
        self.wait(f"(document.querySelector({json.dumps(selector)})?.innerText ?? '').includes({json.dumps(wanted)})", timeout,
                  f"{wanted!r} in {selector}")
        return self.text(selector)

    def shot(self, path):
        """A picture of the whole page, as PNG."""
        height = self.run("scrollTo({top: 0, behavior: 'instant'}), document.documentElement.scrollHeight")
        clip = {"x": 0, "y": 0, "width": self.width, "height": min(height, 6000), "scale": 1}
        data = self.ask("Page.captureScreenshot", {"format": "png", "captureBeyondViewport": True, "clip": clip})["data"]
        with open(path, "wb") as out:
            out.write(base64.b64decode(data))

    # doing --------------------------------------------------------------------------------------------------------

    def go(self, address):
        self.ask("Page.navigate", {"url": address})
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank'")

    def resize(self, width, height):
        self.width = width
        self.ask("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1,
                                                        "mobile": width < 600})

    def scheme(self, name):
        """light or dark, as the operating system would say."""
        self.ask("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": name}]})

    def time_zone(self, name):
        self.ask("Emulation.setTimezoneOverride", {"timezoneId": name})

    def _place(self, selector):
        """Where the element's middle is, once it is there and nothing covers it. "text=…" finds a button or link."""
        quoted = json.dumps(selector)
        find = (f"[...document.querySelectorAll('button, a, summary')].find(e => e.innerText.trim() === {quoted}.slice(5) && e.offsetParent)"
                if selector.startswith("text=") else f"document.querySelector({quoted})")
        return self.wait(f"""(() => {{ const e = {find}; if (!e || e.disabled || e.matches('form[data-busy] button')) return null;
            e.scrollIntoView({{block: 'center', inline: 'center', behavior: 'instant'}});
            const box = e.getBoundingClientRect(), x = box.x + box.width / 2, y = box.y + box.height / 2;
            const hit = document.elementFromPoint(x, y);
            return box.width && hit && (e.contains(hit) || hit.contains(e) && hit.tagName === 'LABEL') ? [x, y] : null; }})()""",
                         what=f"{selector} can be clicked")

    def click(self, selector):
        x, y = self._place(selector)
        for kind in ("mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", {"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1})

    def press(self, key, shift=False):
        about = {"key": key, "code": key, "windowsVirtualKeyCode": KEYS[key], "modifiers": 8 if shift else 0}
        if key in ("Enter", " "):
            about["text"] = "\r" if key == "Enter" else " "
        self.ask("Input.dispatchKeyEvent", {"type": "keyDown", **about})
        self.ask("Input.dispatchKeyEvent", {"type": "keyUp", **about})

    def type(self, text):
        """As if typed, into what has the focus."""
        self.ask("Input.insertText", {"text": text})

    def fill(self, selector, text):
        """Replaces what an input holds, by hand."""
        self.click(selector)
        self.run(f"document.querySelector({json.dumps(selector)}).select()")
        self.type(text)

    def set(self, selector, value):
        """The value of an input that is not typed into (time, range), with the events of a user's change."""
        self.run(f"""(() => {{ const e = document.querySelector({json.dumps(selector)}); e.value = {json.dumps(value)};
            for (const name of ['input', 'change']) e.dispatchEvent(new Event(name, {{bubbles: true}})); }})()""")

    def choose(self, selector, label):
        """The option of a select whose text begins with `label`, once it is there."""
        quoted, wanted = json.dumps(selector), json.dumps(label)
        self.wait(f"[...document.querySelector({quoted}).options].some(o => o.text.startsWith({wanted}))",
                  what=f"{label!r} among the options of {selector}")
        self.run(f"""(() => {{ const e = document.querySelector({quoted});
            e.value = [...e.options].find(o => o.text.startsWith({wanted})).value;
            for (const name of ['input', 'change']) e.dispatchEvent(new Event(name, {{bubbles: true}})); }})()""")

    def save_downloads(self, folder):
        """What the page hands to the user as a file goes there."""
        self.browser.ask("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)})

    def attach(self, selector, path):
        """Puts a file into a file input."""
        root = self.ask("DOM.getDocument")["root"]["nodeId"]
        node = self.ask("DOM.querySelector", {"nodeId": root, "selector": selector})["nodeId"]
        self.ask("DOM.setFileInputFiles", {"nodeId": node, "files": [str(path)]})
