/**
 * What a case has to put out, counted again from its input by the rules of `docs/semantics.md`,
 * without the engine.
 *
 * A row is a key and a text. `each`: every row counts, however many are equal. `once`: a key has
 * one row. `last`: the last row of a key counts.
 */
import { durationMs } from '../src/durations.ts'
import { shardOf } from './cases.ts'
import { centsOf, grace, isOrder, type ShopEvent } from './events.ts'
import type { BenchOptions } from './options.ts'
import { ShopCaseRecount, ShopRecount } from './recount-shop.ts'
import { type PaneKind, type PaneWindows, PartitionTimes, WindowPanes } from './window-panes.ts'

/** Who put it out: the application here, or the program in `bench/java`. */
export type Peer = 'millrace' | 'kafka-streams'

export type Fold = 'each' | 'once' | 'last'

export interface Recount {
  readonly fold: Fold
  /** Whether the value has to be parsed. */
  readonly needsEvents: boolean
  /** In the order of each partition. Without `needsEvents` the event has no meaning. */
  add(partition: number, timestamp: number, key: string, event: ShopEvent): void
  /** Of each key its row; for `each` how many of them there are. */
  expected(): ReadonlyMap<string, string>
}

export type Counted = Pick<BenchOptions, 'name' | 'partitions' | 'window' | 'advance' | 'refresh'>

const graceMs = durationMs(grace)

/**
 * Undefined: no recount can tell. A repartition topic behind several partitions has an order that
 * is another one in each run, and so has what is late there.
 */
export function recountOf(options: Counted, peer: Peer = 'millrace'): Recount | undefined {
  const { name, partitions } = options
  if (name.startsWith('shop')) return shopRecount(options, peer)
  if (name === 'pass') return new Passing()
  if (name === 'count' || name === 'restore') return new Counting()
  if (name.startsWith('wcount')) return new WindowCounting(name === 'wcount')
  if (name === 'hop-shard-final') return partitions === 1 ? new Totals(options) : undefined
  if (name.startsWith('hop')) return new Totals(options)
  return undefined
}

/** The program in `bench/java` computes `shop` only, and names its rows as `shop-app` does. */
function shopRecount({ name, partitions, refresh }: Counted, peer: Peer): Recount {
  if (peer === 'kafka-streams') return new ShopRecount(partitions, durationMs('1h'), false)
  if (name === 'shop') return new ShopCaseRecount(partitions)
  return new ShopRecount(partitions, durationMs(refresh), true)
}

class Passing implements Recount {
  readonly fold = 'each'
  readonly needsEvents = true
  readonly #rows = new Map<string, number>()

  add(_partition: number, timestamp: number, key: string, event: ShopEvent): void {
    if (!isOrder(event)) return
    const row = `${key}@${timestamp}`
    this.#rows.set(row, (this.#rows.get(row) ?? 0) + 1)
  }

  expected(): ReadonlyMap<string, string> {
    return texts(this.#rows)
  }
}

class Counting implements Recount {
  readonly fold = 'last'
  readonly needsEvents = false
  readonly #counts = new Map<string, number>()

  add(_partition: number, _timestamp: number, key: string): void {
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
  }

  expected(): ReadonlyMap<string, string> {
    return texts(this.#counts)
  }
}

/** Windows of a key go by the time of its partition. */
class WindowCounting implements Recount {
  readonly fold: Fold
  readonly needsEvents = false
  readonly #sizeMs = 5 * 60_000
  readonly #times = new Map<number, number>()
  readonly #windows = new Map<string, { partition: number; endMs: number; count: number }>()

  constructor(updates: boolean) {
    this.fold = updates ? 'last' : 'once'
  }

  add(partition: number, timestamp: number, key: string): void {
    const time = Math.max(timestamp, this.#times.get(partition) ?? timestamp)
    this.#times.set(partition, time)
    const start = timestamp - (timestamp % this.#sizeMs)
    const endMs = start + this.#sizeMs
    if (endMs + graceMs <= time) return
    const row = `${key}@${start}`
    const window = this.#windows.get(row)
    if (window === undefined) this.#windows.set(row, { partition, endMs, count: 1 })
    else window.count++
  }

  expected(): ReadonlyMap<string, string> {
    const isOut = ({ partition, endMs }: { partition: number; endMs: number }): boolean =>
      this.fold === 'last' || endMs + graceMs <= (this.#times.get(partition) ?? 0)
    const all = [...this.#windows].filter(([, window]) => isOut(window))
    return texts(new Map(all.map(([row, { count }]) => [row, count])))
  }
}

interface Total {
  cents: number
}

const totalKind: PaneKind<Total> = {
  make: () => ({ cents: 0 }),
  merge: (into, from) => {
    into.cents += from.cents
  },
}

/** Of the orders or of all; one total, or one for each shard. */
class Totals implements Recount {
  readonly needsEvents = true
  readonly fold: Fold
  readonly #all: boolean
  readonly #byShard: boolean
  readonly #times: PartitionTimes
  readonly #totals = new Map<string, WindowPanes<Total>>()
  readonly #windows: PaneWindows

  constructor({ name, partitions, window, advance }: Counted) {
    this.fold = name.endsWith('-final') ? 'once' : 'last'
    this.#all = name.startsWith('hop-all')
    this.#byShard = name === 'hop-shard-final'
    this.#times = new PartitionTimes(partitions)
    this.#windows = { sizeMs: durationMs(window), advanceMs: durationMs(advance), graceMs }
  }

  add(partition: number, timestamp: number, key: string, event: ShopEvent): void {
    const isTaken = this.#all || isOrder(event)
    if (isTaken) {
      const cents = centsOf(event)
      this.#of(this.#byShard ? `shop${shardOf(key)}` : 'total').add(
        partition,
        timestamp,
        (pane) => {
          pane.cents += cents
        }
      )
    }
    // Time moves with every record; behind a repartition topic with those that go through it.
    if (isTaken || !this.#byShard) this.#times.pass(partition, timestamp)
  }

  expected(): ReadonlyMap<string, string> {
    const rows = new Map<string, string>()
    for (const [group, panes] of this.#totals) {
      for (const { start, pane, isEmpty } of panes.rows(this.fold === 'once' ? 'closed' : 'all')) {
        if (!isEmpty) rows.set(`${group}@${start}`, JSON.stringify({ cents: pane.cents }))
      }
    }
    return rows
  }

  #of(group: string): WindowPanes<Total> {
    const found = this.#totals.get(group) ?? new WindowPanes(this.#windows, totalKind, this.#times)
    this.#totals.set(group, found)
    return found
  }
}

function texts(numbers: ReadonlyMap<string, number>): ReadonlyMap<string, string> {
  return new Map([...numbers].map(([row, count]) => [row, String(count)]))
}
