import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Health, Session } from "../../../src/dashboard/api-types.ts";
import { type LiveState, useLiveState } from "../api/live.ts";
import { useResource } from "../api/resource.ts";
import { signOut } from "../api/session.ts";
import { Icon } from "../parts/icon.tsx";
import { type Place, usePlace } from "../route/place.ts";
import { Brand } from "./brand.tsx";
import { useGlobalKeys } from "./chord.ts";
import { HelpDialog } from "./help-dialog.tsx";
import { PageFor } from "./page-for.tsx";
import { SECTIONS } from "./sections.ts";
import { nextTheme, readTheme } from "./theme.ts";

const LIVE: Readonly<Record<LiveState, readonly [string, string]>> = {
  connecting: ["is-trying", "Connecting"],
  live: ["is-on", "Live"],
  lost: ["is-off", "Not live: connecting again"],
};

/** The frame around every page: where one can go, whether it is live, and who one is. */
export function Shell({ session }: { session: Session }): JSX.Element {
  const place = usePlace();
  const [theme, setTheme] = useState(readTheme());
  const [isHelpOpen, setHelpOpen] = useState(false);
  const main = useFocusOnPage(place);
  useGlobalKeys({ "?": () => setHelpOpen(true), t: () => setTheme(nextTheme(theme)) });
  return (
    <div class="shell">
      <SkipLink to={() => main.current?.focus()} />
      <header class="sidebar">
        <Brand />
        <Navigation current={sectionOf(place)} />
        <div class="sidebar-foot">
          <LiveMark />
          <div class="row">
            <button
              type="button"
              class="button is-quiet is-small"
              aria-label={`Colours: ${theme}`}
              title={`Colours: ${theme} (t)`}
              onClick={() => setTheme(nextTheme(theme))}
            >
              <Icon name={theme === "auto" ? "auto" : theme === "light" ? "sun" : "moon"} />
            </button>
            <button
              type="button"
              class="button is-quiet is-small"
              aria-label="Keyboard"
              title="Keyboard (?)"
              onClick={() => setHelpOpen(true)}
            >
              <Icon name="help" />
            </button>
          </div>
          <Reader session={session} />
        </div>
      </header>
      <main class="main" id="main" tabIndex={-1} ref={main}>
        {session.readOnly && (
          <div class="banner is-info" role="note">
            <Icon name="lock" />
            This dashboard is read-only: whoever runs it has switched actions off.
          </div>
        )}
        <PageFor place={place} />
      </main>
      {isHelpOpen && <HelpDialog onClose={() => setHelpOpen(false)} />}
    </div>
  );
}

/** The part of the address behind # says which page is shown, so the link itself leads nowhere. */
function SkipLink({ to }: { to: () => void }): JSX.Element {
  return (
    <a
      class="skip"
      href="#main"
      onClick={(event) => {
        event.preventDefault();
        to();
      }}
    >
      Skip to content
    </a>
  );
}

function Navigation({ current }: { current: string }): JSX.Element {
  return (
    <nav aria-label="Pages">
      <ul class="nav">
        {SECTIONS.map(({ path, title, icon }) => (
          <li key={path}>
            <a href={`#/${path}`} aria-current={current === path ? "page" : undefined}>
              <Icon name={icon} />
              {title}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

/** Whether changes are told as they happen. Where the database tells nothing, they are noticed by looking. */
function LiveMark(): JSX.Element {
  const { value: health } = useResource<Health>("health");
  const [look, text] = LIVE[useLiveState()];
  return (
    <>
      <div class="live" role="status">
        <span class={`dot ${look}`} />
        {text}
      </div>
      {health !== null && <span title="Version of the server">{health.version}</span>}
    </>
  );
}

function Reader({ session: { actor, role, tokenRequired } }: { session: Session }): JSX.Element | null {
  if (!tokenRequired) return null;
  return (
    <div class="row">
      <span>
        {actor} ({role})
      </span>
      <button type="button" class="link" onClick={() => void signOut()}>
        Sign out
      </button>
    </div>
  );
}

function sectionOf({ path: [first = "instances"] }: Place): string {
  return first;
}

/** After a link has led to another page, the focus is there, so that a screen reader reads it. Not for changes of filters. */
function useFocusOnPage({ path }: Place): { readonly current: HTMLElement | null } {
  const main = useRef<HTMLElement>(null);
  const isFirst = useRef(true);
  useEffect(() => {
    if (!isFirst.current) main.current?.focus({ preventScroll: false });
    isFirst.current = false;
    if (path.length > 0) scrollTo(0, 0);
  }, [path.join("/")]);
  return main;
}
