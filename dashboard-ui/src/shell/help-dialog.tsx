import type { JSX } from "preact";
import { Dialog } from "../parts/dialog.tsx";
import { SECTIONS } from "./sections.ts";

const KEYS: readonly (readonly [readonly string[], string])[] = [
  [["/"], "Search"],
  [["j"], "Next row"],
  [["k"], "Previous row"],
  [["Enter"], "Open the row"],
  [["x"], "Select the row"],
  [["r"], "Ask the server again"],
  [["["], "Previous tab of an instance"],
  [["]"], "Next tab of an instance"],
  [["u"], "Up to the list"],
  [["t"], "Other colours"],
  [["Esc"], "Close, or leave a field"],
  [["?"], "This list"],
];

/** What can be done by keyboard. */
export function HelpDialog({ onClose }: { onClose: () => void }): JSX.Element {
  return (
    <Dialog title="Keyboard" onClose={onClose}>
      <dl class="facts">
        {[...KEYS, ...SECTIONS.map(({ key, title }) => [["g", key], title] as const)].map(([keys, meaning]) => (
          <>
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{meaning}</dd>
          </>
        ))}
      </dl>
      <div class="dialog-actions">
        <button type="button" class="button" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}
