"""A page that plays Chatwoot on a site of its own: frames the panel and hands it an unsigned context."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGE = """<!doctype html><html lang="pt-BR"><meta charset="utf-8"><title>Chat</title>
<style>body{margin:0}iframe{border:0;width:100%%;height:98vh}</style>
<iframe id="app" src="%(address)s"></iframe>
<script>
const app = document.getElementById('app');
let conversation = %(number)s;
window.asked = 0;
window.tell = (number) => {
  conversation = number;
  const context = {event: 'appContext', data: {conversation: {id: number, inbox_id: 7}, contact: {id: 1},
    currentAgent: {id: 20, name: 'Quem Quiser', email: 'chefe@clinica.exemplo'}}};
  app.contentWindow.postMessage(JSON.stringify(context), '*');
};
window.addEventListener('message', (event) => {
  if (event.data === 'chatwoot-dashboard-app:fetch-info') { window.asked += 1; window.tell(conversation); }
});
app.addEventListener('load', () => window.tell(conversation));
</script></html>"""


@dataclass
class Stage:
    """Where the page is; `host` differs from the panel's, so that the browser takes it for another site."""

    origin: str
    panel: str = ""
    number: int = 0


@contextmanager
def playing() -> Iterator[Stage]:
    """Serve the page until left; say which panel it frames by setting `panel` and `number`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = (PAGE % {"address": stage.panel, "number": json.dumps(stage.number)}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stage = Stage(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield stage
    finally:
        server.shutdown()
        server.server_close()
