#!/usr/bin/env python3
"""Reads /metrics with the strict parsers of the PyPI package `prometheus-client`, and with `promtool check metrics` where it
is installed. Needs MUSTER_BIN and the packages of requirements.txt; `cargo xtask test clients` provides both. Prints one
line a claim; exit 1 if any is broken.
"""
import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as older_text

from server import ADMIN_TOKEN, Claims, Server

OPEN_METRICS = "application/openmetrics-text; version=1.0.0"
WANTED = {
    "muster_http_requests": "counter", "muster_http_request_duration_seconds": "histogram", "muster_build_info": "gauge",
    "muster_commit_seconds": "histogram", "muster_group_size": "histogram", "muster_elements": "counter",
    "muster_workspace_users": "gauge", "muster_workspace_disk_bytes": "gauge", "muster_workspace_open_reviews": "gauge",
    "muster_workspace_quarantined_elements": "gauge", "muster_console_sessions": "gauge",
    "process_cpu_seconds": "counter", "process_resident_memory_bytes": "gauge", "process_start_time_seconds": "gauge",
}


def call(url, data=None, **headers):
    body = None if data is None else json.dumps(data).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read().decode(), answer.headers["Content-Type"]
    except urllib.error.HTTPError as refused:
        return refused.read().decode(), refused.headers["Content-Type"]


def traffic(server):
    """Something of each outcome."""
    bearer = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    made = json.loads(call(server.url + "/api/v1/workspaces", {"name": "Metrics"}, **bearer)[0])
    basic = base64.b64encode(f"{made['id']}:{made['data_api_key']}".encode()).decode()
    for elements in ([{"type": "customer", "customer_id": "a"}, {"type": "customer", "customer_id": "guest"}], []):
        body = {"type": "transition", "elements": elements}
        call(f"{server.url}/v1/transition/{made['id']}", body, Authorization=f"Basic {basic}")
    call(server.url + "/v1/nowhere", {})
    return made["id"]


def judge(claims, server):
    workspace = traffic(server)
    text, kind = call(server.url + "/metrics", Accept=OPEN_METRICS)
    claims.equal("whoever asks for OpenMetrics gets it", kind, OPEN_METRICS + "; charset=utf-8")
    families = {family.name: family for family in open_metrics(text)}
    kinds = {name: families[name].type if name in families else None for name in WANTED}
    claims.equal("a strict OpenMetrics parser reads all of it, each metric of its kind", kinds, WANTED)
    undocumented = [name for name, family in families.items() if not family.documentation]
    claims.equal("every metric has its help", undocumented, [])
    users = [(s.labels, s.value) for s in families["muster_workspace_users"].samples]
    claims.equal("the users of a workspace are counted", users, [({"workspace": workspace}, 1.0)])
    for name in (name for name, kind in WANTED.items() if kind == "histogram"):
        ends = {s.labels["le"] for s in families[name].samples if s.name.endswith("_bucket") and s.labels["le"][0] == "+"}
        claims.equal(f"{name} ends with infinity", ends, {"+Inf"})
    text, kind = call(server.url + "/metrics")
    claims.equal("everybody else gets the older text", kind, "text/plain; version=0.0.4; charset=utf-8")
    # This parser takes a counter's suffix from its name.
    found = {family.name: family.type for family in older_text(text)}
    claims.equal("and its parser finds the same", {name: found.get(name) for name in WANTED}, WANTED)
    if shutil.which("promtool"):
        run = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60)
        claims.equal("promtool has nothing to say", (run.returncode, run.stdout + run.stderr), (0, ""))
    else:
        print("skipped promtool check metrics: no promtool here (Debian: apt-get install prometheus)")


def main():
    os.environ["NO_PROXY"] = "127.0.0.1"
    claims = Claims()
    with tempfile.TemporaryDirectory(prefix="muster-metrics-") as folder:
        server = Server(os.path.join(folder, "data"))
        try:
            judge(claims, server)
        finally:
            server.stop()
    print(f"{claims.held} of {claims.held + claims.broken} claims about /metrics hold")
    return 1 if claims.broken else 0


if __name__ == "__main__":
    sys.exit(main())
