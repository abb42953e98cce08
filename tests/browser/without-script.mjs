// The console with JavaScript switched off: every page shows, forms and dialogs do what they do with it.

import assert from "node:assert/strict";
import { customer, event, signIn, story, visitor } from "./world.mjs";

const wrong = { type: "event", customer_id: "a", actions: [{ action: "" }] };

story({
  "the token signs in": async (world) => {
    const { browser, server } = world;
    const shop = (world.shop = await server.workspace("SHOP"));
    await shop.identify({ kind: "customer_id" }, { kind: "mobile" });
    await shop.import(customer("a", { mobile: "+15550100" }), customer("b", { plan: "free" }), event("b", "ordered"), wrong);
    await shop.import(customer("b", { mobile: "+15550100" }));
    world.page = await visitor(browser, server, { javaScriptEnabled: false });
    await signIn(world.page, server.token);
    assert.equal(new URL(world.page.url()).pathname, shop.at("overview"));
  },

  "every page shows, and what only a script can do is not offered": async (world) => {
    const { page, shop } = world;
    const first = async (list) => (await shop.manage("GET", `/${list}`)).items[0];
    const [merge, entry] = [await first("merges"), await first("quarantine")];
    world.merge = merge;
    const rest = ["overview", "live", `requests/${entry.request_id}`, "quarantine", "users", `users/${merge.survivor}`,
      "merges", `merges/${merge.id}`, "reviews", "identity", "settings", "settings/workspace", "audit"];
    for (const address of ["/workspaces", "/tokens", ...rest.map((it) => shop.at(it))]) {
      const answer = await page.goto(address);
      const copies = await page.locator("button.copy:visible").count();
      const title = await page.locator("h1").count();
      assert.deepEqual([address, answer.status(), copies, title], [address, 200, 0, 1]);
    }
  },

  "a user is found, and a refused element is corrected and replayed": async ({ page, shop }) => {
    await page.goto(shop.at("users"));
    await page.fill("#u-q", "+15550100");
    await page.click("main button.primary");
    assert.match(page.url(), /\/users\/[0-9a-f]{24}$/);
    await page.goto(shop.at("quarantine"));
    await page.click("tbody td a");
    await page.fill(".reject textarea", JSON.stringify(event("a", "ordered")));
    await page.click("button >> text=Replay");
    assert.equal((await shop.manage("GET", "/stats")).quarantined, 0);
  },

  // Fails when `many` of quarantine.rs has no page that asks, or the list none that offers to undo.
  "a deletion asks on a page of its own, and the page after it undoes it": async ({ page, shop }) => {
    await shop.import(wrong, wrong);
    const open = async () => (await shop.manage("GET", "/stats")).quarantined;
    await page.goto(shop.at("quarantine"));
    assert.equal(await page.isVisible("[data-all]"), false);
    for (const box of await page.locator("tbody [type=checkbox]").all()) await box.check();
    await page.click("button >> text=Delete selected");
    assert.equal(await page.textContent("h1"), "Delete 2 elements from the quarantine?");
    assert.equal(await open(), 2);
    await page.click("button.danger");
    assert.equal(await open(), 0);
    await page.click("button >> text=Undo");
    assert.equal(await open(), 2);
  },

  // Fails when zone.html needs its script.
  "a zone is chosen from those that are offered, and the page is where it was": async ({ page, shop }) => {
    await shop.manage("PATCH", "", { time_zone: "Asia/Kolkata" });
    await page.goto(shop.at("live?status=200"));
    const bar = page.locator(".bar .zone");
    await bar.locator("summary").click();
    assert.deepEqual(await bar.locator("button:visible").allInnerTexts(), ["Asia/Kolkata this workspace", "UTC"]);
    await bar.locator("button >> text=UTC").click();
    assert.match(await bar.locator("summary").textContent(), /^Times in UTC$/);
    assert.equal(page.url().slice(page.url().indexOf("/w/")), shop.at("live?status=200"));
  },

  "requests are filtered by an identifier, which stands in no address": async ({ page, shop }) => {
    await page.goto(shop.at("live"));
    await page.fill("#f-id", "+15550100");
    await page.click("button >> text=Filter");
    assert.match(page.url(), /\/live\?user_id=[0-9a-f]{24}$/);
    assert.equal(await page.locator("tbody tr[id^=r-]").count() > 0, true);
  },

  // Fails when the link on merge.html needs its script.
  "a merge is reverted": async ({ page, shop, merge }) => {
    await page.goto(shop.at(`merges/${merge.id}`));
    await page.click("text=Revert");
    await page.fill("#revert-confirm", merge.id);
    await page.click("button >> text=Revert merge");
    assert.equal(await page.locator(".notice b >> text=Reverted").count(), 1);
  },

  // Fails when `settings::rotate` does not ask `confirmed`.
  "the key is rotated by the dialog that its address opens, and not before its name was typed": async ({ page, shop }) => {
    await page.goto(shop.at("settings"));
    assert.equal(await page.isVisible("#rotate"), false);
    await page.click("text=Rotate key");
    assert.equal(await page.isVisible("#rotate"), true);
    await page.selectOption("#grace", "0");
    await page.fill("#rotate-confirm", "SHOP");
    await page.click("#rotate footer button");
    const key = (await page.textContent(".notice.ok .id")).trim();
    assert.equal((await shop.import(customer("c"))).status, 401);
    shop.key = key;
    assert.equal((await shop.import(customer("c"))).status, 200);
    // Loaded again the page makes no further key, and the one that was shown is gone.
    await page.reload();
    assert.deepEqual([await page.locator(".flash").count(), (await shop.manage("GET", "/keys")).items.length], [0, 2]);
    assert.equal((await shop.import(customer("c"))).status, 200);
  },

  // Fails when `settings::save` answers with a page.
  "settings are saved, which the next page says once, and loading it again saves nothing": async ({ page, shop }) => {
    await page.goto(shop.at("settings/workspace"));
    await page.fill("#s-name", "Corner shop");
    await page.click("text=Save settings");
    assert.equal((await page.textContent(".flash[role=status]")).trim(), "Settings saved. They apply to requests from now on.");
    const posted = [];
    page.on("request", (request) => request.method() === "POST" && posted.push(request.url()));
    await page.reload();
    assert.deepEqual([await page.locator(".flash").count(), await page.inputValue("#s-name"), posted], [0, "Corner shop", []]);
  },

  // Fails when `settings::save` forgets what was typed.
  "settings that are refused come back with what was typed": async ({ page, shop }) => {
    await page.fill("#s-zone", "Nowhere/Never");
    const [answer] = await Promise.all([page.waitForNavigation(), page.click("text=Save settings")]);
    assert.deepEqual([answer.status(), await page.inputValue("#s-zone")], [422, "Nowhere/Never"]);
    assert.match(await page.textContent("[role=alert]"), /Not saved: fix the time zone below\./);
    page.faults.splice(0);
    await page.goto(shop.at("settings/workspace"));
  },

  "an address that is none is a page with a way home": async ({ page }) => {
    const answer = await page.goto("/nowhere");
    assert.deepEqual([answer.status(), await page.textContent("h1")], [404, "Page not found"]);
    await page.click("main >> text=Home");
    assert.equal(await page.locator("h1").count(), 1);
  },

  "the theme is kept for the next page": async ({ page, shop }) => {
    await page.click("button[value=dark]");
    await page.goto(shop.at("overview"));
    assert.equal(await page.getAttribute("html", "data-theme"), "dark");
    assert.deepEqual(page.faults, []);
  },
});
