/** What several threads say of themselves, as one application. */
import type { AppSnapshot, CounterSample, GaugeSample, TaskSnapshot } from '../runtime/snapshot.ts'

/** A thread's latest word. */
export interface ThreadSnapshot {
  readonly thread: number
  readonly snapshot: AppSnapshot
}

export type MergedSnapshot = Omit<AppSnapshot, 'applicationId' | 'instance' | 'state' | 'reasons'>

/**
 * Counts are summed. A task that is on its way from one thread to another may be told of by both:
 * the later word counts, and the gauges with it.
 * @param latest in the order in which they were heard, the oldest first
 */
export function mergeSnapshots(latest: readonly ThreadSnapshot[]): MergedSnapshot {
  const all = latest.map(({ snapshot }) => snapshot)
  const sum = (of: (snapshot: AppSnapshot) => number): number =>
    all.reduce((total, snapshot) => total + of(snapshot), 0)
  return {
    log: all.find(({ log }) => !log.ok)?.log ?? { ok: true },
    tasks: mergeTasks(latest),
    recordsIn: sum((s) => s.recordsIn),
    recordsOut: sum((s) => s.recordsOut),
    dropped: mergeDropped(all),
    commits: {
      count: sum((s) => s.commits.count),
      seconds: sum((s) => s.commits.seconds),
      aborted: sum((s) => s.commits.aborted),
    },
    restores: {
      count: sum((s) => s.restores.count),
      seconds: sum((s) => s.restores.seconds),
      records: sum((s) => s.restores.records),
    },
    // All of them take part in each generation.
    rebalances: Math.max(0, ...all.map(({ rebalances }) => rebalances)),
    gauges: bySeries(
      all.flatMap(({ gauges }) => gauges),
      (_, later) => later
    ),
    counters: bySeries<CounterSample>(
      all.flatMap(({ counters }) => counters),
      (before, later) => ({ ...later, value: before.value + later.value })
    ),
  }
}

function mergeTasks(latest: readonly ThreadSnapshot[]): readonly TaskSnapshot[] {
  const tasks = new Map<string, TaskSnapshot>()
  for (const { thread, snapshot } of latest) {
    for (const task of snapshot.tasks) tasks.set(task.id, { ...task, thread })
  }
  return [...tasks.values()].sort((a, b) => compareIds(a.id, b.id))
}

/** By sub-topology, then by partition. */
function compareIds(a: string, b: string): number {
  const [left = [], right = []] = [a, b].map((id) => id.split('_').map(Number))
  return (left[0] ?? 0) - (right[0] ?? 0) || (left[1] ?? 0) - (right[1] ?? 0)
}

function mergeDropped(all: readonly AppSnapshot[]): Readonly<Record<string, number>> {
  const counts = new Map<string, number>()
  for (const { dropped } of all) {
    for (const [reason, count] of Object.entries(dropped)) {
      counts.set(reason, (counts.get(reason) ?? 0) + count)
    }
  }
  return Object.fromEntries(counts)
}

/** One sample for each series; `merge` is given what is there, and what is told of it later. */
function bySeries<S extends GaugeSample>(
  samples: readonly S[],
  merge: (before: S, later: S) => S
): readonly S[] {
  const series = new Map<string, S>()
  for (const sample of samples) {
    const name = JSON.stringify([sample.name, Object.entries(sample.labels).sort()])
    const before = series.get(name)
    series.set(name, before === undefined ? sample : merge(before, sample))
  }
  return [...series.values()]
}
