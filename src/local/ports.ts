import { createHash } from "node:crypto";
import { createServer } from "node:net";

export const HOST = "127.0.0.1";
// Below the range from which systems take the ports of outgoing connections, so that a port which was
// free yesterday is not taken today by chance.
const LOWEST = 20_000;
const COUNT = 10_000;
const TRIES = 100;

/** The ports to try for a directory, best first. The same directory gets the same ones, so its URL is stable. */
export function* portsFor(directory: string, remembered: number | null): Generator<number> {
  if (remembered !== null) yield remembered;
  const start = createHash("sha256").update(directory).digest().readUInt32BE() % COUNT;
  for (let step = 0; step < TRIES; step += 1) yield LOWEST + ((start + step) % COUNT);
}

/** Whether nobody listens on the port at this moment. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: HOST, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
