import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { FailuresPage } from "../failures/failures-page.tsx";
import { FlowPage } from "../flows/flow-page.tsx";
import { FlowsPage } from "../flows/flows-page.tsx";
import { InstancePage } from "../instance/instance-page.tsx";
import { InstancesPage } from "../instances/instances-page.tsx";
import { LimitsPage } from "../limits/limits-page.tsx";
import { Empty } from "../parts/empty.tsx";
import type { Place } from "../route/place.ts";
import { SchedulesPage } from "../schedules/schedules-page.tsx";
import { WorkersPage } from "../workers/workers-page.tsx";

/** The page that an address names. */
export function PageFor({ place: { path } }: { place: Place }): JSX.Element {
  const [section = "instances", id] = path;
  useEffect(() => {
    document.title = `${id ?? section} · Waymark`;
  }, [section, id]);
  switch (section) {
    case "instances":
      return id === undefined ? <InstancesPage /> : <InstancePage key={id} instanceId={id} />;
    case "failures":
      return <FailuresPage />;
    case "flows":
      return id === undefined ? <FlowsPage /> : <FlowPage key={id} flow={id} />;
    case "schedules":
      return <SchedulesPage />;
    case "workers":
      return <WorkersPage />;
    case "limits":
      return <LimitsPage />;
    default:
      return (
        <Empty title="There is no such page">
          <p>
            The address may be from another version. Go to the <a href="#/instances">instances</a>.
          </p>
        </Empty>
      );
  }
}
