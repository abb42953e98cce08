// What the browser tests stand on: a server of their own with its management API and its callers, a Chromium, and a
// page that notes what it must not do. The stage `browser` of `cargo xtask test` provides the three variables; what is
// claimed stands in the other files of this folder.

import { execFile, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";

const { MUSTER_BIN, MUSTER_CHROMIUM, MUSTER_NODE_FOLDER } = process.env;
const installed = createRequire(join(MUSTER_NODE_FOLDER, "package.json"));
const { chromium } = installed("playwright-core");
const axe = readFileSync(installed.resolve("axe-core/axe.min.js"), "utf8");

// Bounds for tests that fail; no time is asserted.
const READY_MS_MAX = 30_000;
const STEP_MS_MAX = 15_000;
const POLL_MS = 50;

// As root Chromium has no sandbox; the rest keeps it from asking for anything by itself.
const SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];

/** One `muster serve` without --dev on a fresh data directory and a free port. */
export class Server {
  static async start() {
    const server = new Server();
    server.folder = mkdtempSync(join(tmpdir(), "muster-browser-"));
    server.data = join(server.folder, "data");
    process.on("exit", () => server.process.kill("SIGKILL"));
    await server.launch();
    return server;
  }

  /** Starts on the data that is there: on the address of before, and without room for files of more than `blocks_max`
   * blocks of 512 bytes, if that is given: a write beyond it fails like one to a broken disk. */
  async launch(blocks_max) {
    const env = { ...process.env };
    delete env.MUSTER_ADMIN_TOKEN;
    const flags = ["serve", "--data-dir", this.data, "--listen", this.url?.slice("http://".length) ?? "127.0.0.1:0"];
    const bound = blocks_max ? `trap "" XFSZ; ulimit -f ${blocks_max};` : "";
    const command = ["-c", `${bound} exec "$@"`, "sh", MUSTER_BIN, ...flags];
    this.process = spawn("sh", command, { env, cwd: this.folder, stdio: ["ignore", "pipe", "pipe"] });
    this.log = "";
    this.process.stderr.on("data", (text) => (this.log += text));
    this.ended = new Promise((resolve) => this.process.on("exit", resolve));
    this.url = await this.ready();
    this.token = readFileSync(join(this.data, "admin-token"), "utf8").trim();
  }

  /** Ends it as a power failure would. */
  async kill() {
    this.process.kill("SIGKILL");
    await this.ended;
  }

  ready() {
    return new Promise((resolve, reject) => {
      const fail = (why) => reject(new Error(`${why}; the server said:\n${this.log}`));
      const timer = setTimeout(() => fail("no ready line"), READY_MS_MAX);
      this.process.on("exit", () => fail("the server ended"));
      createInterface({ input: this.process.stdout }).on("line", (line) => {
        const found = line.match(/^muster ready on (http:\/\/[^\s/]+)/);
        if (found) resolve(found[1]), clearTimeout(timer);
      });
    });
  }

  /** A call of the management API that must succeed: its document. */
  async manage(method, path, body) {
    const headers = { authorization: `Bearer ${this.token}`, "content-type": "application/json" };
    const answer = await fetch(`${this.url}/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}: ${text}`);
    return text && JSON.parse(text);
  }

  /** A workspace made by the management API. */
  async workspace(id, more = {}) {
    const made = await this.manage("POST", "/workspaces", { id, name: id, ...more });
    return new Workspace(this, id, made.data_api_key);
  }

