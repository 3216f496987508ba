import type { JSX } from "preact";
import { pathOf, send } from "../api/client.ts";
import { Confirm } from "../parts/dialog.tsx";
import { goTo } from "../route/place.ts";
import { tell } from "../shell/notices.ts";

/** Asks before an instance is removed with all that belongs to it. */
export function DeleteDialog({ instanceId, onClose }: { instanceId: string; onClose: () => void }): JSX.Element {
  const submit = async (): Promise<void> => {
    await send("DELETE", pathOf("instances", instanceId));
    tell(`Deleted ${instanceId}.`);
    goTo("#/instances");
  };
  return (
    <Confirm title="Delete the instance" verb="Delete it" isDanger act={submit} onClose={onClose}>
      <p>
        <code>{instanceId}</code>
      </p>
      <p>It is removed with its history, its events and its values. It can't be brought back.</p>
    </Confirm>
  );
}
