// Hands on a keyboard, for the files that use no pointer.

// Bound of a walk by Tab, for a page that never lets it out.
export const STOPS_MAX = 200;

/** What has focus, and whether an outline or a border tells it. */
export function focused(page) {
  return page.evaluate(() => {
    const it = document.activeElement;
    const { outlineStyle, outlineWidth } = getComputedStyle(it);
    const box = it.getBoundingClientRect();
    const isOnScreen = box.width > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
    const isVisible = outlineStyle !== "none" && parseFloat(outlineWidth) >= 2 && isOnScreen;
    return { is: it.id || it.textContent.trim() || it.tagName, html: it.outerHTML.slice(0, 90), isVisible,
      isBody: it === document.body };
  });
}

/** Goes on by Tab until something is focused that says `name`. */
export async function tabTo(page, name) {
  for (let n = 0; n < STOPS_MAX; n += 1) {
    await page.keyboard.press("Tab");
    const { is } = await focused(page);
    if (typeof name === "string" ? is === name : name.test(is)) return;
  }
  throw new Error(`Tab never came to ${name}`);
}

/** The same, and Enter. */
export async function enter(page, name) {
  await tabTo(page, name);
  await page.keyboard.press("Enter");
}

/** Writes over what is in the field that has focus. */
export async function write(page, text) {
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.insertText(text);
}
