// Streamlit makes a module of its own of this text; what it imports is served by our own route, compressed and cached.

/** @type {Promise<typeof import("./main.js")> | null} */
let loading = null;

/**
 * @param {string} folder where the modules are
 * @param {string[]} names
 */
function load(folder, names) {
  for (const name of names) { // all at once, not one after the other as each is found in another
    const link = document.createElement("link");
    link.rel = "modulepreload";
    link.href = `${folder}/${name}`;
    document.head.appendChild(link);
  }
  return import(new URL(`${folder}/main.js`, window.location.origin).href);
}

/** @param {any} component */
export default function (component) {
  const { modules, names } = component.data;
  /** @type {(() => void) | null} */
  let leave = null;
  let gone = false;
  loading = loading || load(modules, names);
  loading.then((main) => { if (!gone) leave = main.default(component); }, () => {
    loading = null;
    component.parentElement.textContent = "The figures' script could not be loaded. Reload the page.";
  });
  return () => {
    gone = true;
    if (leave) leave();
  };
}
