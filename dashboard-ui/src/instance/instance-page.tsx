import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import type { InstanceDetail, InstanceGraph } from "../../../src/dashboard/api-types.ts";
import { pathOf } from "../api/client.ts";
import type { Interest } from "../api/live.ts";
import { useResource } from "../api/resource.ts";
import { InstanceList } from "../instances/instance-list.tsx";
import { Empty } from "../parts/empty.tsx";
import { ProblemBox } from "../parts/problem-box.tsx";
import { Tabs } from "../parts/tabs.tsx";
import { changeQuery, goTo, usePlace } from "../route/place.ts";
import { useKeys } from "../shell/keys.ts";
import { ActionBar } from "./action-bar.tsx";
import { EventsTab } from "./events-tab.tsx";
import { GraphTab } from "./graph-tab.tsx";
import { HistoryTab } from "./history-tab.tsx";
import { InstanceHeader } from "./instance-header.tsx";
import { PositionsTab } from "./positions-tab.tsx";
import { StateTab } from "./state-tab.tsx";
import { TimelineTab } from "./timeline-tab.tsx";
import { ValuesTab } from "./values-tab.tsx";

const TABS = [
  ["graph", "Graph"],
  ["timeline", "Timeline"],
  ["history", "History"],
  ["values", "Input and output"],
  ["state", "State"],
  ["events", "Events"],
  ["children", "Children"],
  ["positions", "Positions"],
] as const;

type Tab = (typeof TABS)[number][0];

/** All about one instance. */
export function InstancePage({ instanceId }: { instanceId: string }): JSX.Element {
  const { query } = usePlace();
  const tab = TABS.find(([name]) => name === query.get("tab"))?.[0] ?? "graph";
  const interest = useMemo<Interest>(() => ({ instanceId }), [instanceId]);
  const {
    value: detail,
    problem,
    refresh,
  } = useResource<InstanceDetail>(pathOf("instances", instanceId), {}, interest);
  const graph = useResource<InstanceGraph>(pathOf("instances", instanceId, "graph"), {}, interest);
  const step = (by: number): void => {
    const index = TABS.findIndex(([name]) => name === tab);
    showTab(TABS[(index + by + TABS.length) % TABS.length]?.[0] ?? "graph");
  };
  useKeys({ "[": () => step(-1), "]": () => step(1), u: () => goTo("#/instances"), r: refresh });
  if (detail === null) {
    if (problem === null) return <p class="muted">Reading …</p>;
    return problem.code === "INSTANCE_NOT_FOUND" ? (
      <Unknown instanceId={instanceId} />
    ) : (
      <ProblemBox problem={problem} retry={refresh} />
    );
  }
  return (
    <>
      {problem !== null && <ProblemBox problem={problem} retry={refresh} />}
      <InstanceHeader detail={detail} />
      <ActionBar detail={detail} />
      <Tabs tabs={TABS} current={tab} onChoose={showTab} label="Parts of the instance" />
      <div role="tabpanel" aria-label={TABS.find(([name]) => name === tab)?.[1]} id="tabpanel">
        <TabContent tab={tab} detail={detail} graph={graph.value} interest={interest} />
      </div>
    </>
  );
}

interface TabContentProps {
  readonly tab: Tab;
  readonly detail: InstanceDetail;
  readonly graph: InstanceGraph | null;
  readonly interest: Interest;
}

function TabContent({ tab, detail, graph, interest }: TabContentProps): JSX.Element {
  const { instanceId } = detail;
  switch (tab) {
    case "graph":
      return <GraphTab detail={detail} graph={graph} interest={interest} />;
    case "timeline":
      return <TimelineTab detail={detail} interest={interest} />;
    case "history":
      return <HistoryTab detail={detail} interest={interest} />;
    case "values":
      return <ValuesTab detail={detail} />;
    case "state":
      return <StateTab detail={detail} interest={interest} />;
    case "events":
      return <EventsTab detail={detail} interest={interest} />;
    case "children":
      return (
        <InstanceList
          path={pathOf("instances", instanceId, "children")}
          parameters={{}}
          search={null}
          empty={
            <Empty title="It has no children">
              <p>A flow starts children with spawn(). They are instances of their own.</p>
            </Empty>
          }
        />
      );
    case "positions":
      return <PositionsTab detail={detail} />;
  }
}

function Unknown({ instanceId }: { instanceId: string }): JSX.Element {
  return (
    <Empty title="There is no such instance">
      <p>
        Nobody has started <code>{instanceId}</code>, or it was deleted. Events that are sent to it are kept until
        somebody starts it.
      </p>
      <a class="button" href="#/instances">
        All instances
      </a>
    </Empty>
  );
}

function showTab(tab: Tab): void {
  changeQuery({ tab: tab === "graph" ? undefined : tab }, { replace: true });
}
