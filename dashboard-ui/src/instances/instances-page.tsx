import type { JSX } from "preact";
import type { Counts } from "../../../src/dashboard/api-types.ts";
import { useResource } from "../api/resource.ts";
import { Empty } from "../parts/empty.tsx";
import { Icon } from "../parts/icon.tsx";
import { ProblemBox } from "../parts/problem-box.tsx";
import { changeQuery, usePlace } from "../route/place.ts";
import { CountBar } from "./count-bar.tsx";
import { InstanceList, NothingFits } from "./instance-list.tsx";
import { parametersOf, type Search, searchIn } from "./search.ts";
import { SearchField } from "./search-field.tsx";

/** All instances: how many are in which state, and which fit a search. */
export function InstancesPage(): JSX.Element {
  const search = searchIn(usePlace().query);
  const ofFlow = search.flow === null ? {} : { flow: search.flow };
  const { value: counts, problem, refresh } = useResource<Counts>("counts", ofFlow, { topics: ["instances"] });
  // All flows, also while only one of them is shown.
  const { value: all } = useResource<Counts>(search.flow === null ? null : "counts");
  const flows = (all ?? counts)?.byFlow.map(({ flow }) => flow) ?? [];
  const isFiltered = search.text !== "" || search.statuses.length > 0 || search.flow !== null || search.parent !== null;
  return (
    <>
      <div class="spread">
        <h1>Instances</h1>
        <CountBar counts={counts} chosen={search.statuses} />
      </div>
      {problem !== null && <ProblemBox problem={problem} retry={refresh} />}
      <Filters search={search} flows={flows} isFiltered={isFiltered} />
      <InstanceList
        path="instances"
        parameters={parametersOf(search)}
        search={search}
        empty={isFiltered ? <NothingFits /> : <NoInstances />}
      />
    </>
  );
}

interface FiltersProps {
  readonly search: Search;
  readonly flows: readonly string[];
  readonly isFiltered: boolean;
}

function Filters({ search, flows, isFiltered }: FiltersProps): JSX.Element {
  const known = search.flow === null || flows.includes(search.flow) ? flows : [...flows, search.flow];
  return (
    <div class="filters" role="search">
      <SearchField text={search.text} />
      <select
        class="input"
        aria-label="Flow"
        value={search.flow ?? ""}
        onChange={(event) => changeQuery({ flow: event.currentTarget.value })}
      >
        <option value="">All flows</option>
        {known.map((flow) => (
          <option key={flow} value={flow}>
            {flow}
          </option>
        ))}
      </select>
      <select
        class="input"
        aria-label="Order"
        value={search.order}
        onChange={(event) => changeQuery({ order: event.currentTarget.value === "id" ? "id" : undefined })}
      >
        <option value="newest">Newest first</option>
        <option value="id">By id</option>
      </select>
      {search.parent !== null && (
        <span class="badge is-violet">
          <Icon name="child" size={13} />
          Children of {search.parent}
        </span>
      )}
      {isFiltered && (
        <a class="button is-quiet" href="#/instances">
          Clear
        </a>
      )}
    </div>
  );
}

function NoInstances(): JSX.Element {
  return (
    <Empty title="There are no instances yet">
      <p>
        Start one: <code>await client.submit(flow, "order-1", input)</code>. It shows up here at once, and runs as soon
        as a worker that has its flow does.
      </p>
    </Empty>
  );
}
