// Runs in the page's head, before Streamlit's own scripts: light or dark as the person chose, and a sidebar that a narrow
// window does not open with.
(() => {
  const NARROW = 900; // px of width up to which the sidebar starts closed
  const DARK = "(prefers-color-scheme: dark)";

  /** What this browser keeps; nothing where it keeps nothing. */
  const store = {
    /** @param {string} key */
    get(key) { try { return localStorage.getItem(key); } catch { return null; } },
    /** @param {string} key @param {string | null} value */
    set(key, value) {
      try {
        if (value === null) localStorage.removeItem(key);
        else localStorage.setItem(key, value);
      } catch { /* it holds for this page then */ }
    },
  };

  // Streamlit dresses the page as the system is, and follows its changes. It is told what the person chose instead, so
  // that the choice holds on all pages, and takes effect without a reload.
  const ask = window.matchMedia.bind(window);
  const system = ask(DARK);
  let chosen = store.get("rx-theme"); // "light" or "dark"; null: as the system
  const preferred = new Proxy(system, {
    get(target, name) {
      if (name === "matches" && chosen) return chosen === "dark";
      const value = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  window.matchMedia = (query) => (query === DARK ? preferred : ask(query));
  window.rnnExplorerTheme = {
    isDark: () => preferred.matches,
    isChosen: () => Boolean(chosen),
    choose(dark) {
      chosen = dark === system.matches ? null : dark ? "dark" : "light"; // what the system has anyway is followed again
      store.set("rx-theme", chosen);
      system.dispatchEvent(new Event("change"));
    },
  };

  // Streamlit keeps one word on the sidebar for all widths: here a narrow window has one of its own, "closed" at first.
  const KEPT = "stSidebarCollapsed-";
  const fitSidebar = () => {
    const now = window.innerWidth <= NARROW ? "narrow" : "wide";
    const words = JSON.parse(store.get("rx-sidebar") || '{"at": "wide", "narrow": "true", "wide": null}');
    if (words.at === now) return;
    words[words.at] = store.get(KEPT);
    words.at = now;
    store.set("rx-sidebar", JSON.stringify(words));
    store.set(KEPT, words[now]);
  };
  fitSidebar();
  window.addEventListener("resize", fitSidebar);
})();
