// Every page that has nothing to show yet says so and what to do next, and is as sound as the full one (`look.mjs`).

import assert from "node:assert/strict";
import { look } from "./look.mjs";
import { customer, signIn, story, visitor } from "./world.mjs";

// What was found on any page, for the claim at the end.
const wrong = [];
const sound = async (page, name) => wrong.push(...(await look(page, name)));
const said = async (page) => (await page.textContent(".empty h2, .steps li:nth-child(2) h2")).trim();

/** Looks at a page, and reads what it says to whom finds nothing. */
async function empty(page, name, address) {
  if (address) await page.goto(address);
  const words = await said(page);
  await sound(page, `empty-${name}`);
  return words;
}

story({
  "signing in is sound, also after a wrong token": async (world) => {
    world.page = await visitor(world.browser, world.server);
    const { page, server } = world;
    await page.goto("/sign-in");
    await sound(page, "sign-in");
    await signIn(page, "no-such-token");
    await sound(page, "sign-in-refused");
    await signIn(page, server.token);
    assert.equal(await empty(page, "workspaces"), "No workspace yet.");
    assert.equal(await empty(page, "tokens", "/tokens"), "Only the admin token so far.");
  },

  "a new workspace and a new token show their secret on a sound page": async ({ page }) => {
    await page.goto("/workspaces");
    await page.fill("#n-name", "Shop");
    await page.fill("#n-id", "SHOP");
    await page.click("text=Create workspace");
    await sound(page, "workspaces-made");
    // Loading it again makes none, and shows the key no more.
    await page.reload();
    assert.deepEqual([await page.locator(".flash").count(), await page.locator("tbody tr").count()], [0, 1]);
    await page.goto("/tokens");
    await page.fill("#t-name", "ada");
    await page.click("text=Create token");
    await sound(page, "tokens-made");
  },

  "each page of a workspace without data says what to do": async ({ page }) => {
    const words = {};
    for (const name of ["overview", "live", "quarantine", "users", "merges", "reviews"]) {
      words[name] = await empty(page, name, `/w/SHOP/${name}`);
    }
    words.merged = await empty(page, "reviews-merged", "/w/SHOP/reviews?state=merged");
    words.replayed = await empty(page, "quarantine-replayed", "/w/SHOP/quarantine?state=replayed");
    words.filtered = await empty(page, "live-filtered", "/w/SHOP/live?status=400");
    assert.deepEqual(words, {
      overview: "Send the first import",
      live: "Waiting for the first request.",
      quarantine: "The quarantine is empty.",
      users: "Find a user",
      merges: "No merges yet.",
      reviews: "No open reviews.",
      merged: "No such reviews.",
      replayed: "Nothing has been replayed yet.",
      filtered: "No requests match these filters.",
    });
    for (const name of ["identity", "settings", "settings/workspace", "audit"]) {
      await page.goto(`/w/SHOP/${name}`);
      await sound(page, `empty-${name.replace("/", "-")}`);
    }
  },

  "a user of whom nothing is known but its id has a sound page": async ({ page, server }) => {
    const shop = await server.workspace("BARE");
    await shop.import(customer("a"));
    const { id } = await shop.manage("POST", "/users/find", { kind: "customer_id", value: "a" });
    await page.goto(shop.at(`users/${id}`));
    await sound(page, "empty-user");
    await page.goto(shop.at("overview"));
    await sound(page, "overview-first");
  },

  "what is not there has a sound page, too": async ({ page }) => {
    const status = {};
    for (const [name, address] of [["page", "/nowhere"], ["request", "/w/SHOP/requests/WqLtRbNx"],
      ["user", "/w/SHOP/users/000000000000000000000000"], ["workspace", "/w/NONE/overview"]]) {
      status[name] = (await page.goto(address)).status();
      await sound(page, `error-${name}`);
    }
    assert.deepEqual(status, { page: 404, request: 404, user: 404, workspace: 404 });
  },

  "nothing is wrong with any of them": () => assert.deepEqual(wrong, []),
});
