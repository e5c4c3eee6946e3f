# The lab on a CPU: docker build --tag warmstart . && docker run --rm --volume "$PWD:/work" warmstart compare
FROM python:3.13-slim

WORKDIR /build
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY tools tools
COPY src src
RUN pip install --no-cache-dir --constraint constraints.txt \
    --extra-index-url https://download.pytorch.org/whl/cpu ".[lab]" && rm -rf /build/*

# What is written to /work belongs to its user: --user "$(id -u)" for another one.
RUN useradd --create-home --uid 1000 lab
USER lab
ENV HOME=/tmp
WORKDIR /work
ENTRYPOINT ["warmstart"]
