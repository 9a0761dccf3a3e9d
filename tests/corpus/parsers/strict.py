"""A reading by rules stricter than any RFC's: what Portico writes has one form, and whatever else stands there is a
mistake of its own. The other parsers' readings are compared with this one."""
import re
from parsers.reading import Request

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
# A backslash may stand in the query alone.
TARGET = rb'[!"$->@-\[\]-~]+(?:\?[!"$-~]*)?'
REQUEST_LINE = re.compile(rb'(' + TOKEN + rb') (' + TARGET + rb') HTTP/1\.1')
FIELD_LINE = re.compile(rb'(' + TOKEN + rb'): ((?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?)')
CHUNK_LINE = re.compile(rb'[0-9a-f]{1,8}', re.IGNORECASE)


class Mistake(Exception):
    pass


class Incomplete(Exception):
    pass


class Bytes:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        if len(self.data) - self.at < count:
            raise Incomplete
        self.at += count
        return self.data[self.at - count:self.at]

    def take_line(self, pattern, what):
        end = self.data.find(b'\r\n', self.at)
        if end < 0:
            raise Incomplete
        line = self.take(end - self.at)
        self.take(2)
        match = pattern.fullmatch(line)
        if line and not match:
            raise Mistake(f'{what}: {line[:80]!r}')
        return match

    def take_end_of_line(self):
        if self.take(2) != b'\r\n':
            raise Mistake('no end of line behind a chunk')


def _fields(bytes_):
    fields = []
    while match := bytes_.take_line(FIELD_LINE, 'field line'):
        fields.append((match[1].lower(), match[2]))
    return fields


def _one(fields, name):
    values = [value for key, value in fields if key == name]
    if len(values) > 1:
        raise Mistake(f'{name.decode()} stands there {len(values)} times')
    return values[0] if values else None


def _chunks(bytes_):
    content = b''
    while True:
        match = bytes_.take_line(CHUNK_LINE, 'chunk size')
        if not match:
            raise Mistake('an empty line for a chunk size')
        size = int(match[0], 16)
        if size == 0:
            break
        content += bytes_.take(size)
        bytes_.take_end_of_line()
    for name, _ in _fields(bytes_):
        if name in (b'host', b'content-length', b'transfer-encoding'):
            raise Mistake(f'trailer {name.decode()}')
    return content


def _content(bytes_, fields):
    length, coding = _one(fields, b'content-length'), _one(fields, b'transfer-encoding')
    if coding is not None:
        if coding != b'chunked' or length is not None:
            raise Mistake(f'Transfer-Encoding {coding!r}, Content-Length {length!r}')
        return _chunks(bytes_)
    if length is None:
        return b''
    if not re.fullmatch(rb'[0-9]{1,19}', length):
        raise Mistake(f'Content-Length {length!r}')
    return bytes_.take(int(length))


def _request(bytes_):
    line = bytes_.take_line(REQUEST_LINE, 'request line')
    if not line:
        raise Mistake('an empty line for a request')
    fields = _fields(bytes_)
    host = _one(fields, b'host')
    if host is None:
        raise Mistake('no Host')
    return Request(line[1], line[2], host, _content(bytes_, fields))


def read(data):
    """@return [(request, its bytes)]; the bytes behind them, of a request that is not complete or has a mistake; and
    that mistake, or None"""
    bytes_, found = Bytes(data), []
    while bytes_.at < len(data):
        start = bytes_.at
        try:
            request = _request(bytes_)
        except Incomplete:
            return found, data[start:], None
        except Mistake as mistake:
            return found, data[start:], f'request {len(found) + 1}: {mistake}'
        found.append((request, data[start:bytes_.at]))
    return found, b'', None
