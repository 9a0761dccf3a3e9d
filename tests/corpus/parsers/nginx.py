"""nginx as a server: its log says what it read. It passes each request on to itself, since it would not look at
content otherwise."""
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import time
from parsers.reading import Reading, Request

PATIENCE_S = 5
CONFIGURATION = '''
daemon off; master_process off; pid %(dir)s/pid; error_log %(dir)s/error.log warn;
events { worker_connections 256; }
http {
    log_format reading escape=json '["$remote_addr", $status, "$request_method", "$request_uri", "$http_host",'
        ' "$request_body"]';
    access_log off;
    client_body_temp_path %(dir)s/body; proxy_temp_path %(dir)s/proxy; fastcgi_temp_path %(dir)s/fastcgi;
    uwsgi_temp_path %(dir)s/uwsgi; scgi_temp_path %(dir)s/scgi;
    client_max_body_size 0; client_body_buffer_size 1m; client_body_in_single_buffer on;
    keepalive_requests 1000000; merge_slashes off; proxy_ignore_client_abort on; lingering_close off;
    upstream itself { server unix:%(dir)s/itself; keepalive 16; keepalive_requests 1000000; }
    server {
        listen unix:%(dir)s/front;
        listen 127.0.0.1:%(port)d;
        access_log %(dir)s/readings reading;
        location / { proxy_pass http://itself; proxy_http_version 1.1; proxy_set_header Connection ""; }
    }
    server { listen unix:%(dir)s/itself; location / { return 204; } }
}
'''


def _free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def _address(number):
    """Each connection has its own, by which its lines in the log are found."""
    return f'127.{32 + (number >> 16)}.{number >> 8 & 255}.{number & 255}'


def _connect(port, number):
    end = time.monotonic() + PATIENCE_S
    while True:
        client = socket.socket()
        client.bind((_address(number), 0))
        try:
            client.connect(('127.0.0.1', port))
            return client
        except ConnectionRefusedError:
            client.close()
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


def _answers(data):
    return data.count(b'HTTP/1.1 ') - data.count(b'HTTP/1.1 100 ')


def _replay(client, segment):
    """Sends and reads side by side; the end comes behind the last answer that is expected, or when none comes."""
    left, got, is_shut = segment.data, b'', False
    while True:
        try:
            if not left and not is_shut and _answers(got) >= segment.count:
                client.shutdown(socket.SHUT_WR)
                is_shut = True
            readable, writable, _ = select.select([client], [client] if left else [], [], PATIENCE_S)
            if writable:
                left = left[client.send(left):]
            if readable or not writable:
                part = client.recv(65536) if readable else b''
                if not part:
                    return
                got += part
        except OSError:  # it has closed: its log tells what it read
            return


def _readings(path, count):
    readings, numbers = [Reading() for _ in range(count)], {_address(i): i for i in range(count)}
    with open(path, encoding='latin-1') as log:
        for line in log:
            address, status, *parts = json.loads(line)
            reading = readings[numbers[address]]
            # 405: TRACE, which it does not serve, but has read.
            if status in (200, 204, 405):
                reading.requests.append(Request(*(part.encode('latin-1') for part in parts)))
            else:
                reading.problem = f'{status} {parts[:2]}'
    return readings


def program():
    return shutil.which('nginx', path=os.environ.get('PATH', '') + ':/usr/sbin:/sbin')


def read_all(segments, directory):
    os.mkdir(directory)
    port = _free_port()
    with open(f'{directory}/conf', 'w', encoding='ascii') as conf:
        conf.write(CONFIGURATION % {'dir': directory, 'port': port})
    server = subprocess.Popen([program(), '-c', f'{directory}/conf', '-p', directory, '-e', f'{directory}/error.log'])
    try:
        _connect(port, 0).close()
        for number, segment in enumerate(segments):
            with _connect(port, number) as client:
                _replay(client, segment)
    finally:
        server.send_signal(signal.SIGQUIT)
        server.wait(PATIENCE_S)
    return _readings(f'{directory}/readings', len(segments))
