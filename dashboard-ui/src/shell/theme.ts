/** What colours to use; "auto" follows the system. */
export type Theme = "auto" | "light" | "dark";

const KEY = "waymark.theme";
const ORDER: readonly Theme[] = ["auto", "light", "dark"];

/** What the reader has chosen. */
export function readTheme(): Theme {
  const stored = storedUnder(KEY);
  return ORDER.find((theme) => theme === stored) ?? "auto";
}

/** Shows the page in these colours. */
export function applyTheme(theme: Theme): void {
  if (theme === "auto") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
}

/** Takes the next of the three, and remembers it where the browser allows that. */
export function nextTheme(theme: Theme): Theme {
  const next = ORDER[(ORDER.indexOf(theme) + 1) % ORDER.length] ?? "auto";
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // Then it holds until the page is loaded again.
  }
  applyTheme(next);
  return next;
}

function storedUnder(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}
