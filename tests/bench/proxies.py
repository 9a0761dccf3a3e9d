"""Three of the proxies (h2o.py has the fourth): how each is configured for a setup, as someone who knows it well would, and run.

The same work is on in all of them: the forwarding fields are replaced, not appended to (X-Forwarded-For,
-Proto, -Host, -Port, X-Request-Id, Via), and each request or connection is logged to a file, in the combined
format where it is HTTP. One worker each.
"""

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

HOST = "bench.test"


@dataclass(frozen=True)
class Site:
    """Where a proxy listens, what stands behind it, and where its files go."""

    port: int
    backend: str  # host:port
    cert: Path
    key: Path
    folder: Path


def servers(setup, site):
    """The addresses of the pool: all of them are the one backend."""
    port = site.backend.rpartition(":")[2]
    return [f"127.0.{1 + i // 250}.{1 + i % 250}:{port}" for i in range(setup.servers)] or [site.backend]


def host_names(setup):
    return [f"h{i:05}.{HOST}" for i in range(setup.hosts)]


class Proxy:
    fields = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "X-Request-Id", "Via")
    is_forgeable = False  # does what a client says in X-Forwarded-For reach the backend?

    def serves(self, setup):
        return True


class Nginx(Proxy):
    name = "nginx"
    output = "stdout"

    HTTP_FIELDS = """
    proxy_set_header Connection "";
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-Host $http_host;
    proxy_set_header X-Forwarded-Port $server_port;
    proxy_set_header X-Request-Id $request_id;
    proxy_set_header Via "1.1 nginx";
"""
    TUNED = """
    proxy_buffering off;
    proxy_request_buffering off;
    proxy_buffer_size 64k;
    proxy_buffers 4 64k;
    proxy_busy_buffers_size 128k;
    client_body_buffer_size 64k;
"""

    def command(self, setup, site):
        conf = site.folder / "nginx.conf"
        inside = self.tcp(setup, site) if setup.kind == "tcp" else self.http(setup, site)
        conf.write_text(f"""
{self.stream_module() if setup.kind == "tcp" else ""}
{"user root;" if os.geteuid() == 0 else ""}
daemon off;
worker_processes 1;
worker_rlimit_nofile {os.sysconf("SC_OPEN_MAX")};
pid {site.folder}/pid;
error_log {site.folder}/error.log crit;
events {{
    worker_connections 16384;
    accept_mutex off;
}}
{inside}
""")
        return ["nginx", "-c", str(conf), "-p", str(site.folder), "-e", f"{site.folder}/error.log"]

    @staticmethod
    def stream_module():
        """Debian keeps raw TCP in a package of its own (libnginx-mod-stream)."""
        built = subprocess.run(["nginx", "-V"], capture_output=True, text=True).stderr
        if "--with-stream=dynamic" not in built:
            return ""
        folder = re.search(r"--modules-path=(\S+)", built)
        return f"load_module {folder[1] if folder else 'modules'}/ngx_stream_module.so;"

    def http(self, setup, site):
        listen = f"{site.port} ssl" if setup.tls else str(site.port)
        listen += " http2" if setup.h2 else ""
        passed = "grpc_pass grpc://back;" if setup.grpc else "proxy_pass http://back;"
        fields = self.HTTP_FIELDS.replace("proxy_", "grpc_") if setup.grpc else self.HTTP_FIELDS
        # Only where it is used: nginx would load it anew for each of 10,000 servers.
        certificate = f"ssl_certificate {site.cert}; ssl_certificate_key {site.key};" if setup.tls else ""
        failures = " max_fails=3 fail_timeout=10s" if setup.checked else ""
        options = "backlog=4096 deferred"
        hosts = ""
        for name in host_names(setup) or ["_"]:
            hosts += f"    server {{ listen {listen} {options}; server_name {name};"
            hosts += f" location / {{ {passed} }} }}\n"
            options = ""  # a port takes them once
        return f"""
http {{
    access_log {site.folder}/access.log combined buffer=64k flush=1s;
    client_body_temp_path {site.folder}/body;
    proxy_temp_path {site.folder}/proxied;
    keepalive_timeout 75s;
    keepalive_requests 1000000000;
    server_names_hash_max_size 65536;
    server_names_hash_bucket_size 128;
    ssl_protocols TLSv1.2 TLSv1.3;
    {certificate}
    upstream back {{
{"".join(f"        server {server}{failures};{chr(10)}" for server in servers(setup, site))}
        keepalive {max(256, 2 * setup.servers)};
        keepalive_requests 1000000000;
    }}
    proxy_http_version 1.1;
    {fields}
    {self.TUNED if setup.tuned else ""}
{hosts}}}
"""

    def tcp(self, setup, site):
        return f"""
stream {{
    log_format line '$remote_addr [$time_local] $protocol $status $bytes_sent $bytes_received $session_time';
    access_log {site.folder}/access.log line buffer=64k flush=1s;
    {"proxy_buffer_size 64k;" if setup.tuned else ""}
    server {{
        listen {site.port} backlog=4096;
        proxy_pass {site.backend};
    }}
}}
"""


