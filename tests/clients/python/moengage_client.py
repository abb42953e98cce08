#!/usr/bin/env python3
"""Drives the PyPI package `moengage` 0.3.4, a client that nobody here wrote, against a Muster of its own.

Every claim is judged by what the management API shows afterwards, never by the client's silence: the package ignores
the HTTP status and reads the body's "status" and error.message alone. Needs MUSTER_BIN and the packages of
requirements.txt beside this file; `cargo xtask test clients` provides both. Prints one line a claim; exit 1 if any is
broken.
"""
import contextlib
import os
import signal
import sys
import tempfile

import requests
from moengage import Moengage
from moengage.exceptions import MoengageAPIException

import server
# The package has no time-out of its own: an answer that never comes must end the run, not hang it.
RUN_SECONDS_MAX = 120


class Server(server.Server):
    """The same with its management API."""

    def __init__(self, data_dir):
        super().__init__(data_dir)
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {server.ADMIN_TOKEN}"

    def manage(self, method, path, body=None, expected=(200, 201)):
        answer = self.session.request(method, self.url + "/api/v1" + path, json=body, timeout=30)
        if answer.status_code not in expected:
            raise RuntimeError(f"{method} {path} answered {answer.status_code}: {answer.text[:300]}")
        return answer


class Workspace:
    """A workspace as the client and as an operator see it."""

    def __init__(self, server, name):
        made = server.manage("POST", "/workspaces", {"name": name}).json()
        self.server, self.id, self.key = server, made["id"], made["data_api_key"]

    def client(self, base=None, key=None):
        return Moengage(base or self.server.url, self.id, key or self.key)

    def user(self, customer_id):
        """The user whom the customer id resolves to, or None."""
        found = self.server.manage(
            "POST", f"/workspaces/{self.id}/users/find", {"kind": "customer_id", "value": customer_id}, (200, 404))
        return found.json() if found.status_code == 200 else None

    def attributes(self, customer_id):
        user = self.user(customer_id)
        return None if user is None else user["attributes"]

    def events(self, customer_id):
        """(action, attributes) of the user's events, oldest first; None without such a user."""
        user = self.user(customer_id)
        if user is None:
            return None
        items = self.server.manage("GET", f"/workspaces/{self.id}/users/{user['id']}/events").json()["items"]
        return [(item["action"], item["attributes"]) for item in reversed(items)]

    def counts(self):
        """(live users, events) of the workspace."""
        stats = self.server.manage("GET", f"/workspaces/{self.id}/stats").json()
        return stats["users"], stats["events"]


class Claims(server.Claims):
    """The same, in groups."""

    @contextlib.contextmanager
    def group(self, name):
        """An exception in a group is one broken claim, not the end of the run."""
        try:
            yield
        except Exception as error:  # whatever it is, it is this group's finding
            self.equal(f"{name}: runs to its end", f"{type(error).__name__}: {error}", "no exception")


def refusal(call, *args, **attributes):
    """What the package raises: its own exception with the server's text, or anything else as a finding."""
    try:
        call(*args, **attributes)
    except MoengageAPIException as error:
        return str(error)
    except Exception as error:
        return f"not understood by the package: {type(error).__name__}: {error}"
    return None


def users(claims, server):
    workspace = Workspace(server, "Users")
    client = workspace.client()
    client.create_or_update_user(
        "ada", name="Ada", phone_number="+4915112345678", email="ada@example.com", plan="gold", visits=3, score=1.5,
        member=True, city="Kraków 🏰", tags=["a", "b"], nothing=None)
    wanted = {"name": "Ada", "mobile": "+4915112345678", "email": "ada@example.com", "plan": "gold", "visits": 3,
              "score": 1.5, "member": True, "city": "Kraków 🏰", "tags": ["a", "b"]}
    claims.equal("a new user shows every attribute that was sent, and no null", workspace.attributes("ada"), wanted)
    client.create_or_update_user("ada", name="Ada L.", visits=4)
    wanted.update(name="Ada L.", visits=4)
    claims.equal("a second call changes what it names and keeps the rest", workspace.attributes("ada"), wanted)
    client.create_or_update_user("bare")
    claims.equal("a user without attributes is created", workspace.attributes("bare"), {})
    client.create_or_update_user(42, plan="free")
    claims.equal("a number as customer id is taken by its text", workspace.attributes("42"), {"plan": "free"})
    claims.equal("four calls for three people make three users", workspace.counts(), (3, 0))
    for customer_id in (None, "", "   "):
        said = refusal(client.create_or_update_user, customer_id, plan="free") or "no refusal"
        claims.equal(f"the customer id {customer_id!r} is refused with a text that the package can show",
                     said.startswith("Moengage API error : ") and len(said) > len("Moengage API error : "), True)
    claims.equal("refused calls leave nothing behind", workspace.counts(), (3, 0))


