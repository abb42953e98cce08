// States that pass or should not be: an activation in progress, a stream that is lost, storage that takes no more, a session
// that ended, a job over many entries. Each is as sound as a page of every day (`look.mjs`).

import assert from "node:assert/strict";
import { look } from "./look.mjs";
import { customer, event, signIn, story, until, visitor } from "./world.mjs";

const path = (page) => new URL(page.url()).pathname;
const state = async (page) => (await page.textContent("[data-live-text]")).trim();
// Mostly enough that an activation lasts for longer than a page needs; twice as many at each further try.
const PEOPLE = 6_000;
const TRIES_MAX = 4;
const REQUEST_ELEMENTS = 500;
// Blocks of 512 bytes: room for a start, not for a day.
const BLOCKS_MAX = 2_000;

// What was found on any page, for the claim at the end.
const wrong = [];
const sound = async (page, name) => wrong.push(...(await look(page, name)));

/** Leaves a page's fragments as they are until `go` is called; no answer comes meanwhile. */
async function held(page, fragment) {
  await page.route(fragment, () => {});
  return () => page.unroute(fragment);
}

/** Opens the identity page of a workspace whose kinds are still becoming active when the page is made. */
async function activating(page, server) {
  for (let tried = 0; tried < TRIES_MAX; tried += 1) {
    const crowd = await server.workspace(`CROWD-${tried}`);
    await crowd.manage("PATCH", "", { limits: { users_per_minute: 0 } });
    for (let at = 0; at < PEOPLE << tried; at += REQUEST_ELEMENTS) {
      const people = Array.from({ length: REQUEST_ELEMENTS }, (_, n) => customer(`c${at + n}`, { mobile: `+1555${at + n}` }));
      assert.equal((await crowd.import(...people)).status, 200);
    }
    await crowd.manage("PUT", "/identity", { enabled: true, identifiers: [{ kind: "customer_id" }, { kind: "mobile" }] });
    await page.goto(crowd.at("identity"));
    const notices = await page.locator(".notice.warn").allTextContents();
    if (notices.some((words) => words.startsWith("Kinds are becoming active"))) return crowd;
  }
  throw new Error(`${TRIES_MAX} activations were over before their page was made`);
}

