/** From the arguments of `count`, `reduce` and `aggregate` to what the operators are told. */
import type { Aggregators } from '../aggregators/aggregator.ts'
import { type Duration, durationMs } from '../durations.ts'
import type { Misuse, Sync } from '../misuse.ts'
import type { AggregationPlan } from '../operators/specs.ts'
import type { Storable } from '../serde/checks.ts'
import { data } from '../serde/data.ts'
import type { Serde } from '../serde/serde.ts'
import type { RecordWindowSpec } from '../windows/record-windows.ts'
import type { WindowSpec } from '../windows/windows.ts'
import type { GroupedFlow } from './flow.ts'
import type { AggregateNode, AnySerde, RecordWindowAggregateNode, UserFunction } from './graph.ts'

/** What a call without a name says. */
export type Unnamed<Call extends string> = Misuse<`This keeps durable state, so name it: ${Call}`>

type Adder = 'An aggregator runs synchronously: it cannot answer a promise'

/** What `init` answers: something that `data()` keeps, unless a serde is given. */
export type State<A> = A & (unknown extends Sync<A, Adder> ? Storable<A> : Sync<A, Adder>)
/** What a step answers: the next state, now. */
export type Step<S> = S & Sync<S, Adder>
export type StepOf<A> = A | PromiseLike<unknown>

export interface AggregateOptions {
  /** Whether changes go to a changelog, from which a lost store is restored. Default true. */
  readonly logged?: boolean
}

export interface WindowedOptions extends AggregateOptions {
  /**
   * How far behind the newest window of the task closed ones stay readable, from start to start.
   * Default and least: size and grace.
   */
  readonly retention?: Duration
}

export interface WindowedSerde<A> extends WindowedOptions {
  /** How the state becomes bytes. */
  readonly value: Serde<A>
}

export interface AggregateSerde<A> extends AggregateOptions {
  /** How the state becomes bytes. */
  readonly value: Serde<A>
}

interface Options extends WindowedOptions {
  readonly value?: AnySerde
}

/** What an aggregate is made of, and the serde of its rows if it is known. */
export interface Planned {
  readonly plan: AggregationPlan
  readonly logged: boolean
  readonly rows: AnySerde | undefined
  /** Of windows; undefined: as long as they need. */
  readonly retentionMs: number | undefined
}

export function countPlan(options?: WindowedOptions): Planned {
  return { plan: Object.freeze({ kind: 'count' }), rows: undefined, ...kept(options) }
}

function kept({ logged = true, retention }: WindowedOptions = {}): {
  readonly logged: boolean
  readonly retentionMs: number | undefined
} {
  return { logged, retentionMs: retention === undefined ? undefined : durationMs(retention) }
}

export function reducePlan(
  reducer: UserFunction,
  values: AnySerde | undefined,
  options?: WindowedOptions
): Planned {
  const serde = values ?? data<unknown>()
  const plan = Object.freeze({ kind: 'reduce', reducer: reducer as Reducer, serde } as const)
  return { plan, rows: serde, ...kept(options) }
}

/** As `aggregatePlan`; functions are `(init, add, merge)` or `(init, add, merge, options)`. */
export function mergingPlan([first, second, third, fourth]: readonly unknown[]): Planned {
  if (typeof first !== 'function') return aggregatePlan([first, second])
  const { plan, ...rest } = aggregatePlan([first, second, fourth])
  return { plan: Object.freeze({ ...plan, merge: third as Reducer } as typeof plan), ...rest }
}

/** `({ n: count() })`, `({ n: count() }, options)`, `(init, add)` or `(init, add, options)`. */
export function aggregatePlan([first, second, third]: readonly unknown[]): Planned {
  if (typeof first !== 'function') {
    const aggregators = Object.freeze({ ...(first as Aggregators<never>) })
    const plan = Object.freeze({ kind: 'named', aggregators } as const)
    return { plan, rows: undefined, ...kept(second as Options | undefined) }
  }
  const { value: serde = data<unknown>(), ...options } = (third ?? {}) as Options
  const steps = { init: first as () => unknown, add: second as Reducer, serde }
  return { plan: Object.freeze({ kind: 'steps', ...steps }), rows: serde, ...kept(options) }
}

export function tableReducePlan(
  add: UserFunction,
  remove: UserFunction,
  values: AnySerde | undefined,
  options: AggregateOptions = {}
): Planned {
  const planned = reducePlan(add, values, options)
  return { ...planned, plan: Object.freeze({ ...planned.plan, remover: remove as Reducer }) }
}

/** `({ n: count() })`, `(init, add, remove)`, and either with options behind. */
export function tableAggregatePlan([first, second, third, last]: readonly unknown[]): Planned {
  const planned = aggregatePlan([first, second, last])
  if (planned.plan.kind !== 'steps') return planned
  return { ...planned, plan: Object.freeze({ ...planned.plan, remove: third as Reducer }) }
}

type Reducer = (kept: unknown, value: unknown, key: unknown) => unknown

/** Leaves the node of a keyed aggregate, windowed or not. */
export function addAggregate(
  flow: GroupedFlow,
  durable: string,
  planned: Planned,
  windows: WindowSpec | undefined
): AggregateNode {
  return flow.graph.add({ kind: 'aggregate', ...common(flow, durable, planned), windows })
}

/** The same in windows that begin and end with records. */
export function addRecordWindowAggregate(
  flow: GroupedFlow,
  durable: string,
  planned: Planned,
  windows: RecordWindowSpec
): RecordWindowAggregateNode {
  const kind = 'record-window-aggregate'
  return flow.graph.add({ kind, ...common(flow, durable, planned), windows })
}

function common(flow: GroupedFlow, durable: string, { plan, logged, retentionMs }: Planned) {
  const { graph, node, key, keyChanged } = flow
  const name = graph.nameOf(plan.kind === 'reduce' ? 'KSTREAM-REDUCE' : 'KSTREAM-AGGREGATE')
  const value = flow.value ?? data<unknown>()
  const repartition = keyChanged
    ? Object.freeze({ topic: durable, partitions: undefined, key, value })
    : undefined
  if (keyChanged) graph.skipNames(3)
  const inputs = [node]
  return { name, durable, key, plan, retentionMs, logged, repartition, inputs }
}
