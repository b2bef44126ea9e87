"""A WSGI application on a loopback port, in a thread of its own, for as long as a `with` lasts."""

import threading

from werkzeug.serving import WSGIRequestHandler, make_server


class _Silent(WSGIRequestHandler):
    """Says nothing of requests: the fakes keep what they were asked."""

    protocol_version = "HTTP/1.1"

    def log(self, *_):
        pass


class Server:
    """What the fakes have in common. A fake is the application: `__call__(environ, start_response)`."""

    scheme = "http"
    tls = None

    def __enter__(self):
        self._server = make_server("127.0.0.1", 0, self, threaded=True, request_handler=_Silent, ssl_context=self.tls)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self._server.server_port}"
