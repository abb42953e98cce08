// How one page is looked at, for `pages.mjs` and `empty.mjs`: axe in both themes, no scrolling sideways on narrow
// screens, a picture in each theme and one of 400 px. What it finds it gives back; what should be so is claimed there.

import { join } from "node:path";
import { findings } from "./world.mjs";

const { MUSTER_SCREENSHOTS } = process.env;
const HEIGHT = 800;

/** Everything that is wrong with the page as it stands, one line each. */
export async function look(page, name) {
  const wrong = page.faults.splice(0);
  for (const colorScheme of ["dark", "light"]) {
    await page.emulateMedia({ colorScheme });
    wrong.push(...(await findings(page)).map((line) => `${name} in ${colorScheme}: ${line}`));
    const path = join(MUSTER_SCREENSHOTS, `${name}-${colorScheme}.png`);
    await page.screenshot({ path, fullPage: true, animations: "disabled", caret: "initial" });
  }
  for (const width of [400, 320]) {
    await page.setViewportSize({ width, height: HEIGHT });
    const [wants, has] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
    if (width === 400) await page.screenshot({ path: join(MUSTER_SCREENSHOTS, `${name}-narrow.png`), fullPage: true, animations: "disabled" });
    if (wants > has) wrong.push(`${name} at ${width} px: ${wants} px wide (${await widest(page)})`);
  }
  await page.setViewportSize({ width: 1280, height: HEIGHT });
  return wrong;
}

/** What sticks out the furthest to the right. */
function widest(page) {
  return page.evaluate(() => {
    const isCut = (it) => it && (getComputedStyle(it).overflowX !== "visible" || isCut(it.parentElement));
    const all = [...document.querySelectorAll("main *, header *")].filter((it) => !isCut(it.parentElement.closest("main *")));
    all.sort((a, b) => b.getBoundingClientRect().right - a.getBoundingClientRect().right);
    return all[0]?.outerHTML.slice(0, 120);
  });
}
