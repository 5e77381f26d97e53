# The locked environment in an image: docker build -t cwamsn . && docker run --rm -v "$PWD/results:/cwamsn/results" cwamsn
# Apptainer: apptainer build cwamsn.sif docker-daemon://cwamsn:latest
FROM python:3.11-slim-bookworm
RUN apt-get update \
    && apt-get install -y --no-install-recommends make git graphviz \
    && if [ "$(dpkg --print-architecture)" = arm64 ]; then apt-get install -y --no-install-recommends gcc g++; fi \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /cwamsn
COPY requirements.lock pyproject.toml README.md ./
COPY cwamsn ./cwamsn
RUN python -m pip install --no-cache-dir --no-deps -r requirements.lock -e .
COPY . .
ENV OMP_NUM_THREADS=1 PYTHONUNBUFFERED=1
ENTRYPOINT ["snakemake"]
CMD ["--cores", "all"]
