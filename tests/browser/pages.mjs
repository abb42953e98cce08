// Every page with data in it is sound (`look.mjs`): no finding of axe in either theme, nothing asked of another origin,
// no error, no scrolling sideways. The pictures of all of them are in the folder that the stage names.

import assert from "node:assert/strict";
import { look } from "./look.mjs";
import { customer, event, signIn, story, visitor } from "./world.mjs";

const HOSTILE = "<img src=x onerror=alert(1)> \u202e\u0007 \u05e9\u05dc\u05d5\u05dd " + "long".repeat(50);
const refused = (id, action = "") => ({ type: "event", customer_id: id, actions: [{ action, attributes: { price: 12.5 } }] });

/** A workspace in which each page has something to show, typical and hostile. */
async function filled(server) {
  const shop = await server.workspace("SHOP_EU", { name: "Shop, Europe" });
  await shop.identify({ kind: "customer_id" }, { kind: "mobile", normalise: "e164" }, { kind: "email", normalise: "lowercase" });
  const people = ["Ada Lovelace", "Alan Turing", "Grace Hopper", "Edsger Dijkstra", "Barbara Liskov", "Donald Knuth"];
  const crowd = Array.from({ length: 40 }, (_, n) => customer(`cust-${100 + n}`, {
    name: people[n % people.length], mobile: `+1555${String(1000000 + n)}`, plan: n % 3 ? "free" : "gold", visits: n }));
  await shop.import(...crowd);
  await shop.import(customer("cust-1", { name: "Ada Lovelace", mobile: "+15550142", city: "London", tags: ["vip", "beta"] }),
    customer("cust-2", { name: "Ada L.", email: "ada@example.com", plan: "gold", score: 1.5 }),
    event("cust-1", "added to cart", { sku: "B-7", price: 12.5 }), event("cust-1", "ordered", { sku: "B-7", sum: 31 }),
    event("cust-2", "opened mail"), refused("cust-1"), refused("cust-2"),
    { type: "customer", customer_id: "cust-0", attributes: { plan: "gold" } },
    { type: "device", customer_id: "cust-1", device_id: "d-1", attributes: { platform: "ANDROID", push_id: "p-1", model: "Pixel 9" } },
    { type: "device", device_id: "d-2" });
  await shop.import(customer("cust-1", { email: "Ada@example.com", city: "Turin" }));
  await shop.import(customer(HOSTILE.slice(0, 200), { [HOSTILE.slice(0, 40)]: HOSTILE, name: HOSTILE, mobile: "+15550143" }), refused(HOSTILE.slice(0, 60)),
    customer("cust-5", { note: "\u0000" }));
  await shop.import(customer("cust-3", { name: "Grace Hopper", mobile: "+15550144", plan: "free" }),
    customer("cust-4", { name: "Grace H.", city: "New York" }));
  await shop.import(customer("cust-4", { mobile: "+15550144" }));
  const [second] = (await shop.manage("GET", "/merges")).items;
  await shop.manage("POST", `/merges/${second.id}/revert`, {});
  await shop.import(customer("cust-4", { mobile: "+15550144" }));
  await shop.send("{ this is no JSON");
  await shop.import(...crowd.slice(0, 9).map((it) => ({ ...it, attributes: { visits: 50 } })), event("cust-101", "ordered", { sum: 8 }));
  return shop;
}

// What was found on any page, for the claim at the end.
const wrong = [];
const sound = async (page, name, address) => {
  if (address) assert.equal((await page.goto(address)).status() < 500, true, address);
  wrong.push(...(await look(page, name)));
};

