import { type ActiveOrder, type Board, describeActive } from "./board.ts";
import { fitted, seconds, type Tone } from "./wording.ts";

/** An order's line. */
export interface Row {
  readonly instanceId: string;
  readonly customer: string;
  readonly ms: number;
  readonly text: string;
}

/** Shows progress while orders are under way. */
export interface View {
  /** An order has ended; its line stays. */
  ended(row: Row, tone: Tone): void;
  /** Something for the log. A terminal shows it in place anyway. */
  note(text: string): void;
  /** Something that everybody is to see. */
  say(text: string): void;
  /** Ends the view; what it has shown stays. */
  close(): void;
}

/** The part of `process.stdout` that is needed here. */
export interface Output {
  readonly isTTY?: boolean;
  /** Columns and rows. Only terminals have it. */
  getWindowSize?(): [number, number];
  write(text: string): unknown;
}

/** Redrawn in place on a terminal that can; plain lines for pipes, logs, and whoever asks for them. */
export function openView(board: Board, output: Output, environment: NodeJS.ProcessEnv): View {
  const unwanted = Boolean(environment["CI"]) || Boolean(environment["NO_COLOR"]) || environment["TERM"] === "dumb";
  return output.isTTY === true && !unwanted ? new LiveView(board, output) : new PlainView(output);
}

class PlainView implements View {
  readonly #output: Output;

  constructor(output: Output) {
    this.#output = output;
  }

  ended(row: Row): void {
    this.say(layOut(row, Number.POSITIVE_INFINITY));
  }

  note(text: string): void {
    this.say(text);
  }

  say(text: string): void {
    this.#output.write(`${text}\n`);
  }

  close(): void {}
}

const FRAME_MS = 100;
const DIM = "2";
const MARKS: Readonly<Record<Tone, string>> = {
  good: styled("✓", "32"),
  notable: styled("✓", "33"),
  bad: styled("✗", "31"),
};
const WIDTH_OF_MARK = 2;

/**
 * Lines of ended orders scroll away above; below them a line for each order that is under way, and a summary,
 * are redrawn in place.
 *
 * Changes no mode of the terminal, not even the cursor's visibility: this program is made to be killed, and
 * a killed program can't put anything back. The cursor always rests below what was drawn.
 */
class LiveView implements View {
  readonly #board: Board;
  readonly #output: Output;
  readonly #timer: NodeJS.Timeout;
  /** Widths of the lines on the screen that are to be drawn over. */
  #drawn: readonly number[] = [];

  constructor(board: Board, output: Output) {
    this.#board = board;
    this.#output = output;
    this.#timer = setInterval(() => this.#draw([]), FRAME_MS);
    this.#timer.unref();
    this.#draw([]);
  }

  ended(row: Row, tone: Tone): void {
    this.#draw([`${MARKS[tone]} ${layOut(row, this.#window().width - WIDTH_OF_MARK)}`]);
  }

  note(): void {}

  say(text: string): void {
    this.#draw([text]);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#draw([]);
  }

  /** Asked for each time: what the stream remembers is behind while the window is being dragged. */
  #window(): { readonly columns: number; readonly width: number; readonly height: number } {
    const [givenColumns, givenRows] = this.#output.getWindowSize?.() ?? [0, 0];
    // Some terminals don't know how large they are, and say 0.
    const columns = givenColumns || 80;
    // A line that fills the last column wraps on some terminals.
    return { columns, width: columns - 1, height: givenRows || 24 };
  }

  #draw(staying: readonly string[]): void {
    const below = this.#below(Date.now());
    const lines = [...staying, ...below.map(({ text, style }) => (style === null ? text : styled(text, style)))];
    // In one write, so that nothing half drawn is seen.
    this.#output.write(`${this.#toTop()}${lines.map((line) => `${line}\u001b[K\n`).join("")}\u001b[J`);
    this.#drawn = below.map(({ text }) => text.length);
  }

  /** Moves to the first line that was drawn. A window that was made narrower has wrapped the lines meanwhile. */
  #toTop(): string {
    const { columns } = this.#window();
    const rows = this.#drawn.reduce((sum, width) => sum + Math.max(1, Math.ceil(width / columns)), 0);
    return rows === 0 ? "" : `\u001b[${rows}A\r`;
  }

  #below(now: number): readonly { text: string; style: string | null }[] {
    const { width, height } = this.#window();
    // More than the window holds could not be drawn over.
    const room = Math.max(1, height - 4);
    const active = this.#board.active;
    const rows = active.slice(0, active.length > room ? room - 1 : room).map((order) => activeLine(order, now, width));
    const hidden = active.length - rows.length;
    if (hidden > 0) rows.push({ text: fitted(`  and ${hidden} more under way`, width), style: DIM });
    const barWidth = width >= 72 ? 12 : 0;
    const summary = fitted(`  ${this.#board.summary(now, barWidth)}`, width);
    return [...rows, { text: summary, style: "1" }];
  }
}

function activeLine(order: ActiveOrder, now: number, width: number): { text: string; style: string | null } {
  const { instanceId, customer, since } = order;
  const row = { instanceId, customer, ms: now - since, text: describeActive(order, now) };
  return { text: `  ${layOut(row, width - WIDTH_OF_MARK)}`, style: order.steps.size === 0 ? DIM : null };
}

const NARROW = 64;
const WIDEST_CUSTOMER = 17;

function layOut({ instanceId, customer, ms, text }: Row, width: number): string {
  const who = width < NARROW ? "" : `  ${fitted(customer, WIDEST_CUSTOMER).padEnd(WIDEST_CUSTOMER)}`;
  return fitted(`${instanceId.padEnd(10)} ${seconds(ms).padStart(7)}${who}  ${text}`, width);
}

function styled(text: string, style: string): string {
  return `\u001b[${style}m${text}\u001b[0m`;
}
