"""One `muster serve` on a free loopback port, for the drivers of this folder and its neighbours."""
import os
import re
import subprocess
import threading

ADMIN_TOKEN = "client-tests-admin-token-0123456789"
READY_SECONDS_MAX = 30


class Server:
    """A server and the log that it writes."""

    def __init__(self, data_dir):
        self.log = open(data_dir + ".log", "w+b")
        self.process = subprocess.Popen(
            [os.environ["MUSTER_BIN"], "serve", "--data-dir", data_dir, "--listen", "127.0.0.1:0"],
            env={**os.environ, "MUSTER_ADMIN_TOKEN": ADMIN_TOKEN}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=self.log, text=True)
        watchdog = threading.Timer(READY_SECONDS_MAX, self.process.kill)
        watchdog.start()
        lines = (re.match(r"muster ready on (http://\S+)", line) for line in self.process.stdout)
        ready = next(filter(None, lines), None)
        watchdog.cancel()
        if ready is None:
            raise RuntimeError(f"no ready line within {READY_SECONDS_MAX} s; the server said:\n{self.said()}")
        self.url = ready[1].rstrip("/")
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def said(self):
        self.log.seek(0)
        return self.log.read().decode("utf-8", "replace")

    def stop(self):
        self.process.terminate()
        return self.process.wait(30)


class Claims:
    """What held and what did not."""

    def __init__(self):
        self.held, self.broken = 0, 0

    def equal(self, claim, got, wanted):
        if got == wanted:
            self.held += 1
            print(f"ok      {claim}")
        else:
            self.broken += 1
            print(f"BROKEN  {claim}\n        got    {got!r}\n        wanted {wanted!r}")