story({
  "the frame of all workspaces": async (world) => {
    world.page = await visitor(world.browser, world.server);
    const { page, server } = world;
    world.shop = await filled(server);
    await server.manage("POST", "/tokens", { name: "night-shift", scopes: ["read"], workspace: "SHOP_EU" });
    await signIn(page, server.token);
    await sound(page, "workspaces", "/workspaces");
    await sound(page, "tokens", "/tokens");
    await page.click("#t-night-shift .danger");
    await sound(page, "tokens-revoke");
    await sound(page, "components", "/components");
  },

  "what came in": async ({ page, shop }) => {
    const { items } = await shop.manage("GET", "/requests");
    const whole = items.find((it) => it.status === 400);
    await sound(page, "overview", shop.at("overview"));
    await sound(page, "live", shop.at("live"));
    await sound(page, "request-refused", shop.at(`requests/${whole.request_id}`));
    await sound(page, "quarantine", shop.at("quarantine"));
    const entries = (await shop.manage("GET", "/quarantine")).items;
    for (const [n, entry] of entries.entries()) {
      if (n < 2) await sound(page, n ? "request-more" : "request-hostile", shop.at(`requests/${entry.request_id}`));
    }
    await page.click("text=Check first >> nth=0");
    await sound(page, "entry-checked");
    await page.goto(shop.at("quarantine"));
    await page.click("text=Replay all open entries");
    await sound(page, "job");
  },

  "who is who": async ({ page, shop }) => {
    const { items } = await shop.manage("GET", "/merges");
    const [reverted, merge] = [items.find((it) => it.reverted_at), items.find((it) => !it.reverted_at)];
    await page.goto(shop.at("users"));
    await page.fill("#u-q", "+1 (555) 0199");
    await page.click("main button.primary");
    await sound(page, "users");
    await sound(page, "user", shop.at(`users/${merge.survivor}`));
    const hostile = await shop.manage("POST", "/users/find", { kind: "mobile", value: "+15550143" });
    await sound(page, "user-hostile", shop.at(`users/${hostile.id}`));
    await page.fill("#find", HOSTILE.slice(0, 200));
    await page.press("#find", "Enter");
    await sound(page, "users-hostile");
    await sound(page, "merges", shop.at("merges"));
    await sound(page, "merge", shop.at(`merges/${merge.id}`));
    await sound(page, "merge-revert", shop.at(`merges/${merge.id}?preview=revert`));
    await sound(page, "merge-reverted", shop.at(`merges/${reverted.id}`));
    await sound(page, "reviews", shop.at("reviews"));
    const [review] = (await shop.manage("GET", "/reviews?state=open")).items;
    await sound(page, "review", shop.at(`reviews/${review.id}`));
    await shop.manage("POST", `/reviews/${review.id}`, { decision: "keep_apart" });
    await sound(page, "review-decided", shop.at(`reviews/${review.id}`));
    await sound(page, "reviews-kept-apart", shop.at("reviews?state=kept_apart"));
  },

  "what is set, and who set it": async ({ page, shop }) => {
    await page.goto(shop.at("identity"));
    await page.fill("#add", "name");
    await page.click("button >> text=Add");
    await page.click("main button.primary:visible >> text=Preview");
    await sound(page, "identity");
    await sound(page, "settings", shop.at("settings"));
    await page.click("text=Rotate key");
    await sound(page, "settings-rotate");
    await page.fill("#rotate-confirm", shop.id);
    await page.click("#rotate footer button");
    await sound(page, "settings-rotated");
    await sound(page, "settings-workspace", shop.at("settings/workspace"));
    await page.fill("#s-zone", "Mars/Olympus");
    await page.click("text=Save settings");
    await sound(page, "settings-workspace-refused");
    await sound(page, "audit", shop.at("audit"));
    await page.goto(shop.at("settings/workspace"));
    await page.click("a >> text=Suspend");
    await page.fill("#suspend-confirm", shop.id);
    await page.click("#suspend footer button");
    await sound(page, "suspended", shop.at("overview"));
  },

  // Fails when console.css gives `--text-3` the colour of `--line`, or the policy of console.rs loses `img-src`.
  "nothing is wrong with any of them": () => assert.deepEqual(wrong, []),
});
