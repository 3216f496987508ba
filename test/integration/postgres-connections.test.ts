import { createServer, type Server } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { PostgresBackend } from "../../src/postgres/index.ts";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

function message(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(type, 0);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

/** Lets everybody in, and dies at that moment: both messages come in one packet. */
async function serverThatDies(): Promise<string> {
  const authenticated = message("R", Buffer.from([0, 0, 0, 0]));
  const ready = message("Z", Buffer.from("I"));
  const fatal = message("E", Buffer.from("SFATAL\0VFATAL\0C57P01\0Mterminating connection\0\0"));
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => socket.end(Buffer.concat([authenticated, ready, fatal])));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new TypeError("The server has no port.");
  return `postgresql://anybody:x@127.0.0.1:${address.port}/db`;
}

describe("a connection that breaks in the moment in which it is made", () => {
  // An error that nobody listens for would fail this test run as a whole.
  test("is a passing failure, and ends no process", async () => {
    const url = await serverThatDies();

    await expect(PostgresBackend.connect(url, { retryFor: 300 })).rejects.toMatchObject({
      code: "BACKEND_UNAVAILABLE",
    });
  });
});
