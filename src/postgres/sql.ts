/** A statement for the driver. `Row` exists for the type checker only. */
export interface Query<Row> {
  readonly text: string;
  readonly values: readonly unknown[];
  readonly "~row"?: Row;
}

/** A quoted SQL name. Besides other statements' parts, the only thing that may enter a statement's text. */
export class Identifier {
  readonly sql: string;

  constructor(...parts: readonly string[]) {
    this.sql = parts.map((part) => `"${part.replaceAll('"', '""')}"`).join(".");
  }
}

class Statement<Row> implements Query<Row> {
  readonly strings: readonly string[];
  readonly parts: readonly unknown[];
  #rendered: { readonly text: string; readonly values: readonly unknown[] } | null = null;

  constructor(strings: readonly string[], parts: readonly unknown[]) {
    this.strings = strings;
    this.parts = parts;
  }

  get text(): string {
    return this.#render().text;
  }

  get values(): readonly unknown[] {
    return this.#render().values;
  }

  /** Only when it is asked for: what is part of another statement is rendered with that one, and only then. */
  #render(): { readonly text: string; readonly values: readonly unknown[] } {
    if (this.#rendered === null) {
      const values: unknown[] = [];
      this.#rendered = { text: render(this.strings, this.parts, values), values };
    }
    return this.#rendered;
  }
}

/**
 * Builds a statement. An interpolated `Identifier` or another `sql` statement becomes text; every other
 * value becomes a `$n` parameter. So there is no way to splice a string in.
 */
export function sql<Row>(strings: TemplateStringsArray, ...parts: readonly unknown[]): Query<Row> {
  return new Statement<Row>(strings, parts);
}

function render(strings: readonly string[], parts: readonly unknown[], values: unknown[]): string {
  let text = strings[0] ?? "";
  for (const [index, part] of parts.entries()) {
    if (part instanceof Identifier) text += part.sql;
    else if (part instanceof Statement) text += render(part.strings, part.parts, values);
    // push() returns the new length, which is exactly the 1-based number of this parameter.
    else text += `$${values.push(part)}`;
    text += strings[index + 1] ?? "";
  }
  return text;
}
