import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { Flow, Graph, Page } from "../../../src/dashboard/api-types.ts";
import { pathOf } from "../api/client.ts";
import { useResource } from "../api/resource.ts";
import { useMay } from "../api/session.ts";
import { GraphView } from "../graph/graph-view.tsx";
import { Empty } from "../parts/empty.tsx";
import { Icon } from "../parts/icon.tsx";
import { ProblemBox } from "../parts/problem-box.tsx";
import { Time } from "../parts/time.tsx";
import { countText } from "../parts/time-text.ts";
import { changeQuery, goTo, hrefOf, usePlace } from "../route/place.ts";
import { useKeys } from "../shell/keys.ts";
import { CountBarOfFlow } from "./flow-counts.tsx";
import { FlowPauseButton, PausedBadge, PausedSince } from "./flow-pause.tsx";
import { RetentionCard } from "./retention-card.tsx";
import { SeriesCharts } from "./series-charts.tsx";
import { SubmitDialog } from "./submit-dialog.tsx";

/** One flow: its versions, its graph, what happened over time. */
export function FlowPage({ flow: name }: { flow: string }): JSX.Element {
  const { value: page, problem, refresh } = useResource<Page<Flow>>("flows", {}, { topics: ["instances", "workers"] });
  const [isSubmitting, setSubmitting] = useState(false);
  const maySubmit = useMay("submit");
  useKeys({ u: () => goTo("#/flows"), r: refresh });
  const wanted = usePlace().query.get("version");
  const flow = page?.items.find((one) => one.flow === name);
  const version = flow?.versions.find(({ definitionHash }) => definitionHash === wanted) ?? flow?.versions[0];
  if (page === null)
    return problem === null ? <p class="muted">Reading …</p> : <ProblemBox problem={problem} retry={refresh} />;
  if (flow === undefined)
    return (
      <Empty title="There is no such flow">
        <p>No instance of it is left, and no worker or handler was given it.</p>
        <a class="button" href="#/flows">
          All flows
        </a>
      </Empty>
    );
  const given = flow.versions.find((one) => one.given);
  return (
    <>
      <div class="spread">
        <div class="row">
          <h1>{name}</h1>
          <PausedBadge paused={flow.paused} />
          <a class="button is-small" href={hrefOf(["instances"], { flow: name })}>
            <Icon name="instances" size={13} /> Instances
          </a>
          {maySubmit && (
            <button
              type="button"
              class="button is-small"
              disabled={given === undefined}
              title={given === undefined ? "Give the flow to the handler, so that it can be started here." : undefined}
              onClick={() => setSubmitting(true)}
            >
              <Icon name="play" size={13} /> Start one …
            </button>
          )}
          <FlowPauseButton flow={flow} />
        </div>
        <CountBarOfFlow flow={flow} />
      </div>
      <PausedSince paused={flow.paused} />
      <Versions flow={flow} chosen={version?.definitionHash ?? null} />
      <SeriesCharts flow={name} />
      <RetentionCard flow={name} />
      {version !== undefined && <VersionGraph flow={name} version={version} />}
      {isSubmitting && <SubmitDialog flow={name} onClose={() => setSubmitting(false)} />}
    </>
  );
}

function Versions({ flow: { versions }, chosen }: { flow: Flow; chosen: string | null }): JSX.Element {
  return (
    <div class="card is-flush scroll-x">
      <table class="table">
        <thead>
          <tr>
            <th>Version</th>
            <th>First seen</th>
            <th class="right">Live instances</th>
            <th class="right">Workers</th>
            <th>Known here</th>
          </tr>
        </thead>
        <tbody>
          {versions.map(({ definitionHash, firstSeen, live, workers, given, hasGraph }) => (
            <tr key={definitionHash}>
              <td>
                <button
                  type="button"
                  class="link mono"
                  aria-pressed={definitionHash === chosen}
                  title={definitionHash}
                  onClick={() => changeQuery({ version: definitionHash }, { replace: true })}
                >
                  {definitionHash.slice(0, 12)}
                </button>
                {definitionHash === chosen && versions.length > 1 && <span class="muted"> shown below</span>}
              </td>
              <td>
                <Time at={firstSeen} />
              </td>
              <td class="right number">{countText(live)}</td>
              <td class="right number">
                {workers === 0 && live > 0 ? (
                  <span class="badge is-amber">
                    <Icon name="warning" size={13} /> none
                  </span>
                ) : (
                  countText(workers)
                )}
              </td>
              <td>{given ? "given to the handler" : hasGraph ? "its graph only" : "by its name only"}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function VersionGraph({ flow, version }: { flow: string; version: Flow["versions"][number] }): JSX.Element {
  const { definitionHash, hasGraph } = version;
  const path = hasGraph ? pathOf("flows", flow, "versions", definitionHash, "graph") : null;
  const { value: graph, problem, refresh } = useResource<Graph>(path);
  const [selected, setSelected] = useState<string | null>(null);
  const node = graph?.nodes.find(({ id }) => id === selected);
  return (
    <section class="stack" aria-label="Graph">
      <h2>Graph</h2>
      {problem !== null && <ProblemBox problem={problem} retry={refresh} />}
      {!hasGraph && <p class="muted">The definition of this version is not known here: no worker has published it.</p>}
      {node?.description != null && <p>{node.description}</p>}
      {graph !== null && (
        <div class="card">
          <GraphView graph={graph} states={[]} selected={selected} onSelect={setSelected} />
        </div>
      )}
    </section>
  );
}
