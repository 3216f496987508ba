import type { JSX } from "preact";

/** The mark and the name, as a link to the first page. */
export function Brand(): JSX.Element {
  return (
    <a class="brand" href="#/instances">
      <svg width="24" height="24" viewBox="0 0 32 32" aria-hidden="true">
        <rect width="32" height="32" rx="7" fill="#1f4f8f" />
        <path d="M6 9l4.5 14h2.6L16 14.4 18.9 23h2.6L26 9h-3l-2.8 9.6L17.3 9h-2.6l-2.9 9.6L9 9z" fill="#fff" />
      </svg>
      Waymark
    </a>
  );
}
