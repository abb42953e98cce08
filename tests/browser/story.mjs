// The whole story of the console, in order, on a fresh data directory: from the first start over an import, a repair,
// a merge and its revert, to a key that is rotated and refused. Each step goes on where the one before it stopped.

import assert from "node:assert/strict";
import { customer, shell, signIn, story, until, visitor, Workspace } from "./world.mjs";

const MOBILE = "+15550142";
const headline = (page) => page.textContent(".headline");
const confirm = (page, name) => page.fill("#rotate-confirm, #revert-confirm, #activate-confirm", name);

story({
  "the first start leads to the sign-in page, and the token that it wrote signs in": async (world) => {
    world.page = await visitor(world.browser, world.server);
    const { page, server } = world;
    await page.goto("/");
    assert.equal(new URL(page.url()).pathname, "/sign-in");
    await signIn(page, server.token);
    assert.equal(new URL(page.url()).pathname, "/workspaces");
    assert.equal(await page.textContent(".empty h2"), "No workspace yet.");
  },

  "a workspace is made on the page, and its key is copied from there": async (world) => {
    const { page, server } = world;
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"], { origin: server.url });
    await page.fill("#n-name", "Shop");
    await page.fill("#n-id", "SHOP");
    await page.click("text=Create workspace");
    await page.click(".notice.ok button.copy");
    await page.waitForSelector(".toast");
    const key = await page.evaluate(() => navigator.clipboard.readText());
    assert.equal(key, (await page.textContent(".notice.ok .id")).trim());
    world.shop = new Workspace(server, "SHOP", key);
    await page.click(".flash >> text=Done");
    assert.equal(new URL(page.url()).pathname, "/w/SHOP/overview");
  },

  "identity resolution is turned on after a preview": async ({ page }) => {
    await page.click("nav >> text=Identity resolution");
    await page.check("[name=enabled]");
    await page.fill("#add", "mobile");
    await page.click("button >> text=Add");
    await page.selectOption("#norm-1", "e164");
    await page.click("main button.primary:visible >> text=Preview");
    assert.equal(await headline(page), "0 merges. No stored users would be joined.");
    await confirm(page, "SHOP");
    await page.click("button >> text=Activate");
    await page.waitForSelector(".notice >> text=not active", { state: "detached" });
    assert.equal(await page.isChecked("[name=enabled]"), true);
  },

  "the command of the empty live view works as it stands, and its request arrives on the open page": async (world) => {
    const { page, shop } = world;
    await page.click("nav >> text=Live");
    const line = await page.textContent(".empty pre");
    const answer = await shell(line, { MUSTER_KEY: shop.key });
    assert.match(answer, /"success"/);
    await page.waitForSelector("tr[id^=r-]");
    assert.equal(await page.locator("tr[id^=r-]").count(), 1);
  },

  "a request of three elements is added to the open page, and a click opens it": async (world) => {
    const { page, shop } = world;
    const wrong = { type: "event", customer_id: "c1", actions: [{ action: "", attributes: {} }] };
    const sent = await shop.import(customer("c1", { first_name: "Ada", mobile: MOBILE, plan: "gold" }),
      customer("c2", { first_name: "Ada", city: "Turin" }), wrong);
    assert.equal(sent.status, 200);
    await page.mouse.move(0, 0);
    await until(async () => (await page.locator("tr[id^=r-]").count()) === 2, "the second row is there");
    await page.click("tr[id^=r-]:first-child .lead");
    await page.waitForURL(/\/requests\//);
    world.request = page.url();
    assert.equal(await headline(page), "2 of 3 elements applied. 1 rejected. 1 in quarantine.");
  },

  "a refused element is corrected: checked first, then replayed": async ({ page }) => {
    const fixed = { type: "event", customer_id: "c1", actions: [{ action: "ordered", attributes: { sum: 3 } }] };
    await page.click("text=Check first");
    assert.equal(await page.locator(".reject .notice.bad").count(), 1);
    await page.fill(".reject textarea", JSON.stringify(fixed));
    await page.click("text=Check first");
    assert.equal(await page.locator(".reject .notice.ok").count(), 1);
    assert.deepEqual(JSON.parse(await page.inputValue(".reject textarea")), fixed);
    await page.click("button >> text=Replay");
    await page.waitForURL(/\/requests\//);
    await page.click("nav >> text=Quarantine");
    assert.equal(await page.textContent(".empty h2"), "The quarantine is empty.");
  },

  "a user is found by each of its identifiers, however it is written": async (world) => {
    const { page } = world;
    const found = new Set();
    for (const value of ["c1", MOBILE, "+1 (555) 0142"]) {
      await page.click("nav >> text=Users");
      await page.fill("#u-q", value);
      await page.click("main button.primary");
      await page.waitForURL(/\/users\/./);
      found.add(page.url());
    }
    assert.equal(found.size, 1);
    assert.match(await page.textContent("#events"), /ordered/);
  },

  "a second import that names two users merges them, and the page says why": async (world) => {
    const { page, shop } = world;
    const sent = await shop.import(customer("c2", { mobile: MOBILE }));
    assert.equal(sent.status, 200);
    await page.click("nav >> text=Merges");
    await page.click("tbody a");
    world.merge = page.url();
    assert.match(await headline(page), /^Two users were merged because element 0 of .+ carries identifiers of both\.$/);
    assert.equal(await page.locator(".from-merged").count() > 0, true);
    await page.click(".headline a");
    assert.equal(await page.textContent("h1"), sent.body.request_id);
    assert.match((await page.textContent("#el-0")).replace(/\s+/g, " "), /^ 0 customer merged (\w{24}) .+; the survivor was chosen by last_seenmerged (?!\1)\w{24} $/);
  },

  "the merge is reverted after its name was typed, and both users stand on their own": async (world) => {
    const { page, shop } = world;
    await page.goto(world.merge);
    await page.click(".head .button.danger");
    const effects = (await page.textContent(".effects")).replace(/\s+/g, " ");
    assert.match(effects, /1user is restored: .* 0events move back, 1 stays with c1 1identifier moves back: .* 1attribute is removed from c1: city /);
    assert.equal(await page.isDisabled("#revert .danger"), true);
    await confirm(page, new URL(world.merge).pathname.split("/").pop());
    await page.click("button >> text=Revert merge");
    await page.waitForSelector(".notice >> text=Reverted");
    const id = async (value) => (await shop.manage("POST", "/users/find", { kind: "customer_id", value })).id;
    assert.notEqual(await id("c1"), await id("c2"));
  },

  "a record that leads to both again waits for a decision, and they are kept apart": async ({ page, shop }) => {
    await shop.import(customer("c2", { mobile: MOBILE }));
    await page.click("nav >> text=Reviews");
    await page.click("tbody a");
    await page.check("[value=keep_apart]");
    await page.click("text=Decide and open next");
    await page.goto("/w/SHOP/reviews");
    assert.equal(await page.textContent(".empty h2"), "No open reviews.");
    await page.click("text=Kept apart");
    assert.equal(await page.locator("tbody tr").count(), 1);
  },

  "a further kind is tried on the stored data, activated, and does what was said": async ({ page, shop }) => {
    await shop.import(customer("c3", { email: "eve@example.com" }), customer("c4", { email: "Eve@example.com" }));
    await page.click("nav >> text=Identity resolution");
    await page.fill("#add", "email");
    await page.click("button >> text=Add");
    await page.selectOption("#norm-2", "lowercase");
    await page.click("main button.primary:visible >> text=Preview");
    assert.equal(await headline(page), "1 merge would join 2 users. The largest would have 2 merged profiles.");
    await confirm(page, "SHOP");
    await page.click("button >> text=Activate");
    await until(async () => (await shop.manage("GET", "/identity")).state === "active", "the kind is active");
    await page.goto("/w/SHOP/users");
    await page.fill("#u-q", "EVE@example.com");
    await page.click("main button.primary");
    const { items } = await shop.manage("GET", "/merges");
    assert.equal(new URL(page.url()).pathname, `/w/SHOP/users/${items[0].survivor}`);
    assert.deepEqual(items.map((it) => "reverted_at" in it), [false, true]);
  },

  // Fails when `settings::rotate` of the console drops `grace_seconds`.
  "the key is rotated without grace, and the old one is refused": async ({ page, shop }) => {
    await page.click("nav >> text=Settings");
    await page.click("text=Rotate key >> nth=0");
    await page.selectOption("#grace", "0");
    assert.equal(await page.isDisabled("#rotate footer button"), true);
    await confirm(page, "SHOP");
    await page.click("#rotate footer button");
    const key = (await page.textContent(".notice.ok .id")).trim();
    assert.equal((await shop.import(customer("c5"))).status, 401);
    shop.key = key;
    assert.equal((await shop.import(customer("c5"))).status, 200);
  },

  // Fails when `sign_in::end` ends no session (the cookie is tried again).
  "who signs out is out, also with the cookie of before": async ({ page }) => {
    const cookies = await page.context().cookies();
    await page.click("text=Sign out");
    await page.context().addCookies(cookies);
    await page.goto("/w/SHOP/overview");
    assert.equal(new URL(page.url()).pathname, "/sign-in");
    assert.deepEqual(page.faults, []);
  },
});
