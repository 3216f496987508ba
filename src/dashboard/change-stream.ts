/** One listener. */
export interface ChangeStream {
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly instanceIds: readonly string[];
  /** When it has to end, by the monotonic clock. */
  readonly until: number;
  send(event: "change" | "reset", id: string, data: object): void;
  /** Shows that it is alive, to whatever is in between. */
  beat(): void;
  /** Idempotent. */
  end(): void;
}

/** What is not read is kept, up to so many bytes; then the listener is let go, and may come back. */
const MOST_UNREAD_BYTES = 65_536;
/** After so many milliseconds it shall come back when it has lost its connection. */
const RETRY_MS = 2_000;

/** @param options - `onEnd` is called once, whoever has ended it */
export function openStream(options: {
  readonly instanceIds: readonly string[];
  readonly until: number;
  readonly onEnd: () => void;
}): ChangeStream {
  const { instanceIds, until, onEnd } = options;
  const encoder = new TextEncoder();
  let controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>> | null = null;
  const finish = (): void => {
    if (controller === null) return;
    controller = null;
    onEnd();
  };
  const end = (): void => {
    const ending = controller;
    finish();
    ending?.close();
  };
  const write = (text: string): void => {
    if (controller === null) return;
    controller.enqueue(encoder.encode(text));
    if ((controller.desiredSize ?? 0) <= 0) end();
  };
  const readable = new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      start: (opened) => {
        controller = opened;
      },
      cancel: finish,
    },
    { highWaterMark: MOST_UNREAD_BYTES, size: ({ byteLength }) => byteLength },
  );
  write(`retry: ${RETRY_MS}\n\n`);
  return {
    ...{ readable, instanceIds, until, end },
    send: (event, id, data) => write(`id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`),
    beat: () => write(": alive\n\n"),
  };
}
