/** What the engine shows of itself, by Prometheus's rules: base units, totals, no ages. */
import type { AppSnapshot, PartitionSnapshot, TaskSnapshot } from '../runtime/snapshot.ts'
import type { Family, Sample } from './family.ts'

const states = ['created', 'starting', 'running', 'rebalancing', 'closing', 'closed', 'failed']
const taskStates = ['created', 'restoring', 'running', 'closed']
const partitionLabels = ['task', 'topic', 'partition']

export const engineFamilies: readonly Family[] = [
  counter('millrace_records_in_total', 'Records taken from topics', (s) => s.recordsIn),
  counter('millrace_records_out_total', 'Records put into topics', (s) => s.recordsOut),
  {
    kind: 'counter',
    name: 'millrace_dropped_records_total',
    help: 'Records that did not contribute, by reason',
    labels: ['reason'],
    samples: ({ dropped }) => {
      const counts = Object.entries({ late: 0, ...dropped })
      return counts.map(([reason, value]) => ({ labels: { reason }, value }))
    },
  },
  counter('millrace_commits_total', 'Commits', (s) => s.commits.count),
  counter(
    'millrace_commits_aborted_total',
    'Commits that did not happen',
    (s) => s.commits.aborted
  ),
  counter('millrace_commit_seconds_total', 'Time spent on commits', (s) => s.commits.seconds),
  counter('millrace_restores_total', 'Restores of tasks', (s) => s.restores.count),
  counter('millrace_restore_seconds_total', 'Time spent on restores', (s) => s.restores.seconds),
  counter(
    'millrace_restored_records_total',
    'Changelog records that restores have read',
    (s) => s.restores.records
  ),
  counter('millrace_rebalances_total', 'Times that tasks were handed out', (s) => s.rebalances),
  gauge('millrace_log_up', 'Whether the log answers', [], ({ log }) => [sample(log.ok ? 1 : 0)]),
  gauge('millrace_state', 'The state of the application', ['state'], ({ state }) => {
    return states.map((name) => sample(state === name ? 1 : 0, { state: name }))
  }),
  gauge('millrace_tasks', 'Tasks of this instance by state', ['state'], ({ tasks }) => {
    const count = (name: string): number => tasks.filter(({ state }) => state === name).length
    return taskStates.map((name) => sample(count(name), { state: name }))
  }),
  gauge('millrace_state_bytes', 'State of a task in memory and on disk', ['task'], ({ tasks }) => {
    return tasks.map(({ id, stateBytes }) => sample(stateBytes, { task: id }))
  }),
  perPartition('millrace_lag_records', 'Records that are still to be read', ({ lag }) => lag),
  perPartition('millrace_position_records', 'Position in a partition', ({ position }) => position),
  perPartition(
    'millrace_watermark_timestamp_seconds',
    'Event time that a partition has reached; the least holds the windows of its task open',
    ({ watermark }) => (watermark === null ? null : watermark / 1_000)
  ),
  gauge(
    'millrace_restore_remaining_records',
    'Records of a changelog that a task has still to read before it runs',
    ['task', 'store'],
    ({ tasks }) => tasks.flatMap(remaining)
  ),
]

function counter(name: string, help: string, value: (snapshot: AppSnapshot) => number): Family {
  return { kind: 'counter', name, help, labels: [], samples: (s) => [sample(value(s))] }
}

function gauge(
  name: string,
  help: string,
  labels: readonly string[],
  samples: Family['samples']
): Family {
  return { kind: 'gauge', name, help, labels, samples }
}

function perPartition(
  name: string,
  help: string,
  value: (partition: PartitionSnapshot) => number | null
): Family {
  return gauge(name, help, partitionLabels, ({ tasks }) =>
    tasks.flatMap(({ id: task, partitions }) =>
      partitions.flatMap((partition) => {
        const number = value(partition)
        const { topic } = partition
        const labels = { task, topic, partition: String(partition.partition) }
        return number === null ? [] : [sample(number, labels)]
      })
    )
  )
}

function remaining({ id, restore }: TaskSnapshot): readonly Sample[] {
  return restore.map(({ store, position, end }) => {
    return sample(Math.max(0, end - position), { task: id, store })
  })
}

function sample(value: number, labels: Readonly<Record<string, string>> = {}): Sample {
  return { labels, value }
}