story({
  "a merge of three by one element tells all three": async (world) => {
    const { browser, server } = world;
    const shop = (world.shop = await server.workspace("SHOP"));
    await shop.manage("PATCH", "", { limits: { users_per_minute: 0, events_per_minute: 0 } });
    await shop.identify({ kind: "customer_id" }, { kind: "mobile" }, { kind: "email" });
    await shop.import(customer("a"), { type: "customer", attributes: { mobile: "+15550101" } },
      { type: "customer", attributes: { email: "a@example.com" } });
    const page = (world.page = await visitor(browser, server));
    await signIn(page, server.token);
    const find = async (kind, value) => (await shop.manage("POST", "/users/find", { kind, value })).id;
    const ids = [await find("customer_id", "a"), await find("mobile", "+15550101"), await find("email", "a@example.com")];
    await shop.import(customer("a", { mobile: "+15550101", email: "a@example.com" }));
    const live = await find("customer_id", "a");
    const merges = (await shop.manage("GET", "/merges")).items;
    assert.deepEqual(merges.map((it) => it.survivor), [live, live]);
    await page.goto(shop.at(`users/${live}`));
    const user = await page.content();
    assert.deepEqual(ids.filter((id) => !user.includes(id)), []);
    await sound(page, "user-three");
    await page.goto(shop.at(`merges/${merges[0].id}`));
    const merge = await page.content();
    assert.deepEqual(ids.filter((id) => !merge.includes(id)), []);
    await sound(page, "merge-three");
  },

  "many entries are selected, and the page of their job tells how far it is": async ({ page, shop }) => {
    await shop.import(...Array.from({ length: 12 }, (_, n) => event(`q-${n}`, "")));
    await page.goto(shop.at("quarantine"));
    const boxes = page.locator("tbody [type=checkbox]");
    assert.equal(await boxes.count(), 12);
    for (let n = 0; n < 5; n += 1) await boxes.nth(n).check();
    await sound(page, "quarantine-chosen");
    await page.click("text=Replay selected");
    await page.waitForURL(/\/jobs\//);
    const words = () => page.textContent(".headline");
    await until(async () => (await words()) === "0 of 5 applied, 5 rejected again.", "the job is done");
    const told = await page.$eval("progress", (it) => [it.value, it.max]);
    assert.deepEqual(told, [5, 5]);
    await sound(page, "job-chosen");
    await page.goto(shop.at("quarantine"));
    for (let n = 0; n < 7; n += 1) await boxes.nth(n).check();
    await page.click("text=Delete selected");
    assert.equal(await page.textContent("#delete-selected h2"), "Delete 7 elements from the quarantine?");
    await sound(page, "quarantine-delete");
    await page.click("#delete-selected .danger");
    await page.waitForURL(/\?deleted=/);
    assert.equal((await shop.manage("GET", "/stats")).quarantined, 5);
  },

  "decided reviews say how, and are listed by it": async ({ page, shop }) => {
    const decided = {};
    for (const [n, decision] of ["merge", "keep_apart", "dismiss"].entries()) {
      await shop.manage("PUT", "/identity", { enabled: true, identifiers: [
        { kind: "customer_id", pinned: true }, { kind: "mobile" }, { kind: "email" }] });
      await shop.import(customer(`r${n}`, { mobile: `+155502${n}` }), customer(`s${n}`));
      await shop.import(customer(`s${n}`, { mobile: `+155502${n}` }));
      const [review] = (await shop.manage("GET", "/reviews?state=open")).items;
      await page.goto(shop.at(`reviews/${review.id}`));
      await page.check(`[value=${decision}]`);
      await page.click("text=Decide and open next");
      await page.waitForURL((url) => !url.pathname.endsWith(review.id));
      await page.goto(shop.at(`reviews/${review.id}`));
      decided[decision] = [await page.locator("form [name=decision]").count(), await page.locator(".panel h2").textContent()];
      await sound(page, `review-${decision}`);
    }
    // What did not merge can be reopened, and nothing else.
    const reopens = [1, "Decided"];
    assert.deepEqual(decided, { merge: [0, "Decided"], keep_apart: reopens, dismiss: reopens });
    const listed = {};
    for (const state of ["open", "merged", "kept_apart", "dismissed"]) {
      await page.goto(shop.at(`reviews?state=${state}`));
      listed[state] = await page.locator("tbody tr").count();
    }
    assert.deepEqual(listed, { open: 0, merged: 1, kept_apart: 1, dismissed: 1 });
  },

  // Fails when `Identity::may_change` does not ask `is_activating`.
  "while kinds become active the page tells how far it is, and its settings are locked": async ({ page, shop, server }) => {
    const go = await held(page, "**/identity/progress");
    const crowd = await activating(page, server);
    const bar = await page.$eval("progress", (it) => it.value <= it.max);
    const open = await page.$$eval("main button, main input, main select, main textarea", (all) =>
      all.filter((it) => !it.matches(":disabled") && it.type !== "hidden").map((it) => it.outerHTML));
    assert.deepEqual([bar, open], [true, []]);
    await sound(page, "identity-activating");
    await go();
    await page.reload();
    await until(async () => (await crowd.manage("GET", "/identity")).state === "active", "the kind is active");
    await page.goto(crowd.at("identity"));
    assert.deepEqual([await page.locator("progress").count(), await page.locator("#identity fieldset:disabled").count()], [0, 0]);
  },

  // Fails when `show` of console.js loads the page again, or live.html has no rows without entries.
  "a row that comes to a page without any takes the place of the words, and the page is not loaded again": async ({ page, server }) => {
    const away = await server.workspace("AWAY");
    const told = {};
    for (const query of ["?status=401", ""]) {
      await page.goto(away.at(`live${query}`));
      await until(async () => (await state(page)) === "Live", "the stream runs");
      const before = await page.isVisible(".empty");
      await page.evaluate(() => (window.isFirst = true));
      const wrongKey = Object.assign(Object.create(away), { key: "wrong" });
      assert.equal((await wrongKey.import(customer("a"))).status, 401);
      await page.waitForSelector("tbody tr");
      const shown = await page.$$eval("tbody tr", (all) => all.map((it) => [it.cells[1].textContent, it.cells[2].textContent]));
      told[query] = [before, shown, await page.isVisible(".empty"), await page.isVisible("#f-id"), await page.evaluate(() => window.isFirst)];
      await sound(page, `live-first-row${query.replace(/\W/g, "-")}`);
    }
    const row = [true, [["not kept", "401"]], false, true, true];
    assert.deepEqual(told, { "?status=401": row, "": row });
  },

  // Fails when `live` of console.js leaves out `again`, or the listener of `error`.
  "a live page whose server goes says so, and comes back with it": async ({ page, shop, server }) => {
    await page.goto(shop.at("live"));
    await until(async () => (await state(page)) === "Live", "the stream runs");
    page.faults.splice(0);
    await server.kill();
    await until(async () => (await state(page)) === "Connection lost, trying again", "the page says it");
    assert.equal((await page.locator("tbody tr").count()) > 0, true, "what came before stays");
    // Chromium reports each try as an error of the console.
    const isTry = (line) => line.includes("net::ERR_");
    assert.deepEqual(page.faults.filter((line) => !isTry(line)), []);
    page.faults.splice(0);
    wrong.push(...(await look(page, "live-lost")).filter((line) => !isTry(line)));
    await server.launch();
    // A session outlives its server: the page goes on by itself, and a form is taken without signing in again.
    await until(async () => (await state(page)) === "Live", "the stream runs again");
    page.faults.splice(0);
    await page.goto(shop.at("settings/workspace"));
    await page.click("text=Save settings");
    assert.equal((await page.textContent(".flash[role=status]")).trim(), "Settings saved. They apply to requests from now on.");
  },

  // Fails when `again` of console.js asks on after 403 or 404, or asks for the whole page.
  "a live page whose user or whose workspace is gone says so and asks no more": async ({ page, server }) => {
    const gone = await server.workspace("GONE");
    await gone.import(customer("a"));
    await page.goto(gone.at("live"));
    await until(async () => (await state(page)) === "Live", "the stream runs");
    await page.clock.install();
    const asked = [];
    page.on("request", (request) => asked.push([request.method(), path({ url: () => request.url() })]));
    await server.manage("DELETE", "/workspaces/GONE", { confirm: "GONE" });
    const words = "Connection lost: the data of this page no longer exists";
    await until(async () => (await page.clock.runFor(1_000), await state(page)) === words, "the page says it");
    const isOfStream = ([, to]) => to === gone.at("live/stream");
    assert.deepEqual(asked.filter(([method, to]) => to === gone.at("live") || method === "HEAD"), [["HEAD", gone.at("live/stream")]]);
    const before = asked.filter(isOfStream).length;
    await page.clock.runFor(60_000);
    assert.equal(asked.filter(isOfStream).length, before);
    page.faults.splice(0);
  },

  // Fails when `signIn` of console.js loads the page again: the browser then asks whether to send the form again.
  "a page that a form made is led to the sign-in page by its address when its token is revoked": async ({ browser, server, shop }) => {
    const { token } = await server.manage("POST", "/tokens", { name: "gone-after-a-form", scopes: ["read"] });
    const page = await visitor(browser, server);
    await page.clock.install();
    await signIn(page, token);
    await page.goto(shop.at("live"));
    await page.fill("#f-id", "203.0.113.99");
    await page.click("text=Filter");
    assert.match(await page.textContent("main"), /Requests from the address 203\.0\.113\.99, as of when this page was loaded\./);
    await sound(page, "live-address");
    const posted = [];
    page.on("request", (request) => request.method() === "POST" && posted.push(request.url()));
    await server.manage("DELETE", "/tokens/gone-after-a-form");
    await page.clock.fastForward("00:11");
    await page.waitForSelector(".bare #token");
    assert.deepEqual([page.url().slice(server.url.length), posted], [`/sign-in?next=${encodeURIComponent(shop.at("live"))}`, []]);
    await page.context().close();
  },

  // Fails when `refresh` of console.js does not ask `redirected`: then the sign-in page stands among the figures.
  "a page that is left open is led to the sign-in page when its token is revoked": async ({ browser, server, shop }) => {
    const { token } = await server.manage("POST", "/tokens", { name: "gone", scopes: ["read"] });
    const page = await visitor(browser, server);
    await page.clock.install();
    await signIn(page, token);
    await page.goto(shop.at("overview"));
    await server.manage("DELETE", "/tokens/gone");
    await page.clock.fastForward("00:11");
    // Each fragment of the page leads there; the first that comes is enough.
    await page.waitForSelector(".bare #token");
    assert.equal(path(page), "/sign-in");
    await sound(page, "sign-in-after-revocation");
  },

  "a token that may only read is shown sound pages without an action": async ({ browser, server, shop }) => {
    const { token } = await server.manage("POST", "/tokens", { name: "reader", scopes: ["read"] });
    const page = await visitor(browser, server);
    await signIn(page, token);
    for (const rest of ["quarantine", "identity", "settings", "settings/workspace"]) {
      await page.goto(shop.at(rest));
      assert.deepEqual([await page.locator(".danger").count(), await page.locator("[data-dialog]").count()], [0, 0], rest);
      await sound(page, `reader-${rest.replace("/", "-")}`);
    }
  },

  // Fails when `problem_page` takes the layout of a page for 503, or `headline` of the overview does not ask `not_ready`.
  "storage that takes no more is told in words, with what is not lost": async ({ page, shop, server }) => {
    await server.kill();
    await server.launch(BLOCKS_MAX);
    await signIn(page, server.token);
    const note = "long".repeat(1_000);
    const fill = async (n) => (await shop.import(...Array.from({ length: 20 }, (_, at) => customer(`f${n}-${at}`, { note })))).status;
    let n = 0;
    await until(async () => (await fill((n += 1))) === 503, "the storage takes no more");
    await page.goto(shop.at("settings/workspace"));
    await page.fill("#s-name", "Changed");
    const [answer] = await Promise.all([page.waitForNavigation(), page.click("text=Save settings")]);
    page.faults.splice(0);
    assert.deepEqual([answer.status(), await page.textContent("h1")], [503, "Not available at the moment"]);
    assert.match(await page.textContent("main"), /Nothing that was answered with 200 is lost\./);
    await sound(page, "unavailable");
    await page.goto(shop.at("overview"));
    assert.match(await page.textContent(".headline"), /Callers get 503\.$/);
    assert.match(await page.textContent(".side-foot"), /not ready/);
    await sound(page, "overview-not-ready");
  },

  "nothing is wrong with any of them": () => assert.deepEqual(wrong, []),
});
