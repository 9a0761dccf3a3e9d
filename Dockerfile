# Portico in a container. Mount a configuration at /etc/portico/portico.yaml, and keep /var/lib/portico (the
# local CA) in a volume:
#   docker run -p 80:80 -p 443:443 -v ./portico.yaml:/etc/portico/portico.yaml:ro -v portico:/var/lib/portico portico
ARG BASE=debian:trixie-slim

FROM ${BASE} AS build
# Another Debian archive than the base image's own, for this build alone.
ARG APT_MIRROR=
RUN set -eu; set --; \
    if [ -n "$APT_MIRROR" ]; then \
        echo "deb $APT_MIRROR trixie main" >/tmp/apt.list; \
        set -- -o Dir::Etc::sourcelist=/tmp/apt.list -o Dir::Etc::sourceparts=-; \
    fi; \
    apt-get "$@" -qq update; \
    DEBIAN_FRONTEND=noninteractive apt-get "$@" -qq -y --no-install-recommends install gcc libc6-dev cmake \
        ninja-build pkg-config libuv1-dev libssl-dev libfyaml-dev libllhttp-dev libnghttp2-dev libc-ares-dev \
        libjansson-dev libcurl4-openssl-dev libseccomp-dev \
        >/dev/null
WORKDIR /src
COPY . .
RUN cmake --preset release -DPORTICO_TESTS=OFF && cmake --build --preset release --target portico && \
    cmake --install build/release --prefix /out --strip

FROM ${BASE}
ARG APT_MIRROR=
COPY --from=build /out/bin/portico /usr/local/bin/portico
# The capability lets the user open ports below 1024 where the engine does not allow that to everyone. (With
# --cap-drop ALL, add NET_BIND_SERVICE again.)
RUN set -eu; set --; \
    if [ -n "$APT_MIRROR" ]; then \
        echo "deb $APT_MIRROR trixie main" >/tmp/apt.list; \
        set -- -o Dir::Etc::sourcelist=/tmp/apt.list -o Dir::Etc::sourceparts=-; \
    fi; \
    apt-get "$@" -qq update; \
    DEBIAN_FRONTEND=noninteractive apt-get "$@" -qq -y --no-install-recommends install ca-certificates \
        libuv1t64 libssl3t64 libfyaml0 libllhttp9.2 libnghttp2-14 libcares2 libjansson4 libcurl4t64 libseccomp2 libcap2-bin >/dev/null; \
    setcap cap_net_bind_service=+ep /usr/local/bin/portico; \
    apt-get -qq -y purge --auto-remove libcap2-bin >/dev/null; \
    rm -rf /var/lib/apt/lists/* /var/cache/apt /var/log/apt /var/log/dpkg.log /tmp/apt.list; \
    useradd --system --uid 10001 --user-group --home-dir /var/lib/portico --shell /usr/sbin/nologin portico; \
    install -d -o portico -g portico /var/lib/portico /run/portico; \
    install -d /etc/portico
# Where a process that is not root looks for its state and its admin socket.
ENV XDG_STATE_HOME=/var/lib XDG_RUNTIME_DIR=/run
USER portico
EXPOSE 80 443
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["portico", "health"]
ENTRYPOINT ["portico"]
CMD ["run", "-c", "/etc/portico/portico.yaml"]
