// What a page asks before it does something, what can be undone after it, and what it takes from the browser.

import assert from "node:assert/strict";
import { look } from "./look.mjs";
import { customer, event, signIn, story, until, visitor } from "./world.mjs";

const MOBILE = "+15550142";
const path = (page) => new URL(page.url()).pathname;

// What was found on any page, for the claim at the end.
const wrong = [];
const sound = async (page, name) => wrong.push(...(await look(page, name)));

story({
  // Fails when `overview.html` has no `data-reload`, or `refresh` of console.js does not ask for it.
  "the overview of an empty workspace shows the first request as it arrives": async (world) => {
    const { browser, server } = world;
    const shop = (world.shop = await server.workspace("SHOP"));
    const page = (world.page = await visitor(browser, server, { timezoneId: "Asia/Dubai" }));
    await page.clock.install();
    await signIn(page, server.token);
    await page.goto(shop.at("overview"));
    assert.equal(await page.locator(".steps").count(), 1);
    await shop.import(customer("a", { mobile: MOBILE }), customer("b", { plan: "free" }));
    await until(async () => (await page.clock.runFor(1_000), await page.locator(".figures").count()) === 1, "the figures are shown");
    await page.clock.resume();
  },

  // Fails when `find` of users.rs answers one hit by a page of its own: the way back would be that page.
  "a search that matches one user opens it, and the way back is the page that asked": async ({ page, shop }) => {
    for (const from of ["users", "overview"]) {
      await page.goto(shop.at(from));
      await page.fill("#find", "b");
      await page.press("#find", "Enter");
      await page.waitForURL(/\/users\/[0-9a-f]{24}$/);
      await page.goBack();
      assert.equal(path(page), shop.at(from));
    }
    await page.fill("#find", "nobody");
    await page.press("#find", "Enter");
    assert.match(await page.textContent(".headline"), /nobody matches no user\./);
  },

  // Fails when `offerZone` of console.js leaves the button hidden, or offers what is offered already.
  "the zone of the browser is offered, and once it is chosen it stays": async ({ page, shop }) => {
    await page.goto(shop.at("live?outcome=created"));
    const time = () => page.textContent("tbody time");
    const [inUtc, at] = [await time(), await page.getAttribute("tbody time", "datetime")];
    const menu = page.locator(".bar .zone");
    await menu.locator("summary").click();
    assert.deepEqual(await menu.locator("button:visible").allInnerTexts(), ["UTC", "Asia/Dubai this browser"].map((it) => it.trim()));
    await sound(page, "zone-menu");
    await menu.locator("button >> text=Asia/Dubai").click();
    await page.waitForSelector(".bar .zone >> text=Times in Asia/Dubai, UTC+04:00");
    assert.equal(page.url().slice(page.url().indexOf("/w/")), shop.at("live?outcome=created"));
    const clock = (text) => text.split(" ").at(-1).slice(0, 5);
    const minutes = (text) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3, 5));
    assert.equal((minutes(clock(inUtc)) + 240) % 1_440, minutes(clock(await time())));
    assert.equal(await page.getAttribute("tbody time", "datetime"), at);
    await page.goto(shop.at("overview"));
    assert.match(await page.textContent(".bar .zone summary"), /^Times in Asia\/Dubai, UTC\+04:00$/);
    await menu.locator("summary").click();
    assert.deepEqual(await menu.locator("button:visible").allInnerTexts(), ["UTC", "Asia/Dubai"]);
    await menu.locator("button >> text=UTC").click();
    await page.waitForSelector(".bar .zone >> text=Times in UTC");
  },

  "a filter of the live view is kept while requests arrive and on older pages": async ({ page, shop }) => {
    await page.goto(shop.at("overview"));
    await shop.send(JSON.stringify({ type: "transition", elements: [] }));
    // The log has a refused request a moment after its answer.
    const logged = async (n) => (await shop.manage("GET", "/requests?status=400")).items.length === n;
    await until(() => logged(1), "it is in the log");
    await page.goto(shop.at("overview"));
    await page.click("text=MissingAttributeError");
    await page.waitForURL(/\/live\?fault=MissingAttributeError$/);
    assert.match(await page.textContent("tbody tr"), /MissingAttributeError:\s*elements cannot be empty array/);
    await until(async () => (await page.textContent("[data-live-text]")) === "Live", "the stream runs");
    await shop.import(customer("c"));
    await shop.send(JSON.stringify({ type: "transition", elements: [] }));
    await until(async () => (await page.locator("tbody tr").count()) === 2, "the second row is there");
    assert.equal((await page.locator("tbody tr").allTextContents()).every((row) => row.includes("MissingAttributeError")), true);
    await until(() => logged(2), "both are in the log");
    await page.click("text=More filters");
    await page.selectOption("[name=warnings]", "false");
    await page.fill("[name=since]", "2020-01-01T00:00");
    await page.click("button >> text=Filter");
    await page.waitForURL(/live\?fault=MissingAttributeError&warnings=false&since=2020-01-01T00%3A00%3A00Z$/);
    assert.deepEqual([await page.inputValue("[name=since]"), await page.locator("tbody tr").count()], ["2020-01-01T00:00", 2]);
    await sound(page, "live-narrowed");
  },

  // Fails when `openDialog` of console.js tells no number, or the dialog's button sends another form.
  "deleting from the quarantine asks with its number, and Undo brings all of them back": async ({ page, shop }) => {
    await shop.import(...Array.from({ length: 3 }, (_, n) => event(`q-${n}`, "")));
    const open = async () => (await shop.manage("GET", "/stats")).quarantined;
    await page.goto(shop.at("quarantine"));
    await page.click("text=Delete selected");
    assert.match(await page.textContent("[role=alert]"), /Select at least one entry\./);
    await page.locator("tbody [type=checkbox]").first().check();
    await page.click("text=Delete selected");
    assert.equal(await page.textContent("#delete-selected h2"), "Delete 1 element from the quarantine?");
    await page.click("#delete-selected [data-close]");
    assert.deepEqual([await page.locator("dialog:modal").count(), await open()], [0, 3]);
    await page.check("[data-all]");
    await page.click("text=Delete selected");
    assert.match((await page.textContent("#delete-selected")).replace(/\s+/g, " "), /Delete 3 elements .* 3rejected elements are deleted/);
    await page.click("#delete-selected .danger");
    await page.waitForSelector(".notice >> text=3 elements deleted.");
    assert.equal(await open(), 0);
    await sound(page, "quarantine-undo");
    await page.click("button >> text=Undo");
    await page.waitForSelector("tbody tr");
    assert.deepEqual([await open(), await page.locator("tbody tr").count()], [3, 3]);
  },

  // Fails when `guard` of console.js takes no heed of panels, or merge.html has no `data-confirm`.
  "the button of a revert is off until the name of the merge is typed": async ({ page, shop }) => {
    await shop.identify({ kind: "customer_id" }, { kind: "mobile" });
    await shop.import(customer("b", { mobile: MOBILE }));
    const [merge] = (await shop.manage("GET", "/merges")).items;
    await page.goto(shop.at(`merges/${merge.id}?preview=revert`));
    const isOff = async (text) => (await page.fill("#revert-confirm", text), page.isDisabled("#revert .danger"));
    assert.deepEqual([await isOff(""), await isOff("m"), await isOff(`${merge.id}1`), await isOff(merge.id)], [true, true, true, false]);
    assert.equal(await page.getAttribute("#revert-confirm", "title"), `Type ${merge.id} exactly`);
    await page.click("#revert .danger");
    await page.waitForSelector(".notice >> text=Reverted");
    await page.goto(shop.at("merges"));
    await page.click("#separations >> text=Lift");
    assert.match(await page.textContent("dialog:modal .effects"), /2users are no longer kept apart/);
    await sound(page, "separation-lift");
    await page.click("dialog:modal .danger");
    await until(async () => (await shop.manage("GET", "/separations")).items.length === 0, "it is lifted");
  },

  // Fails when `guard` of console.js is not asked for the field of the identity page.
  "an activation is off until the workspace is typed, and a preview is not": async ({ page, shop }) => {
    await page.goto(shop.at("identity"));
    await page.fill("#add", "plan");
    await page.click("button >> text=Add");
    await page.click("main button.primary:visible >> text=Preview");
    const activate = page.locator("[value=activate]");
    assert.equal(await activate.isDisabled(), true);
    await page.fill("#activate-confirm", "SHO");
    assert.equal(await activate.isDisabled(), true);
    await page.click("button >> text=Preview again");
    await page.fill("#activate-confirm", "SHOP");
    assert.equal(await activate.isDisabled(), false);
  },

  // Fails when `.fields` of console.css has no `align-items`.
  "fields beside each other are as high as they are by themselves": async ({ page, shop }) => {
    const heights = {};
    for (const [name, address] of [["workspaces", "/workspaces"], ["tokens", "/tokens"], ["settings", shop.at("settings/workspace")]]) {
      await page.goto(address);
      const all = await page.$$eval(".fields .input, .fields select", (inputs) => inputs.map((it) => Math.round(it.getBoundingClientRect().height)));
      heights[name] = [...new Set(all)];
      const gap = await page.$eval(".fields", (it) => {
        const next = it.nextElementSibling;
        return next ? next.getBoundingClientRect().top - it.getBoundingClientRect().bottom : 99;
      });
      assert.equal(gap >= 12, true, `${name}: ${gap} px below the fields`);
    }
    assert.deepEqual(heights, { workspaces: [32], tokens: [32], settings: [32] });
  },

  "nothing is wrong with any of them": ({ page }) => assert.deepEqual([wrong, page.faults], [[], []]),
});
