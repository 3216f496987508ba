import type { ComponentChildren, JSX, RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

/** Rows beyond the visible ones that are drawn, too, so that scrolling shows no gaps. */
const OVERSCAN = 8;

interface VirtualRowsProps {
  readonly count: number;
  /** In pixels: each row is as high as the others. */
  readonly rowHeight: number;
  readonly renderRow: (index: number) => ComponentChildren;
  /** Is told which rows are visible, when that changes. */
  readonly onRange?: (first: number, last: number) => void;
  /** Scrolled into view when it changes. */
  readonly selected?: number;
  readonly label: string;
}

/** A list of any length of which only what is visible is drawn. Scrolls on its own. */
export function VirtualRows({
  count,
  rowHeight,
  renderRow,
  onRange,
  selected = -1,
  label,
}: VirtualRowsProps): JSX.Element {
  const ref = useRef<HTMLDivElement>(null);
  const [range, setRange] = useState({ first: 0, last: 40 });
  useScrolled(ref, rowHeight, setRange);
  const last = Math.min(range.last, count - 1);
  useEffect(() => onRange?.(range.first, last), [range.first, last]);
  useLayoutEffect(() => {
    if (selected >= 0 && ref.current !== null) intoView(ref.current, selected, rowHeight);
  }, [selected]);
  const from = Math.max(0, range.first - OVERSCAN);
  const to = Math.min(count, last + 1 + OVERSCAN);
  return (
    <div ref={ref} class="rows" role="rowgroup" aria-label={label}>
      <div class="rows-all" style={{ height: `${count * rowHeight}px` }}>
        <div class="rows-shown" style={{ transform: `translateY(${from * rowHeight}px)` }}>
          {Array.from({ length: Math.max(0, to - from) }, (_, offset) => renderRow(from + offset))}
        </div>
      </div>
    </div>
  );
}

interface Range {
  readonly first: number;
  readonly last: number;
}

function useScrolled(
  ref: RefObject<HTMLDivElement | null>,
  rowHeight: number,
  setRange: (change: (range: Range) => Range) => void,
): void {
  useLayoutEffect(() => {
    const box = ref.current;
    if (box === null) return;
    const look = (): void => {
      const first = Math.floor(box.scrollTop / rowHeight);
      const last = Math.ceil((box.scrollTop + box.clientHeight) / rowHeight);
      setRange((range) => (range.first === first && range.last === last ? range : { first, last }));
    };
    const observer = new ResizeObserver(look);
    observer.observe(box);
    box.addEventListener("scroll", look, { passive: true });
    look();
    return () => {
      observer.disconnect();
      box.removeEventListener("scroll", look);
    };
  }, [rowHeight]);
}

function intoView(box: HTMLElement, index: number, rowHeight: number): void {
  const top = index * rowHeight;
  if (top < box.scrollTop) box.scrollTop = top;
  else if (top + rowHeight > box.scrollTop + box.clientHeight) box.scrollTop = top + rowHeight - box.clientHeight;
}
