// The right end of the page's header: share, present, light or dark, keys.

import { make, makeButton } from "./dom.js";

/**
 * What the button for light and dark shows and says.
 * @param {boolean} dark whether the page is
 * @param {boolean} chosen whether by choice; else as the system
 * @returns {{ sign: string, name: string, title: string }}
 */
export function themeWords(dark, chosen) {
  const [now, other] = dark ? ["Dark", "light"] : ["Light", "dark"];
  return { sign: dark ? "☾" : "☀\uFE0E", name: now, title: `${now}, ${chosen ? "as chosen here" : "as the system"}. Switch to ${other}${chosen ? ", as the system" : ""}` };
}

export class Corner {
  /** @param {import("./view.js").View} view */
  constructor(view) {
    this.root = make("nav", "rx-corner");
    this.root.setAttribute("aria-label", "This view");
    this.theme = this.button("", "", "", () => {
      window.rnnExplorerTheme.choose(!window.rnnExplorerTheme.isDark());
      this.show();
      setTimeout(() => view.readLook(), 60); // as soon as the page has changed its colors
    });
    this.theme.classList.add("rx-theme");
    const wide = this.button("▣", "Present", "Present: one figure fills the screen, in large type (f)", () => view.presenter.toggle());
    const keys = this.button("?", "", "Keys (?)", () => view.showKeys());
    if (view.outside.shares) this.root.append(this.button("↗", "Share", "Share what you see as a link", () => view.share()));
    this.root.append(wide, this.theme, keys);
    this.show();
  }

  /**
   * @param {string} sign
   * @param {string} name shown where there is room
   * @param {string} title
   * @param {() => void} act
   */
  button(sign, name, title, act) {
    const made = makeButton("rx-text", "", title, act);
    const shown = make("span", "rx-sign", sign);
    shown.setAttribute("aria-hidden", "true");
    made.append(shown);
    if (name || !sign) made.append(make("span", "rx-called", name));
    return made;
  }

  /** Which theme is on. */
  show() {
    const theme = window.rnnExplorerTheme;
    if (!theme) return;
    const { sign, name, title } = themeWords(theme.isDark(), theme.isChosen());
    const [shown, called] = this.theme.children;
    shown.textContent = sign;
    called.textContent = name;
    this.theme.title = title;
    this.theme.setAttribute("aria-label", title);
  }
}
