import { randomUUID } from "node:crypto";

/** Source of chance. Behind a port, so that a simulation can be repeated from a seed. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** A fresh, practically unique name. */
  uuid(): string;
}

export const systemRandom: Random = {
  next: () => Math.random(),
  uuid: () => randomUUID(),
};
