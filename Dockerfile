FROM rust:1.95-slim-bookworm AS build
WORKDIR /build
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --release --locked --bin exeunt && cp target/release/exeunt /exeunt

FROM debian:bookworm-slim
# The authorities that applications' certificates are checked against.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /data --create-home exeunt
COPY --from=build /exeunt /usr/local/bin/exeunt
COPY LICENSE /usr/share/doc/exeunt/LICENSE
USER exeunt
# The database, unless it is PostgreSQL, and the master key.
WORKDIR /data
VOLUME /data
# Inside a container, loopback is nobody's.
ENV EXEUNT__LISTEN=0.0.0.0:8080
EXPOSE 8080
# A configuration file is best named by -e EXEUNT_CONFIG=/etc/exeunt/exeunt.toml: the server and this check both read that.
# Of a --config on the server's command line the check knows nothing.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["exeunt", "healthcheck"]
ENTRYPOINT ["exeunt"]
CMD ["serve"]
