# The HTTP service with the fast package, from the wheels that the project builds (docs/service.md):
#   python -m spacy project run fast
#   docker build --tag music-ner .
#   docker run --publish 127.0.0.1:8000:8000 music-ner
FROM python:3.11-slim

COPY packages/wheels /wheels
COPY constraints.txt /constraints.txt
RUN pip install --no-cache-dir --find-links /wheels --constraint /constraints.txt \
    "music-ner[service]" en-music-ner-fast

RUN useradd --create-home service
USER service
WORKDIR /home/service
EXPOSE 8000
HEALTHCHECK --start-period=60s CMD ["python", "-c", \
    "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/ready', timeout=5)"]
CMD ["python", "-m", "music_ner.service", "--host", "0.0.0.0", "--workers", "2"]
