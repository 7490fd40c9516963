# docker build -t kindling . && docker run --rm --shm-size=1g -v "$PWD/data:/kindling/data" -v "$PWD/logs:/kindling/logs" kindling train TASK=timeseries
FROM python:3.12-slim
RUN apt-get update && apt-get install --yes --no-install-recommends git make && rm -rf /var/lib/apt/lists/*
WORKDIR /kindling
COPY pyproject.toml constraints.txt Makefile README.md LICENSE ./
COPY src src
RUN make install
COPY . .
ENTRYPOINT ["make"]
