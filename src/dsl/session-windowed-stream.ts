/** Records in sessions by key, and the tables that come of them. */
import type { Aggregators, AllCan, Results } from '../aggregators/aggregator.ts'
import type { Readable } from '../processor/readable.ts'
import { sessionWindowed } from '../serde/windowed.ts'
import type { SessionSpec } from '../windows/record-windows.ts'
import type { Emission, Windowed } from '../windows/windows.ts'
import type { GroupedFlow, TableFlow } from './flow.ts'
import type { AnySerde, UserFunction } from './graph.ts'
import type { KStream } from './k-stream.ts'
import { KTable } from './k-table.ts'
import { type LateRecords, takeLate } from './late.ts'
import {
  addRecordWindowAggregate,
  countPlan,
  mergingPlan,
  type Planned,
  reducePlan,
  type State,
  type Step,
  type StepOf,
  type Unnamed,
  type WindowedOptions,
  type WindowedSerde,
} from './plans.ts'

type NoMerge = 'Sessions merge when a record joins them: give this aggregator a merge function'
/** What merges two states, the earlier session first. */
type Merge<K, A, S> = (earlier: A, later: A, key: K) => Step<S>

export class SessionWindowedStream<K, V, Emit extends Emission> {
  readonly #flow: GroupedFlow
  readonly #windows: SessionSpec
  readonly #late: LateRecords<never, never> | undefined

  constructor(flow: GroupedFlow, windows: SessionSpec, late?: LateRecords<never, never>) {
    this.#flow = flow
    this.#windows = windows
    this.#late = late
    Object.freeze(this)
  }

  /** How many records each session has: `count('visits')`. */
  count(name: string, options?: WindowedOptions): SessionKTable<K, number, Emit>
  count(this: Unnamed<".count('visits')">): never
  count(name?: string, options?: WindowedOptions): unknown {
    return this.#table(name as string, countPlan(options))
  }

  /** Merges sessions with the same function: `reduce('longest', longer)`. */
  reduce(
    name: string,
    reducer: (kept: V, value: V, key: K) => V,
    options?: WindowedOptions
  ): SessionKTable<K, V, Emit>
  reduce(unnamed: Unnamed<".reduce('longest', (kept, value) => …)">): never
  reduce(name: unknown, reducer?: unknown, options?: WindowedOptions): unknown {
    const plan = reducePlan(reducer as UserFunction, this.#flow.value, options)
    return this.#table(name as string, plan)
  }

  /**
   * Named aggregators, all of which can merge; or a start, a step, and what merges two sessions:
   * `aggregate('cents', () => 0, (sum, order) => sum + order.cents, (a, b) => a + b)`. A session
   * begins with the start merged with each session that it takes up.
   */
  aggregate<const A extends Aggregators<V>>(
    name: string,
    aggregators: A & AllCan<A, 'merge', NoMerge>,
    options?: WindowedOptions
  ): SessionKTable<K, Results<A>, Emit>
  aggregate<A, S extends StepOf<A>, M extends StepOf<A>>(
    name: string,
    init: () => State<A>,
    add: (state: A, value: V, key: K) => Step<S>,
    merge: Merge<K, A, M>,
    options?: WindowedOptions
  ): SessionKTable<K, A, Emit>
  aggregate<A, S extends StepOf<A>, M extends StepOf<A>>(
    name: string,
    init: () => A,
    add: (state: A, value: V, key: K) => Step<S>,
    merge: Merge<K, A, M>,
    options: WindowedSerde<A>
  ): SessionKTable<K, A, Emit>
  aggregate(unnamed: Aggregators<V> & Unnamed<".aggregate('visits', { … })">): never
  aggregate(name: unknown, ...args: readonly unknown[]): unknown {
    return this.#table(name as string, mergingPlan(args))
  }

  #table(name: string, planned: Planned): unknown {
    const { graph, make } = this.#flow
    const node = addRecordWindowAggregate(this.#flow, name, planned, this.#windows)
    takeLate({ ...this.#flow, keyChanged: false }, node, this.#late)
    const key = sessionWindowed(this.#flow.key) as AnySerde
    const flow = { graph, make, node, durable: name, key, value: planned.rows }
    return make.sessionTable(flow, this.#windows)
  }
}

/** What a session's row is downstream: null where another session took it up. */
type SessionRow<V, Emit extends Emission> = [Emit] extends ['final'] ? V : V | null

/** The result of an aggregate in sessions: a row by key and session. */
export class SessionKTable<K, V, Emit extends Emission>
  extends KTable<Windowed<K>, V>
  implements Readable<'session', K, V>
{
  readonly kind = 'session'
  declare readonly row?: readonly [key: K, value: V]
  readonly emission: Emit

  constructor(flow: TableFlow, windows: { readonly emission: Emission }) {
    super(flow)
    this.emission = windows.emission as Emit
  }

  /** Rows as they come out; null: the session is part of another one now. */
  override toStream(): KStream<Windowed<K>, SessionRow<V, Emit>> {
    return super.toStream() as KStream<Windowed<K>, SessionRow<V, Emit>>
  }
}
