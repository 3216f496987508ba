import { Socket } from "node:net";

/** The sockets under the connections of a backend: where the server does not answer, they can be ended, and nothing above them. */
export class OpenSockets {
  readonly #open = new Set<Socket>();

  /** One for the driver, which connects it. */
  make(): Socket {
    const socket = new Socket();
    this.#open.add(socket);
    socket.once("close", () => this.#open.delete(socket));
    return socket;
  }

  destroy(): void {
    for (const socket of this.#open) socket.destroy();
  }

  /** What still waits for the server to hang up keeps no process alive. */
  unref(): void {
    for (const socket of this.#open) socket.unref();
  }
}
