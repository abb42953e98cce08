// The console by keyboard alone: no step here uses the pointer, and whatever has focus shows it.

import assert from "node:assert/strict";
import { STOPS_MAX, focused, tabTo } from "./keys.mjs";
import { customer, story, until, visitor } from "./world.mjs";

const path = (page) => new URL(page.url()).pathname;

story({
  "the sign-in page has focus in its field, and Enter signs in": async (world) => {
    const { browser, server } = world;
    world.shop = await server.workspace("SHOP");
    for (const id of ["a", "b"]) await world.shop.import(customer(id, { plan: "free" }));
    world.page = await visitor(browser, server);
    const { page } = world;
    await page.goto("/");
    assert.equal((await focused(page)).is, "token");
    await page.keyboard.type(server.token);
    await page.keyboard.press("Enter");
    await page.waitForURL(/overview/);
  },

  "the first stop is a link that skips to the content": async ({ page }) => {
    await page.keyboard.press("Tab");
    const first = await focused(page);
    assert.deepEqual([first.is, first.isVisible], ["Skip to content", true]);
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.closest("main") !== null), true);
  },

  "/ leads to the find box, where / is a letter, and Enter finds": async ({ page, shop }) => {
    await page.keyboard.press("/");
    assert.equal((await focused(page)).is, "find");
    await page.keyboard.type("a/b");
    assert.equal(await page.inputValue("#find"), "a/b");
    await page.keyboard.press("ControlOrMeta+a");
    await page.keyboard.type("a");
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/users\/./);
    const { id } = await shop.manage("POST", "/users/find", { kind: "customer_id", value: "a" });
    assert.equal(path(page), shop.at(`users/${id}`));
  },

  "Escape closes the menu and gives focus back to what opened it": async ({ page }) => {
    await tabTo(page, /Switch workspace/);
    await page.keyboard.press("Enter");
    assert.equal(await page.locator("details.menu[open]").count(), 1);
    await page.keyboard.press("Tab");
    await page.keyboard.press("Escape");
    assert.equal(await page.locator("details.menu[open]").count(), 0);
    assert.match((await focused(page)).is, /Switch workspace/);
  },

  "a request is opened from the live view": async ({ page, shop }) => {
    await tabTo(page, /^Live/);
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/live/);
    const [, second] = await page.$$eval("tr[id^=r-]", (rows) => rows.map((row) => row.id.slice(2)));
    await tabTo(page, second);
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/requests\//);
    assert.equal(path(page), shop.at(`requests/${second}`));
  },

  "a dialog keeps focus inside, and Escape closes it": async ({ page, shop }) => {
    await page.goto(shop.at("settings"));
    await tabTo(page, "Rotate key");
    await page.keyboard.press("Enter");
    assert.equal((await focused(page)).is, "rotate-confirm");
    for (let n = 0; n < 6; n += 1) {
      await page.keyboard.press("Tab");
      const { isBody } = await focused(page);
      const isInside = await page.evaluate(() => document.activeElement.closest("dialog:modal") !== null);
      assert.equal(isInside || isBody, true);
    }
    await page.keyboard.press("Escape");
    await until(async () => (await page.locator("dialog:modal").count()) === 0, "the dialog is closed");
    assert.equal((await focused(page)).is, "Rotate key");
  },

  // Fails when console.css says `:focus-visible { outline: none }`.
  "whatever has focus is on the screen and shows it, on every page": async ({ page, shop }) => {
    const unseen = [];
    for (const rest of ["overview", "live", "users", "merges", "reviews", "quarantine", "identity", "settings",
      "settings/workspace", "audit"]) {
      await page.goto(shop.at(rest));
      for (let n = 0; n < STOPS_MAX; n += 1) {
        await page.keyboard.press("Tab");
        const stop = await focused(page);
        if (stop.isBody) break;
        if (!stop.isVisible) unseen.push(`${rest}: ${stop.html}`);
      }
    }
    assert.deepEqual(unseen, []);
    assert.deepEqual(page.faults, []);
  },
});