  async stop() {
    this.process.kill("SIGTERM");
    await this.ended;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A workspace as callers and operators see it. */
export class Workspace {
  constructor(server, id, key) {
    Object.assign(this, { server, id, key });
  }

  at(rest) {
    return `/w/${this.id}/${rest}`;
  }

  manage(method, path, body) {
    return this.server.manage(method, `/workspaces/${this.id}${path}`, body);
  }

  /** An import that is taken without its wrong elements: its status and its body. */
  async import(...elements) {
    return this.send(JSON.stringify({ type: "transition", elements }));
  }

  async send(body) {
    const basic = Buffer.from(`${this.id}:${this.key}`).toString("base64");
    const headers = { authorization: `Basic ${basic}`, "content-type": "application/json", prefer: "handling=lenient" };
    const answer = await fetch(`${this.server.url}/v1/transition/${this.id}`, { method: "POST", headers, body });
    return { status: answer.status, body: await answer.json() };
  }

  /** Sets the identifier kinds and waits until all are active. */
  async identify(...identifiers) {
    await this.manage("PUT", "/identity", { enabled: true, identifiers });
    await until(async () => (await this.manage("GET", "/identity")).state === "active", "the kinds are active");
  }
}

export const customer = (id, attributes = {}) => ({ type: "customer", customer_id: id, attributes });

export const event = (id, action, attributes = {}) =>
  ({ type: "event", customer_id: id, actions: [{ action, attributes, platform: "web" }] });

/** Waits until something is so. */
export async function until(isSo, claim) {
  for (const end = Date.now() + STEP_MS_MAX; Date.now() < end; await new Promise((go) => setTimeout(go, POLL_MS))) {
    if (await isSo()) return;
  }
  throw new Error(`it never came true: ${claim}`);
}

/** What a shell says to a line, with more variables. */
export function shell(line, env) {
  return new Promise((resolve, reject) =>
    execFile("sh", ["-c", line], { env: { ...process.env, ...env } }, (error, out) => (error ? reject(error) : resolve(out))));
}

export async function launch() {
  return chromium.launch({ executablePath: MUSTER_CHROMIUM, args: SWITCHES });
}

/** A page of a visitor of its own, and in `page.faults` what no page may do: errors, calls off the server. */
export async function visitor(browser, server, options = {}) {
  const context = await browser.newContext({ baseURL: server.url, viewport: { width: 1280, height: 800 },
    reducedMotion: "reduce", ...options });
  context.setDefaultTimeout(STEP_MS_MAX);
  const page = await context.newPage();
  page.faults = [];
  // Chromium reports a page that is answered by 400, 401 or 404 as an error of the console: that is the page's status.
  const isStatus = (text) => text.startsWith("Failed to load resource: the server responded with a status of 4");
  page.on("console", (said) => {
    if (said.type() === "error" && !isStatus(said.text())) page.faults.push(`${page.url()}: ${said.text()}`);
  });
  page.on("pageerror", (error) => page.faults.push(`${page.url()}: ${error}`));
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(`${server.url}/`) && !url.startsWith("data:")) page.faults.push(`${page.url()}: asks for ${url}`);
  });
  return page;
}

export async function signIn(page, token) {
  await page.goto("/sign-in");
  await page.fill("#token", token);
  await page.click("button.primary");
}

/** What axe finds wrong with the page as it stands, one line a rule. */
export async function findings(page) {
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(axe);
  return page.evaluate(async () => {
    const { violations } = await window.axe.run(document, { resultTypes: ["violations"] });
    return violations.map(({ id, nodes }) => {
      const places = nodes.slice(0, 3).map((node) => `${node.target} (${node.failureSummary.split("\n")[1].trim()})`);
      return `${id}: ${places.join("; ")}`;
    });
  });
}

/** Steps on one server and one browser, in order: after one that fails, the rest say nothing new and are skipped. */
export function story(steps) {
  const world = {};
  let isBroken = false;
  before(async () => {
    world.server = await Server.start();
    world.browser = await launch();
  });
  after(async () => {
    await world.browser?.close();
    await world.server?.stop();
  });
  for (const [claim, step] of Object.entries(steps)) {
    test(claim, async (context) => {
      if (isBroken) return context.skip("a step before it failed");
      isBroken = true;
      await step(world);
      isBroken = false;
    });
  }
}
