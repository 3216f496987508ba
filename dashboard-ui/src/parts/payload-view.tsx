import type { JSX } from "preact";
import type { Payload } from "../../../src/dashboard/api-types.ts";
import { Icon } from "./icon.tsx";
import { bytesText } from "./time-text.ts";
import { ValueView } from "./value-view.tsx";

/** A recorded value, however much of it the server has sent. `name` is what the file is called when it is downloaded. */
export function PayloadView({ payload, name }: { payload: Payload; name: string }): JSX.Element {
  switch (payload.kind) {
    case "value":
      return <ValueView value={payload.value} name={name} />;
    case "folded":
      return (
        <div class="value">
          <div class="value-body mono">
            {payload.preview}
            <span class="muted">…</span>
          </div>
          <div class="value-foot">
            <span class="muted">{bytesText(payload.bytes)}, of which this is the beginning.</span>
            <a class="button is-small" href={payload.href} download={`${name}.json`}>
              <Icon name="download" size={13} /> Download
            </a>
          </div>
        </div>
      );
    case "unreadable":
      return (
        <div class="banner is-warning">
          <Icon name="warning" /> It can't be read here: {payload.problem}
        </div>
      );
    case "hidden":
      return (
        <div class="banner">
          <Icon name="lock" /> Whoever runs this dashboard has hidden recorded values from you.
        </div>
      );
  }
}
