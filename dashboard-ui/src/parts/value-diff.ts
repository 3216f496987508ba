/** A place at which two values differ. `undefined` where one of them has nothing there. */
export interface Difference {
  /** `$.items[3].price` */
  readonly path: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** Most differences that are told. */
export const MOST_DIFFERENCES = 300;

/** Where two JSON values differ, in the order in which they stand; at most `MOST_DIFFERENCES`. */
export function differences(before: unknown, after: unknown): readonly Difference[] {
  const found: Difference[] = [];
  compare("$", before, after, found);
  return found;
}

function compare(path: string, before: unknown, after: unknown, found: Difference[]): void {
  if (found.length >= MOST_DIFFERENCES || Object.is(before, after)) return;
  if (Array.isArray(before) && Array.isArray(after)) {
    for (let index = 0; index < Math.max(before.length, after.length); index++)
      compare(`${path}[${index}]`, before[index], after[index], found);
    return;
  }
  if (isFields(before) && isFields(after) && !isTag(before) && !isTag(after)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)]))
      compare(`${path}${step(key)}`, own(before, key), own(after, key), found);
    return;
  }
  if (JSON.stringify(before) !== JSON.stringify(after)) found.push({ path, before, after });
}

type Fields = Readonly<Record<string, unknown>>;

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What a tag stands for differs as a whole. */
function isTag(value: Fields): boolean {
  return Object.hasOwn(value, "$waymark");
}

function own(value: Fields, key: string): unknown {
  return Object.hasOwn(value, key) ? value[key] : undefined;
}

function step(key: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}
