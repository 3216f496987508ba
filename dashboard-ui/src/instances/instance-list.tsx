import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { InstanceSummary } from "../../../src/dashboard/api-types.ts";
import type { Parameters } from "../api/client.ts";
import { usePages } from "../api/pages.ts";
import { useMay } from "../api/session.ts";
import { Empty } from "../parts/empty.tsx";
import { ProblemBox } from "../parts/problem-box.tsx";
import { VirtualRows } from "../parts/virtual-rows.tsx";
import { goTo, hrefOf } from "../route/place.ts";
import { useKeys } from "../shell/keys.ts";
import { BulkBar } from "./bulk-bar.tsx";
import { InstanceRow, InstanceRowHead } from "./instance-row.tsx";
import type { Search } from "./search.ts";

const ROW_HEIGHT = 36;
/** Read at once. */
const PAGE = 100;
/** A bulk action takes no more ids. */
const MOST_SELECTED = 1_000;

interface InstanceListProps {
  readonly path: string;
  readonly parameters: Parameters;
  /** What the list shows; `null` where no action for all that fit is offered. */
  readonly search: Search | null;
  /** Said where there is none. */
  readonly empty: JSX.Element;
}

/** Instances, as many as there are: read and drawn as they come into view. */
export function InstanceList({ path, parameters, search, empty }: InstanceListProps): JSX.Element {
  const list = usePages<InstanceSummary>(path, { ...parameters, limit: PAGE }, { topics: ["instances"] });
  const { items, problem, refresh } = list;
  const mayBulk = useMay("bulk");
  const [current, setCurrent] = useState(-1);
  const selection = useSelection();
  useKeys({
    j: () => setCurrent(Math.min(current + 1, items.length - 1)),
    k: () => setCurrent(Math.max(current - 1, 0)),
    Enter: () => open(items[current]),
    x: () => {
      const instance = items[current];
      if (mayBulk && instance !== undefined) selection.toggle(instance.instanceId);
    },
    r: refresh,
    Escape: selection.clear,
  });
  if (list.isFresh)
    return problem === null ? <p class="muted">Reading …</p> : <ProblemBox problem={problem} retry={refresh} />;
  const renderRow = (index: number): JSX.Element | null => {
    const instance = items[index];
    if (instance === undefined) return null;
    const { instanceId } = instance;
    return (
      <InstanceRow
        key={instanceId}
        instance={instance}
        isCurrent={index === current}
        isSelected={selection.ids.has(instanceId)}
        onSelect={mayBulk ? () => selection.toggle(instanceId) : null}
        onPoint={() => setCurrent(index)}
      />
    );
  };
  return (
    <div class="stack">
      {problem !== null && <ProblemBox problem={problem} retry={refresh} />}
      <div class="card is-flush">
        {mayBulk && <BulkBar selected={selection.ids} clear={selection.clear} search={search} />}
        {items.length === 0 ? (
          empty
        ) : (
          <div class="grid-table" role="table" aria-label="Instances">
            <InstanceRowHead />
            <VirtualRows
              label="Instances"
              count={items.length}
              rowHeight={ROW_HEIGHT}
              selected={current}
              onRange={list.look}
              renderRow={renderRow}
            />
          </div>
        )}
      </div>
    </div>
  );
}

interface Selection {
  readonly ids: ReadonlySet<string>;
  readonly toggle: (id: string) => void;
  readonly clear: () => void;
}

/** Which instances an action is to concern. */
function useSelection(): Selection {
  const [ids, setIds] = useState<ReadonlySet<string>>(new Set());
  const toggle = (id: string): void => {
    const next = new Set(ids);
    if (!next.delete(id) && next.size < MOST_SELECTED) next.add(id);
    setIds(next);
  };
  return { ids, toggle, clear: () => setIds(new Set()) };
}

/** Said where a filter fits nothing. */
export function NothingFits(): JSX.Element {
  return (
    <Empty title="No instance fits">
      <p>Take a condition away, or look whether the id is typed as it begins: ids are searched from their beginning.</p>
    </Empty>
  );
}

function open(instance: InstanceSummary | undefined): void {
  if (instance !== undefined) goTo(hrefOf(["instances", instance.instanceId]));
}
