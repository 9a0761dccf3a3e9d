"""Python's http.server reads the head, and its http.client the chunks (http.server leaves content to its user)."""
import http.client
import http.server
import io
from parsers.reading import Reading, Request


class Unclosed:
    """The connection's bytes, for a reader that closes them behind one message."""

    def __init__(self, file):
        self.read, self.readline = file.read, file.readline

    def makefile(self, *_):
        return self

    def close(self):
        pass

    flush = close


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def __init__(self, data):
        self.reading = Reading()
        self.rfile, self.wfile = io.BytesIO(data), io.BytesIO()
        self.client_address = ('127.0.0.1', 0)
        self.handle()

    def __getattr__(self, name):
        if name.startswith('do_'):
            return self.take
        raise AttributeError(name)

    def read_chunks(self):
        chunks = http.client.HTTPResponse(Unclosed(self.rfile))
        chunks.chunked, chunks.chunk_left, chunks.length = True, None, None
        return chunks.read()

    def read_counted(self):
        length = int(self.headers.get('Content-Length', '0'))
        content = self.rfile.read(length)
        if len(content) < length:
            raise http.client.IncompleteRead(content)
        return content

    def take(self):
        try:
            content = self.read_chunks() if self.headers.get('Transfer-Encoding') else self.read_counted()
        except (http.client.HTTPException, ValueError) as error:
            self.send_error(400, repr(error))
            return
        target = self.requestline.split()[1]  # self.path has fewer slashes at its beginning
        parts = (self.command, target, self.headers.get('Host', ''))
        self.reading.requests.append(Request(*(part.encode('latin-1') for part in parts), content))

    def send_error(self, code, message=None, explain=None):
        self.reading.problem = f'{code} {message}'
        self.close_connection = True

    def log_message(self, *_):
        pass


def read_all(segments):
    return [Handler(segment.data).reading for segment in segments]
