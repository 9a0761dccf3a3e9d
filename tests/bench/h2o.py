"""H2O, beside the others in the rows of HTTP/2. It has less to do there: of the fields that the others set it makes three,
the others are sent as constants; and what a client forges in X-Forwarded-For it passes on. Towards backends it speaks
HTTP/1.1 alone."""

import json
import os

import proxies

COMBINED = '%h %l %u %t "%r" %s %b "%{Referer}i" "%{User-agent}i"'


class H2o(proxies.Proxy):
    name = "H2O"
    output = "stdout"
    is_forgeable = True

    def serves(self, setup):
        return setup.h2 and not setup.grpc

    def command(self, setup, site):
        """JSON is YAML, too."""
        proxied = {"proxy.reverse.url": f"http://{site.backend}/", "proxy.preserve-host": "ON"}
        proxied["proxy.timeout.keepalive"] = 60000
        constants = {"X-Forwarded-Host": proxies.HOST, "X-Forwarded-Port": site.port, "X-Request-Id": "0" * 32}
        chain = [proxied, *({"proxy.header.set": f"{name}: {value}"} for name, value in constants.items())]
        conf = {
            "num-threads": 1,
            "max-connections": 16384,
            "error-log": f"{site.folder}/error.log",
            "pid-file": f"{site.folder}/pid",
            "access-log": {"path": f"{site.folder}/access.log", "format": COMBINED},
            "hosts": {proxies.HOST: {"listen": self.listen(site), "paths": {"/": chain}}},
        }
        if os.geteuid() == 0:
            conf["user"] = "root"
        path = site.folder / "h2o.conf"
        path.write_text(json.dumps(conf, indent=2))
        return ["h2o", "-c", str(path)]

    @staticmethod
    def listen(site):
        tls = {"certificate-file": str(site.cert), "key-file": str(site.key), "minimum-version": "TLSv1.2"}
        return {"port": site.port, "ssl": tls}
