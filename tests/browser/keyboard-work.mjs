// The work of a day by keyboard alone: from signing in over a replay to a revert. No step uses the pointer or an address.

import assert from "node:assert/strict";
import { enter, tabTo, write } from "./keys.mjs";
import { customer, event, story, visitor } from "./world.mjs";

const MOBILE = "+15550142";
const path = (page) => new URL(page.url()).pathname;

story({
  "who types the token and Enter is signed in": async (world) => {
    const { browser, server } = world;
    const shop = (world.shop = await server.workspace("SHOP"));
    await shop.identify({ kind: "customer_id" }, { kind: "mobile" });
    await shop.import(customer("a", { mobile: MOBILE }), customer("b", { plan: "free" }));
    await shop.import(customer("b", { mobile: MOBILE }), event("a", ""));
    world.page = await visitor(browser, server);
    await world.page.goto("/");
    await world.page.keyboard.type(server.token);
    await world.page.keyboard.press("Enter");
    await world.page.waitForURL(/overview/);
  },

  "the request with the refused element is opened": async ({ page, shop }) => {
    // Beside the name stands the rate, once something came.
    await enter(page, /^Live\b/);
    await page.waitForURL(/\/live/);
    const [entry] = (await shop.manage("GET", "/quarantine")).items;
    await enter(page, entry.request_id);
    await page.waitForURL(/\/requests\//);
    assert.equal(path(page), shop.at(`requests/${entry.request_id}`));
  },

  "the element is corrected and replayed": async ({ page, shop }) => {
    await tabTo(page, /^fix-/);
    await write(page, JSON.stringify(event("a", "ordered")));
    await enter(page, "Replay");
    const isApplied = page.locator(".headline, h1").filter({ hasText: /./ });
    await page.waitForFunction((before) => location.pathname !== before, path(page));
    await isApplied.first().waitFor();
    const { items } = await shop.manage("GET", "/quarantine");
    assert.deepEqual(items.map((it) => `${shop.at("requests/")}${it.replayed_as}`), [path(page)]);
  },

  "the merge is found and reverted": async ({ page, shop }) => {
    const [merge] = (await shop.manage("GET", "/merges")).items;
    await enter(page, "Merges");
    await page.waitForURL(/\/merges$/);
    await enter(page, merge.id);
    await page.waitForURL(/\/merges\/./);
    await enter(page, /^Revert/);
    await page.waitForURL(/preview=revert/);
    await tabTo(page, "revert-confirm");
    await write(page, merge.id);
    await enter(page, "Revert merge");
    await page.waitForSelector(".notice >> text=Reverted");
    const [after] = (await shop.manage("GET", "/merges")).items;
    assert.deepEqual([after.id, "reverted_at" in after], [merge.id, true]);
    assert.deepEqual(page.faults, []);
  },
});