def events(claims, server):
    workspace = Workspace(server, "Events")
    client = workspace.client()
    client.create_or_update_user("ada", name="Ada")
    client.publish_event("ada", "Page Viewed")
    client.publish_event("ada", "Order Placed", amount=19.99, items=2, gift=False, note="für dich")
    claims.equal("events are on the user's timeline with their attributes", workspace.events("ada"), [
        ("Page Viewed", {}), ("Order Placed", {"amount": 19.99, "items": 2, "gift": False, "note": "für dich"})])
    claims.equal("the user counts them", workspace.user("ada")["event_count"], 2)
    client.publish_event("newcomer", "App Opened")
    claims.equal("an event of somebody unknown makes the user", workspace.events("newcomer"), [("App Opened", {})])
    client.publish_event("ada", "Page Viewed")
    client.publish_event("ada", "Page Viewed")
    claims.equal("the same event sent again counts again: the package sends no event id", workspace.counts(), (2, 5))
    said = refusal(client.publish_event, "ada", "") or "no refusal"
    claims.equal("an event without a name is refused with a text", said.startswith("Moengage API error : "), True)
    claims.equal("the refused event is not stored", workspace.counts(), (2, 5))


def wrong_key(claims, server):
    workspace = Workspace(server, "Keys")
    workspace.client().create_or_update_user("ada", plan="gold")
    stranger = workspace.client(key="not-the-key")
    for call in (stranger.create_or_update_user, stranger.publish_event):
        said = refusal(call, "ada", "Mallory") or "no refusal"
        claims.equal(f"{call.__name__} with a wrong key is refused with the documented text",
                     said.startswith("Moengage API error : App Secret key mismatch"), True)
    claims.equal("a wrong key changes no user", workspace.attributes("ada"), {"plan": "gold"})
    claims.equal("a wrong key makes nothing", workspace.counts(), (1, 0))


def other_workspace(claims, server):
    ours, theirs = Workspace(server, "Ours"), Workspace(server, "Theirs")
    ours.client().create_or_update_user("ada", plan="gold")
    theirs.client().create_or_update_user("ada", plan="free")
    theirs.client().publish_event("ada", "Login")
    claims.equal("the same customer id is another user in another workspace",
                 (ours.attributes("ada"), theirs.attributes("ada")), ({"plan": "gold"}, {"plan": "free"}))
    claims.equal("an event stays in its workspace", (ours.events("ada"), theirs.events("ada")), ([], [("Login", {})]))
    intruder = theirs.client(key=ours.key)
    said = refusal(intruder.create_or_update_user, "ada", plan="stolen") or "no refusal"
    claims.equal("the key of one workspace is a wrong key of another",
                 said.startswith("Moengage API error : App Secret key mismatch"), True)
    claims.equal("and changes neither",
                 (ours.attributes("ada"), theirs.attributes("ada")), ({"plan": "gold"}, {"plan": "free"}))
    nowhere = Moengage(server.url, "NO_SUCH_WORKSPACE", ours.key)
    same = refusal(nowhere.create_or_update_user, "ada") or "no refusal"
    claims.equal("an unknown workspace is answered like a wrong key", same, said)


def trailing_slash(claims, server):
    workspace = Workspace(server, "Slashes")
    for slashes in ("/", "//"):
        client = workspace.client(base=server.url + slashes)
        client.create_or_update_user("ada", slashes=len(slashes))
        client.publish_event("ada", "Login", slashes=len(slashes))
    claims.equal("a base URL that ends in slashes reaches the same user", workspace.attributes("ada"), {"slashes": 2})
    claims.equal("and the same timeline",
                 workspace.events("ada"), [("Login", {"slashes": 1}), ("Login", {"slashes": 2})])


def main():
    os.environ["NO_PROXY"] = "127.0.0.1"
    signal.alarm(RUN_SECONDS_MAX)
    claims = Claims()
    with tempfile.TemporaryDirectory(prefix="muster-client-") as folder:
        started = Server(os.path.join(folder, "data"))
        try:
            for group in (users, events, wrong_key, other_workspace, trailing_slash):
                with claims.group(group.__name__):
                    group(claims, started)
            claims.equal("the server stops cleanly", started.stop(), 0)
        finally:
            started.process.kill()
            if claims.broken:
                print(f"the server's log ends with:\n{started.said()[-2000:]}")
    print(f"{claims.held} of {claims.held + claims.broken} claims about the Python client hold")
    return 1 if claims.broken else 0


if __name__ == "__main__":
    sys.exit(main())
