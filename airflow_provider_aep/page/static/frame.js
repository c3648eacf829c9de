// The frame in which Airflow shows the page: theme, address and links.
//
// Airflow's frame has the origin of Airflow, so the page can reach its parent. It must not open windows itself.

const parentDocument = (() => {
  try {
    return window.parent === window ? null : window.parent.document;
  } catch {
    return null; // another site's frame, which the security policy forbids
  }
})();

export const airflow = parentDocument
  ? new URL(".", parentDocument.baseURI)
  : new URL("..", document.baseURI);

export function followTheme() {
  const own = document.documentElement;
  const set = () => {
    const stored = parentDocument ? null : localStorage.getItem("theme");
    const theirs = parentDocument?.documentElement.classList;
    const dark = theirs?.contains("dark") || stored === "dark" ||
      (!theirs?.contains("light") && stored !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
    own.dataset.theme = dark ? "dark" : "light";
  };
  set();
  if (parentDocument) {
    const watch = { attributes: true, attributeFilter: ["class"] };
    new MutationObserver(set).observe(parentDocument.documentElement, watch);
  } else {
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", set);
    window.addEventListener("storage", set);
  }
}

// The state of the page is the query of its address. In the frame, Airflow's address has the same query, so that
// a reload and a copied address show the same.

export function readState() {
  let query = location.search;
  if (!query && parentDocument) query = window.parent.location.search;
  return new URLSearchParams(query);
}

export function writeState(state, { push = false } = {}) {
  const query = state.size ? `?${state}` : location.pathname;
  if (push) history.pushState(null, "", query);
  else history.replaceState(null, "", query);
  mirrorState();
}

export function mirrorState() {
  if (!parentDocument) return;
  const theirs = window.parent;
  theirs.history.replaceState(theirs.history.state, "", theirs.location.pathname + location.search);
}

// A link to a page outside of the frame.

export function outerLink(node, url, { newTab }) {
  node.href = url;
  if (newTab) {
    node.target = "_blank";
    node.rel = "noopener noreferrer";
  }
  if (parentDocument) {
    const open = (event) => {
      if (event.button > 1) return;
      event.preventDefault();
      const link = parentDocument.createElement("a");
      link.href = url;
      if (newTab || event.button === 1 || event.ctrlKey || event.metaKey || event.shiftKey) {
        link.target = "_blank";
        link.rel = "noopener noreferrer";
      }
      parentDocument.body.append(link);
      link.click();
      link.remove();
    };
    node.addEventListener("click", open);
    node.addEventListener("auxclick", open);
  }
  return node;
}
