// Who may come in and how far: wrong tokens, tokens that are revoked, tokens that may only read.

import assert from "node:assert/strict";
import { customer, signIn, story, visitor } from "./world.mjs";

const path = (page) => new URL(page.url()).pathname;
// What changes something: forms that post, but for the theme, signing out and finding a user, and links to dialogs.
const DANGEROUS = "form[method=post]:not([action='/theme'], [action='/zone'], [action='/sign-out'], [action$='/users'], [action$='/live'], [action$='/merges'], .find), " +
  "[data-dialog], dialog, .danger";

story({
  "a wrong token is refused in words, and the page that was asked for is kept": async ({ browser, server }) => {
    const page = await visitor(browser, server);
    await page.goto("/tokens");
    assert.equal(page.url(), `${server.url}/sign-in?next=/tokens`);
    await page.fill("#token", "no-such-token");
    await page.click("button.primary");
    assert.equal((await page.textContent("#token-error")).trim(), "No such token. It may have been revoked.");
    assert.equal(await page.getAttribute("#token", "aria-invalid"), "true");
    await page.fill("#token", server.token);
    await page.click("button.primary");
    assert.equal(path(page), "/tokens");
    assert.deepEqual(page.faults, []);
  },

  // Fails when `frame::signed_in` asks the lockout before the token.
  "the wrong tries after the fifth are refused, too, and the right token still works": async ({ browser, server }) => {
    const page = await visitor(browser, server);
    for (let n = 0; n < 7; n += 1) {
      await signIn(page, `wrong-${n}`);
      assert.equal(await page.locator("#token-error").count(), 1, `try ${n}`);
    }
    await signIn(page, server.token);
    assert.equal(path(page), "/workspaces");
  },

  // Fails when `session::Sessions` keeps who was signed in instead of the token.
  "a session ends when its token is revoked": async ({ browser, server }) => {
    const admin = await visitor(browser, server);
    await signIn(admin, server.token);
    await admin.goto("/tokens");
    await admin.fill("#t-name", "night-shift");
    await admin.click("text=Create token");
    const token = (await admin.textContent(".notice.ok .id")).trim();
    const other = await visitor(browser, server);
    await signIn(other, token);
    assert.equal(path(other), "/workspaces");
    await admin.goto("/tokens");
    await admin.click("#t-night-shift .danger");
    await admin.fill("dialog:modal [name=confirm]", "night-shift");
    await admin.click("dialog:modal footer button");
    await admin.waitForSelector("#t-night-shift", { state: "detached" });
    assert.equal((await admin.textContent(".flash[role=status]")).trim(), "Token night-shift revoked. Its calls get 401, and its sessions have ended.");
    await other.reload();
    assert.equal(path(other), "/sign-in");
    assert.match(await other.textContent("#ended[role=status]"), /your token is no longer valid: it was revoked/);
    assert.deepEqual([...admin.faults, ...other.faults], []);
  },

  // Fails when a template asks not for `layout.may_operate` (try it with settings.html).
  "a token that may only read sees every page and no action": async ({ browser, server }) => {
    const shop = await server.workspace("SHOP");
    await shop.identify({ kind: "customer_id" }, { kind: "mobile" });
    const wrong = { type: "event", customer_id: "a", actions: [{ action: "" }] };
    await shop.import(customer("a", { mobile: "+15550100" }), customer("b", { plan: "free" }), wrong);
    await shop.import(customer("b", { mobile: "+15550100" }));
    const first = async (list) => (await shop.manage("GET", `/${list}`)).items[0];
    const [merge, entry] = [await first("merges"), await first("quarantine")];
    await shop.manage("POST", `/merges/${merge.id}/revert`, {});
    await shop.import(customer("b", { mobile: "+15550100" }));
    const review = await first("reviews");
    const { token } = await server.manage("POST", "/tokens", { name: "reader", scopes: ["read"] });
    const page = await visitor(browser, server);
    await signIn(page, token);
    const rest = ["overview", "live", `requests/${entry.request_id}`, "quarantine", "users", `users/${merge.survivor}`,
      "merges", `merges/${merge.id}?preview=revert`, "reviews", `reviews/${review.id}`, "identity", "settings",
      "settings/workspace"];
    const seen = {};
    for (const address of ["/workspaces", ...rest.map((it) => shop.at(it))]) {
      const answer = await page.goto(address);
      // A form whose fieldset is disabled shows what is set and sends nothing.
      const actions = await page.$$eval(DANGEROUS, (all) => all.filter((it) => !it.querySelector("fieldset:disabled"))
        .filter((it) => !it.closest("fieldset:disabled")).map((it) => it.outerHTML.slice(0, 80)));
      if (answer.status() !== 200 || actions.length > 0) seen[address] = [answer.status(), actions];
    }
    assert.deepEqual(seen, {});
    assert.equal((await page.goto("/tokens")).status(), 403);
    assert.equal((await page.goto(shop.at("audit"))).status(), 403);
    assert.deepEqual(page.faults, []);
  },
});