class Haproxy(Proxy):
    name = "HAProxy"
    output = "access.log"

    # HAProxy cannot write files itself. Of its ways out, a line written to its standard output, which is
    # the file, cost the least (README.md).
    HTTP = r"""
    mode http
    option http-keep-alive
    http-reuse always
    capture request header Referer len 128
    capture request header User-Agent len 128
    log-format "%ci - - [%trl] \"%HM %HU %HV\" %ST %B \"%[capture.req.hdr(0)]\" \"%[capture.req.hdr(1)]\""
    http-request set-header X-Forwarded-For %[src]
    http-request set-header X-Forwarded-Proto {scheme}
    http-request set-header X-Forwarded-Host %[req.hdr(host)]
    http-request set-header X-Forwarded-Port %[dst_port]
    http-request set-header X-Request-Id %[uuid]
    http-request set-header Via "1.1 haproxy"
"""

    SPLICE = "option splice-request\n    option splice-response"

    def command(self, setup, site):
        conf = site.folder / "haproxy.cfg"
        conf.write_text(f"""
global
    nbthread 1
    maxconn 6000
    log stdout format raw local0
    {"tune.bufsize 65536" if setup.tuned else ""}
    ssl-default-bind-options ssl-min-ver TLSv1.2

defaults
    log global
    timeout connect 5s
    timeout client 75s
    timeout server 75s
    {self.SPLICE if setup.tuned and setup.kind == "tcp" else ""}

{self.frontend(setup, site)}

backend back
    mode {setup.kind}
    {"http-reuse always" if setup.kind == "http" else ""}
{self.servers(setup, site)}
""")
        return ["haproxy", "-db", "-f", str(conf)]

    CHECKED = """
    option httpchk GET /128
    option redispatch
    retry-on conn-failure empty-response
    default-server check inter 1s observe layer7"""

    def servers(self, setup, site):
        version = " proto h2" if setup.grpc else ""
        lines = [f"    server s{i} {server}{version}" for i, server in enumerate(servers(setup, site))]
        if setup.servers:  # idle connections must outlast the turns of the others
            lines.insert(0, "    balance roundrobin\n    default-server pool-purge-delay 60s")
        return "\n".join([self.CHECKED if setup.checked else "", *lines])

    def frontend(self, setup, site):
        bind = f"bind 0.0.0.0:{site.port} backlog 4096{' defer-accept' if setup.kind == 'http' else ''}"
        if setup.tls:
            pair = site.folder / "pair.pem"
            pair.write_text(site.cert.read_text() + site.key.read_text())
            bind += f" ssl crt {pair}{' alpn h2,http/1.1' if setup.h2 else ''}"
        if setup.kind == "tcp":
            inside = '    mode tcp\n    log-format "%ci [%t] TCP %ts %B %U %Tt"\n    default_backend back'
        else:
            inside = self.HTTP.format(scheme="https" if setup.tls else "http") + self.choice(setup, site)
        return f"frontend front\n    {bind}\n{inside}"

    @staticmethod
    def choice(setup, site):
        if not setup.hosts:
            return "    default_backend back"
        table = site.folder / "hosts.map"
        table.write_text("".join(f"{name} back\n" for name in host_names(setup)))
        return f"    use_backend %[req.hdr(host),lower,map({table})]"


class Portico(Proxy):
    name = "Portico"
    output = "stdout"

    def __init__(self, binary):
        self.binary = str(binary)

    @staticmethod
    def admin(site):
        return site.folder / "admin.sock"

    @staticmethod
    def target(setup, site):
        if not setup.servers:
            return f"h2c://{site.backend}" if setup.grpc else site.backend
        route = {"to": servers(setup, site)}
        if setup.checked:
            route |= {"health": {"path": "/128", "interval": "1s"}, "retry": {"resets": True}}
            route |= {"outlier": {"connect_failures": 3, "resets": 5, "errors": 20}}
        return json.dumps(route)

    def configure(self, setup, site):
        if setup.kind == "tcp":
            keys = [f"tcp://:{site.port}"]
        elif setup.tls:
            keys = [f"https://{HOST}:{site.port}"]
        else:
            keys = [f"http://{name}:{site.port}" for name in host_names(setup) or [""]]
        conf = site.folder / "portico.yaml"
        log = {"access": {"to": f"{site.folder}/access.log", "format": "combined"}}
        lines = [f"  {json.dumps(key)}: {self.target(setup, site)}" for key in keys]
        lines = ["routes:", *lines, "workers: 1", f"log: {json.dumps(log)}", f"state: {site.folder}/state"]
        if setup.h2:  # h2load does not open a connection again that ends in good order
            lines.append("limits: {requests_per_connection: 1000000000}")
        lines.append(f"admin: unix:{self.admin(site)}")
        if setup.tls:
            lines.append(f"certificates: [{json.dumps({'cert': str(site.cert), 'key': str(site.key)})}]")
        conf.write_text("\n".join(lines) + "\n")
        return conf

    def command(self, setup, site):
        return [self.binary, "run", "-c", str(self.configure(setup, site))]
