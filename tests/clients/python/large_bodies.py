#!/usr/bin/env python3
"""Sends bodies of 4 to 32 MB with clients that people use, each of which must read its 413: Node's fetch and http, curl
with and without its question before the body, Python's requests and http.client. Needs MUSTER_BIN; what is not
installed is named as skipped. Prints one line a claim; exit 1 if any is broken.
"""
import base64
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request

import requests

from server import ADMIN_TOKEN, Claims, Server

MEGABYTES = (4, 8, 16, 32)
NODE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "node", "large_bodies.mjs")
WANTED = "413 PayloadTooLarge"


def told(status, body):
    return f"{status} {json.loads(body)['error']['type']}"


def by_http_client(call, file, megabytes):
    connection = http.client.HTTPConnection(call["host"], timeout=60)
    with open(file, "rb") as body:
        connection.request("POST", call["path"], body, {**call["headers"], "Content-Length": str(megabytes << 20)})
    answer = connection.getresponse()
    return told(answer.status, answer.read())


def by_requests(call, file, _):
    with open(file, "rb") as body:
        answer = requests.post(call["url"], data=body, headers=call["headers"], timeout=60)
    return told(answer.status_code, answer.text)


def by_curl(*more):
    def send(call, file, _):
        headers = [part for name, value in call["headers"].items() for part in ("-H", f"{name}: {value}")]
        run = subprocess.run(
            ["curl", "-sS", "--max-time", "60", "-w", "\\n%{http_code}", "--data-binary", f"@{file}", *headers, *more, call["url"]],
            capture_output=True, text=True, timeout=90)
        if run.returncode != 0:
            return f"curl ended with {run.returncode}: {run.stderr.strip()}"
        body, status = run.stdout.rsplit("\n", 1)
        return told(status, body)
    return send


def by_node(kind):
    def send(call, file, _):
        run = subprocess.run(["node", NODE, kind, call["url"], json.dumps(call["headers"]), file], capture_output=True,
                             text=True, timeout=90)
        return run.stdout.strip() if run.returncode == 0 else f"node ended with {run.returncode}: {run.stderr.strip()[-300:]}"
    return send


def clients():
    yield "Python http.client", by_http_client
    yield "Python requests", by_requests
    for program, made in (("curl", {"curl": by_curl(), "curl without Expect": by_curl("-H", "Expect:"),
                                    "curl with chunks": by_curl("-H", "Transfer-Encoding: chunked", "-H", "Expect:")}),
                          ("node", {"Node fetch": by_node("fetch"), "Node http": by_node("http")})):
        if shutil.which(program):
            yield from made.items()
        else:
            print(f"skipped {program}: it is not installed here")


def main():
    os.environ["NO_PROXY"] = "127.0.0.1"
    claims = Claims()
    with tempfile.TemporaryDirectory(prefix="muster-large-") as folder:
        server = Server(os.path.join(folder, "data"))
        try:
            request = urllib.request.Request(
                server.url + "/api/v1/workspaces", b'{"name": "Large"}',
                {"Authorization": f"Bearer {ADMIN_TOKEN}", "Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=30) as answer:
                made = json.load(answer)
            path = f"/v1/transition/{made['id']}"
            basic = base64.b64encode(f"{made['id']}:{made['data_api_key']}".encode()).decode()
            call = {"url": server.url + path, "path": path, "host": server.url.split("//")[1],
                    "headers": {"Authorization": f"Basic {basic}", "Content-Type": "application/json"}}
            for megabytes in MEGABYTES:
                file = os.path.join(folder, "body")
                with open(file, "wb") as out:
                    out.write(b" " * (megabytes << 20))
                for name, send in clients():
                    try:
                        got = send(call, file, megabytes)
                    except Exception as error:  # a reset, a broken pipe: the answer was not read
                        got = f"{type(error).__name__}: {error}"
                    claims.equal(f"{name}: the answer to {megabytes} MB is read", got, WANTED)
        finally:
            server.stop()
    print(f"{claims.held} of {claims.held + claims.broken} claims about large bodies hold")
    return 1 if claims.broken else 0


if __name__ == "__main__":
    sys.exit(main())
