import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

type Mode = "pass" | "blackHole" | "refuse";

/** First letters of messages. */
const NOTIFICATION = 0x41;
const ERROR = 0x45;

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  readonly toClient: (chunk: Buffer) => Buffer;
}

/** Stands between a program and its PostgreSQL, and misbehaves as networks and poolers do. */
export class TcpProxy {
  readonly #target: { readonly host: string; readonly port: number };
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  #mode: Mode = "pass";
  #delayMs = 0;
  #swallowsNotifications = false;
  /** Told when an error has been passed on after which everything is held back; `null`: nothing is. */
  #onError: (() => void) | null = null;

  private constructor(target: { readonly host: string; readonly port: number }) {
    this.#target = target;
    this.#server = createServer((client) => this.#accept(client));
  }

  /** Listens on a port of its own, and passes everything on to the server of `url`. */
  static async to(url: string): Promise<TcpProxy> {
    const { hostname, port } = new URL(url);
    const proxy = new TcpProxy({ host: hostname, port: Number(port) });
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  /** The same url, by way of this proxy. */
  through(url: string): string {
    const own = new URL(url);
    own.hostname = "127.0.0.1";
    own.port = String((this.#server.address() as AddressInfo).port);
    return own.href;
  }

  get connections(): number {
    return this.#pairs.size;
  }

  /** What was held back flows again; new connections are let through. */
  pass(): void {
    this.#mode = "pass";
    this.#onError = null;
    for (const { client, server, toClient } of this.#pairs) {
      client.write(toClient(Buffer.alloc(0)));
      client.resume();
      server.resume();
    }
  }

  /** Nothing flows any more, either way, and nobody is told. New connections are accepted, and get no answer. */
  blackHole(): void {
    this.#mode = "blackHole";
    for (const { client, server } of this.#pairs) {
      client.pause();
      server.pause();
    }
  }

  /** Cuts all connections, as a server that dies does. New ones get through. */
  reset(): void {
    for (const { client, server } of this.#pairs) {
      client.resetAndDestroy();
      server.destroy();
    }
  }

  /** Cuts all connections, and new ones as soon as they are made, until `pass`. */
  refuse(): void {
    this.#mode = "refuse";
    this.reset();
  }

  /** Everything takes this much longer, each way. */
  delay(ms: number): void {
    this.#delayMs = ms;
  }

  /** The server's messages of NOTIFY are left out, as by a pooler. */
  swallowNotifications(isOn = true): void {
    this.#swallowsNotifications = isOn;
  }

  /**
   * What the server says on a connection after an error is held back until `pass`, as if it took long to end the transaction.
   *
   * @returns when an error has been passed on
   */
  holdAfterError(): Promise<void> {
    return new Promise((resolve) => (this.#onError = resolve));
  }

  async close(): Promise<void> {
    this.reset();
    this.#server.close();
    await once(this.#server, "close");
  }

  #accept(client: Socket): void {
    if (this.#mode === "refuse") {
      client.on("error", () => undefined);
      client.resetAndDestroy();
      return;
    }
    const server = connect(this.#target);
    const pair = { client, server, toClient: this.#filter() };
    this.#pairs.add(pair);
    this.#forward(client, server, (chunk) => chunk);
    this.#forward(server, client, pair.toClient);
    client.on("close", () => this.#pairs.delete(pair));
    if (this.#mode === "blackHole") {
      client.pause();
      server.pause();
    }
  }

  #forward(from: Socket, to: Socket, filter: (chunk: Buffer) => Buffer): void {
    from.setNoDelay(true);
    from.on("data", (chunk) => {
      const passed = filter(chunk);
      const write = (): unknown => !to.destroyed && passed.length > 0 && to.write(passed);
      if (this.#delayMs > 0) setTimeout(write, this.#delayMs);
      else write();
    });
    from.on("error", () => undefined);
    from.on("close", () => to.destroy());
    from.on("end", () => to.end());
  }

  /** Takes the server's messages apart: a letter, and a length that counts itself. */
  #filter(): (chunk: Buffer) => Buffer {
    let rest = Buffer.alloc(0);
    let isHeld = false;
    return (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      const passed: Buffer[] = [];
      for (;;) {
        isHeld &&= this.#onError !== null;
        const end = isHeld || rest.length < 5 ? Number.POSITIVE_INFINITY : 1 + rest.readUInt32BE(1);
        if (rest.length < end) return Buffer.concat(passed);
        const type = rest[0];
        if (type !== NOTIFICATION || !this.#swallowsNotifications) passed.push(rest.subarray(0, end));
        rest = rest.subarray(end);
        if (type !== ERROR || this.#onError === null) continue;
        isHeld = true;
        this.#onError();
      }
    };
  }
}
