import type { HeldPosition } from "./held-position.ts";
import type { Host } from "./host.ts";
import type { Lease } from "./lease-keeper.ts";
import { overdueError } from "./without-body.ts";

/** What a host runs of an instance whose time is up need not wait to hear it from the store. */
export function stopOthers(own: { readonly host: Host; readonly lease: Lease }, held: HeldPosition): void {
  const reason = overdueError(held);
  for (const lease of own.host.leases)
    if (lease.claim.instanceId === held.claim.instanceId && lease !== own.lease) lease.end({ reason, settle: false });
}
