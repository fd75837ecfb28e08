# The operator's image. BASE needs python3 (3.11 or newer) with its venv module and CA certificates; both stages use the same one.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
# pip's own settings, for those who need a mirror; pip ignores empty ones. They stay in this stage.
ARG PIP_CERT=""
ARG PIP_DEFAULT_TIMEOUT=""
ARG PIP_EXTRA_INDEX_URL=""
ARG PIP_INDEX_URL=""
ARG PIP_TRUSTED_HOST=""
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
# Nothing is installed that a lock file does not name by its hash, and no package runs code while it is installed.
COPY requirements-build.lock requirements.lock ./
RUN python3 -m venv /opt/build \
 && /opt/build/bin/pip install --quiet --require-hashes --only-binary :all: --requirement requirements-build.lock \
 && python3 -m venv --without-pip /opt/gitlab-azure-identity \
 && /opt/build/bin/pip --python /opt/gitlab-azure-identity/bin/python install --quiet --require-hashes --only-binary :all: --requirement requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY operator operator
RUN /opt/build/bin/pip wheel --quiet --no-deps --no-build-isolation --no-index --wheel-dir /opt/build/wheels . \
 && /opt/build/bin/pip --python /opt/gitlab-azure-identity/bin/python install --quiet --no-deps --no-index /opt/build/wheels/*.whl

FROM ${BASE}
LABEL org.opencontainers.image.title="gitlab-azure-identity" \
      org.opencontainers.image.description="Gives GitLab on AKS access to Azure Blob Storage through workload identity, without storage keys." \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/gitlab-azure-identity /opt/gitlab-azure-identity
# LOGNAME: Python asks for the user's name, and no passwd has one for the number below.
ENV PATH=/opt/gitlab-azure-identity/bin:/usr/local/bin:/usr/bin:/bin \
    LOGNAME=gitlab-azure-identity \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
# By number, so that a cluster can see without the image's passwd that it is not root.
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["gitlab-azure-identity"]
CMD ["run"]
