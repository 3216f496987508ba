import type { InstanceId, Path } from "../../ids.ts";
import type { Checkpoint, ClaimRef } from "../../snapshot/checkpoint.ts";
import type { CheckpointFate, ClaimedPosition } from "../../store/position-store.ts";

/** Looks over a store's shoulder: whether fencing tokens are ever used twice, and whether an old one is ever taken. */
export class ClaimWatch {
  readonly #newest = new Map<string, bigint>();
  readonly #fail: (problem: string) => void;
  readonly #reach: (name: string) => void;

  /** @param reach - is told of rare paths that a run has come by */
  constructor(fail: (problem: string) => void, reach: (name: string) => void) {
    this.#fail = fail;
    this.#reach = reach;
  }

  claimed(positions: readonly ClaimedPosition[]): void {
    for (const { instanceId, path, token, lost, recorded } of positions) {
      this.#handedOut(instanceId, path, token);
      if (lost > 0) this.#reach("claim taken over");
      if (recorded !== null) this.#reach("outcome found recorded");
    }
  }

  committed(checkpoints: readonly Checkpoint[], fates: readonly (CheckpointFate | undefined)[]): void {
    for (const [index, { claim, move }] of checkpoints.entries()) {
      const fate = fates[index];
      if (fate === undefined) this.#fail(`No fate for the checkpoint of ${keyOf(claim.instanceId, claim.path)}.`);
      else if (fate.kind !== "accepted") this.#reach(`checkpoint ${fate.kind}`);
      else {
        this.#requireNewest(claim);
        this.#reach(`move ${move.kind}`);
        for (const granted of fate.granted) this.#handedOut(claim.instanceId, granted.path, granted.token);
      }
    }
  }

  #handedOut(instanceId: InstanceId, path: Path, token: bigint): void {
    const key = keyOf(instanceId, path);
    const newest = this.#newest.get(key);
    if (newest !== undefined && token <= newest)
      this.#fail(`${key} was handed out with token ${token}, and before with ${newest} (INV-6).`);
    this.#newest.set(key, token);
  }

  #requireNewest({ instanceId, path, token }: ClaimRef): void {
    const newest = this.#newest.get(keyOf(instanceId, path));
    if (newest !== undefined && token < newest)
      this.#fail(`${keyOf(instanceId, path)}: token ${token} was taken, though ${newest} had been handed out (INV-5).`);
  }
}

function keyOf(instanceId: InstanceId, path: Path): string {
  return `${instanceId} at "${path}"`;
}
