"""What a parser made of a connection's bytes."""
import hashlib
from dataclasses import dataclass, field
from typing import NamedTuple, Optional


class Request(NamedTuple):
    method: bytes
    target: bytes
    host: bytes
    content: bytes

    def __str__(self):
        method, target, host = (repr(part)[2:-1] for part in self[:3])
        return f'{method} {target} @{host} {len(self.content)} bytes, {hashlib.sha256(self.content).hexdigest()[:16]}'


@dataclass
class Reading:
    requests: list = field(default_factory=list)
    problem: Optional[str] = None  # why it went no further


def readings_of_lines(text, count):
    """Of what llhttp.c and node.js write."""
    readings = [Reading() for _ in range(count)]
    for line in text.splitlines():
        number, first, *rest = line.split(' ')
        if first == '!':
            readings[int(number)].problem = ' '.join(rest)
        else:
            readings[int(number)].requests.append(Request(*(bytes.fromhex(part) for part in (first, *rest))))
    return readings
