FROM python:3.12.11-slim-bookworm AS build
WORKDIR /src
RUN python -m venv /opt/subledger
COPY requirements.txt requirements-build.txt ./
RUN /opt/subledger/bin/pip install --no-cache-dir --require-hashes -r requirements.txt \
    && pip install --no-cache-dir --require-hashes -r requirements-build.txt
COPY pyproject.toml README.md LICENSE ./
COPY domain domain
COPY commands commands
COPY queries queries
COPY projections projections
COPY infra infra
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /opt/subledger/bin/pip install --no-cache-dir --no-deps --no-index /wheels/*.whl

FROM python:3.12.11-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home --home-dir /var/lib/subledger subledger \
    && install -d -o subledger -g subledger -m 0700 /var/lib/subledger
COPY --from=build /opt/subledger /opt/subledger
ENV PATH=/opt/subledger/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    SUBLEDGER_HOST=0.0.0.0 \
    SUBLEDGER_PORT=8000 \
    SUBLEDGER_STATE=/var/lib/subledger
USER 10001
VOLUME /var/lib/subledger
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=5s --start-period=30s --retries=6 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=3)"]
ENTRYPOINT ["subledger"]
CMD ["commands"]
