# One image; its commands are those of tools/container-command: api (default), worker, migrate and others.
# All of them need the same YTTERBY_DATABASE_URL.
# The Python version is the one the tests run on: the same versions give the same numbers.
FROM python:3.11-slim AS build
# "dask" adds what a Dask scheduler and its workers need (docs/scale.md).
ARG LOCK=runtime
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv /opt/ytterby
WORKDIR /src
COPY requirements/build.lock requirements/runtime.lock requirements/dask.lock requirements/
RUN /opt/ytterby/bin/pip install --quiet --require-hashes --only-binary :all: \
        --requirement requirements/build.lock --requirement "requirements/${LOCK}.lock"
COPY pyproject.toml README.md LICENSE ./
COPY forecast forecast
COPY data data
COPY service service
RUN /opt/ytterby/bin/pip install --quiet --no-deps --no-build-isolation .

FROM python:3.11-slim
RUN useradd --uid 10001 --user-group --create-home --home-dir /var/lib/ytterby --shell /usr/sbin/nologin ytterby
COPY --from=build /opt/ytterby /opt/ytterby
COPY tools/container-command /usr/local/bin/container-command
ENV PATH=/opt/ytterby/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    OMP_NUM_THREADS=1 \
    OPENBLAS_NUM_THREADS=1 \
    YTTERBY_HOST=0.0.0.0 \
    YTTERBY_PORT=8000 \
    YTTERBY_LOG_FORMAT=json \
    YTTERBY_DATABASE_URL=sqlite:////var/lib/ytterby/ytterby.db
USER 10001
WORKDIR /var/lib/ytterby
VOLUME /var/lib/ytterby
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 CMD ["container-command", "health"]
ENTRYPOINT ["container-command"]
CMD ["api"]
