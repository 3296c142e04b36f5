"""A small client of the REST API (standard library only)."""

import http.client
import json


class RestError(RuntimeError):
    def __init__(self, method, path, status, body):
        super().__init__(f"{method} {path}: {status} {body[:600].decode('utf-8', 'replace')}")
        self.status = status
        self.body = body

    def problem(self):
        """The application/problem+json object, or {}."""
        try:
            return json.loads(self.body)
        except ValueError:
            return {}


class Rest:
    """Speaks JSON over one connection kept open; reconnects once when it was closed under us."""

    def __init__(self, address, port, token=None, timeout=15.0):
        self.address, self.port, self.token, self.timeout = address, port, token, timeout
        self._connection = None

    def close(self):
        if self._connection:
            self._connection.close()
            self._connection = None

    def exchange(self, method, path, body=None, headers=None):
        """Returns (status, headers, bytes); raises OSError when nobody answers."""
        all_headers = {"Accept": "application/json", **(headers or {})}
        if self.token:
            all_headers.setdefault("Authorization", f"Bearer {self.token}")
        for attempt in (1, 2):
            fresh = self._connection is None
            if fresh:
                self._connection = http.client.HTTPConnection(self.address, self.port, timeout=self.timeout)
            try:
                self._connection.request(method, path, body=body, headers=all_headers)
                answer = self._connection.getresponse()
                return answer.status, dict(answer.getheaders()), answer.read()
            except (http.client.HTTPException, OSError):
                self.close()
                if fresh or attempt == 2:
                    raise
        raise AssertionError("not reached")

    def _checked(self, method, path, body=None, headers=None):
        status, answer_headers, content = self.exchange(method, path, body, headers)
        if not 200 <= status < 300:
            raise RestError(method, path, status, content)
        return answer_headers, content

    def get(self, path):
        return json.loads(self._checked("GET", path)[1])

    def get_bytes(self, path, headers=None):
        return self._checked("GET", path, headers={"Accept": "*/*", **(headers or {})})[1]

    def post(self, path, value=None, key=None, content=None, content_type="application/json"):
        body = content if content is not None else json.dumps(value if value is not None else {}).encode()
        headers = {"Content-Type": content_type}
        if key:
            headers["Idempotency-Key"] = key
        answer = self._checked("POST", path, body, headers)[1]
        return json.loads(answer) if answer else None

    def all(self, path, limit=200):
        """Every element of a list, page by page."""
        out, cursor = [], None
        while True:
            separator = "&" if "?" in path else "?"
            page = self.get(f"{path}{separator}limit={limit}" + (f"&cursor={cursor}" if cursor else ""))
            out += page["data"]
            cursor = page.get("next_cursor")
            if not cursor or not page["data"]:  # a feed's last page has a cursor too, to ask on from later
                return out
