import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import { copyText } from "./copy-text.ts";
import { download } from "./download.ts";
import { Icon } from "./icon.tsx";
import { bytesText, countText } from "./time-text.ts";
import { type Part, type Shape, shapeOf } from "./value-shape.ts";

/** Parts of an object or list that are shown at once. */
const CHUNK = 50;
/** Characters of a text that are shown at once. */
const LONGEST_TEXT = 400;
/** Bytes that are shown of a buffer. */
const SHOWN_BYTES = 32;
/** Values with fewer parts than this are open from the beginning, down to a depth. */
const OPEN_COUNT = 12;
const OPEN_DEPTH = 2;

/** A value that can be unfolded, copied and downloaded. `name` is what the file is called. */
export function ValueView({ value, name }: { value: unknown; name: string }): JSX.Element {
  const json = useMemo(() => JSON.stringify(value, null, 2) ?? "null", [value]);
  return (
    <div class="value">
      <div class="value-tools">
        <button
          type="button"
          class="button is-quiet is-small"
          title="Copy as JSON"
          aria-label={`Copy ${name}`}
          onClick={() => void copyText(json)}
        >
          <Icon name="copy" size={14} />
        </button>
        <button
          type="button"
          class="button is-quiet is-small"
          title={`Download (${bytesText(json.length)})`}
          aria-label={`Download ${name}`}
          onClick={() => download(`${name}.json`, json, "application/json")}
        >
          <Icon name="download" size={14} />
        </button>
      </div>
      <div class="value-body mono">
        <Shown value={value} depth={0} name={name} />
      </div>
    </div>
  );
}

interface ShownProps {
  readonly value: unknown;
  readonly depth: number;
  readonly name: string;
}

function Shown({ value, depth, name }: ShownProps): JSX.Element {
  const shape = useMemo(() => shapeOf(value), [value]);
  switch (shape.kind) {
    case "atom":
      return <span class={`v-${shape.look}`}>{shape.text}</span>;
    case "text":
      return <Text text={shape.text} />;
    case "bytes":
      return <Bytes name={shape.name} bytes={shape.bytes} file={name} />;
    case "parts":
      return <Parts shape={shape} depth={depth} name={name} />;
  }
}

function Text({ text }: { text: string }): JSX.Element {
  const [isWhole, setWhole] = useState(false);
  if (text.length <= LONGEST_TEXT || isWhole) return <span class="v-text">{JSON.stringify(text)}</span>;
  return (
    <span class="v-text">
      {JSON.stringify(text.slice(0, LONGEST_TEXT)).slice(0, -1)}…{" "}
      <button type="button" class="link" onClick={() => setWhole(true)}>
        show all {countText(text.length)} characters
      </button>
    </span>
  );
}

function Bytes({ name, bytes, file }: { name: string; bytes: Uint8Array<ArrayBuffer>; file: string }): JSX.Element {
  const hex = Array.from(bytes.subarray(0, SHOWN_BYTES), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return (
    <span class="v-special">
      {name} ({bytesText(bytes.length)}) {hex}
      {bytes.length > SHOWN_BYTES && "…"}{" "}
      <button type="button" class="link" onClick={() => download(`${file}.bin`, bytes, "application/octet-stream")}>
        download
      </button>
    </span>
  );
}

type PartsShape = Extract<Shape, { kind: "parts" }>;

function Parts({ shape, depth, name }: { shape: PartsShape; depth: number; name: string }): JSX.Element {
  const [isOpen, setOpen] = useState(depth < OPEN_DEPTH && shape.count <= OPEN_COUNT && shape.summary === null);
  const [shown, setShown] = useState(CHUNK);
  const [begin, end] = shape.brackets;
  const title = shape.name === null ? "" : `${shape.name} `;
  if (shape.count === 0)
    return (
      <span class="v-special">
        {title}
        {begin}
        {end}
      </span>
    );
  return (
    <span class="v-parts">
      <button type="button" class="fold" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        <Icon name={isOpen ? "down" : "right"} size={11} />
        <span class="v-special">{title}</span>
        {begin}
        {!isOpen && (
          <span class="muted">
            {shape.summary ?? partsText(shape)}
            {end}
          </span>
        )}
      </button>
      {isOpen && (
        <>
          <div class="v-inner">
            {shape.parts(0, shown).map((part, index) => (
              <PartLine key={index} part={part} depth={depth + 1} name={name} />
            ))}
            {shape.count > shown && (
              <button type="button" class="link" onClick={() => setShown(shown + CHUNK * 4)}>
                show more of {countText(shape.count)}
              </button>
            )}
          </div>
          {end}
        </>
      )}
    </span>
  );
}

function partsText({ count, brackets: [begin] }: PartsShape): string {
  return `${countText(count)} ${begin === "[" ? "item" : "field"}${count === 1 ? "" : "s"}`;
}

function PartLine({ part: { key, value }, depth, name }: { part: Part; depth: number; name: string }): JSX.Element {
  return (
    <div class="v-part">
      {key !== null && (
        <>
          <span class="v-key">{typeof key === "string" ? key : keyText(key)}</span>
          <span class="muted">{typeof key === "string" ? ": " : " → "}</span>
        </>
      )}
      <Shown value={value} depth={depth} name={name} />
    </div>
  );
}

/** Keys of maps are values; what can be folded is told by its kind. */
function keyText(shape: Shape): string {
  if (shape.kind === "text") return JSON.stringify(shape.text);
  if (shape.kind === "atom") return shape.text;
  return shape.kind === "bytes" ? `${shape.name} (${bytesText(shape.bytes.length)})` : `${shape.name ?? "Object"} …`;
}
