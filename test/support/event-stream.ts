/** An event of a stream, its data parsed. */
export interface StreamedEvent {
  readonly id?: string;
  readonly event: string;
  readonly data: unknown;
}

const LONGEST_WAIT_MS = 15_000;

/** Reads a stream of server-sent events. */
export class StreamReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();
  #unread = "";
  readonly #pending: StreamedEvent[] = [];

  constructor(response: Response) {
    if (response.body === null) throw new TypeError("The response has no body.");
    this.#reader = response.body.getReader();
  }

  /** The events up to and with the first one that fits. */
  async until(fits: (event: StreamedEvent) => boolean): Promise<readonly StreamedEvent[]> {
    const seen: StreamedEvent[] = [];
    const deadline = Date.now() + LONGEST_WAIT_MS;
    for (;;) {
      for (let next = this.#pending.shift(); next !== undefined; next = this.#pending.shift()) {
        seen.push(next);
        if (fits(next)) return seen;
      }
      if (!(await this.#more(deadline - Date.now())))
        throw new Error(`The stream has ended, or says nothing, after ${JSON.stringify(seen).slice(0, 1_000)}`);
    }
  }

  /** Resolves when the stream has ended. */
  async ended(): Promise<void> {
    while (await this.#more(LONGEST_WAIT_MS));
  }

  async cancel(): Promise<void> {
    await this.#reader.cancel().catch(() => undefined);
  }

  /** @returns whether there was more */
  async #more(withinMs: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(() => resolve(null), Math.max(withinMs, 0));
    });
    const read = await Promise.race([this.#reader.read(), late]);
    clearTimeout(timer);
    if (read === null || read.done) return false;
    const parts = (this.#unread + this.#decoder.decode(read.value, { stream: true })).split("\n\n");
    this.#unread = parts.pop() ?? "";
    this.#pending.push(...parts.flatMap(eventFrom));
    return true;
  }
}

function eventFrom(text: string): StreamedEvent[] {
  const fields = new Map(
    text.split("\n").map((line) => {
      const at = line.indexOf(": ");
      return [line.slice(0, at), line.slice(at + 2)] as const;
    }),
  );
  const event = fields.get("event");
  const id = fields.get("id");
  if (event === undefined) return [];
  return [{ ...(id === undefined ? {} : { id }), event, data: JSON.parse(fields.get("data") ?? "null") as unknown }];
}
