/** Several grouped streams in one aggregate, without windows or in any that have a key. */
import type { CogroupValue } from '../operators/cogroup-value.ts'
import type {
  RecordWindowSpec,
  SessionSpec,
  SessionWindows,
  SlidingWindows,
} from '../windows/record-windows.ts'
import type { UnlimitedWindows } from '../windows/unlimited.ts'
import type { WindowShape, WindowSpec, Windows } from '../windows/windows.ts'
import { cogroupTable } from './cogroup-table.ts'
import type { GroupedFlow } from './flow.ts'
import type { UserFunction } from './graph.ts'
import { groupFlowOf, type KGroupedStream } from './k-grouped-stream.ts'
import type { StoredKTable, WindowedKTable } from './k-table.ts'
import {
  type AggregateOptions,
  type AggregateSerde,
  aggregatePlan,
  mergingPlan,
  type State,
  type Step,
  type StepOf,
  type Unnamed,
  type WindowedOptions,
  type WindowedSerde,
} from './plans.ts'
import type { SessionKTable } from './session-windowed-stream.ts'

/** One stream of a cogroup, and what its values do to the state. */
export interface CogroupInput {
  readonly flow: GroupedFlow
  readonly step: UserFunction
}

type AddTo<K, V, A, S> = (state: A, value: V, key: K) => Step<S>

/**
 *     orders
 *       .cogroup((balance: number, order) => balance + order.cents)
 *       .and(refunds, (balance, refund) => balance - refund.cents)
 *       .aggregate('balances', () => 0)
 */
export class CogroupedStream<K, A> {
  readonly #inputs: readonly CogroupInput[]

  constructor(inputs: readonly CogroupInput[]) {
    this.#inputs = inputs
    Object.freeze(this)
  }

  /**
   * One stream more:
   * `.and(refunds, (balance, refund) => balance - refund.cents).aggregate('balances', () => 0)`.
   * Each keeps a stream time of its own: none makes another one's late.
   */
  and<V, S extends StepOf<A>>(
    other: KGroupedStream<K, V>,
    step: AddTo<K, V, A, S>
  ): CogroupedStream<K, A> {
    const flow = groupFlowOf(other as KGroupedStream<unknown, unknown>)
    return new CogroupedStream([...this.#inputs, { flow, step }])
  }

  /** What all streams together come to, from this start on: `aggregate('balances', () => 0)`. */
  aggregate(name: string, init: () => State<A>, options?: AggregateOptions): StoredKTable<K, A>
  aggregate(name: string, init: () => A, options: AggregateSerde<A>): StoredKTable<K, A>
  aggregate(unnamed: Unnamed<".aggregate('balances', () => 0)">): never
  aggregate(name: unknown, init?: unknown, options?: unknown): unknown {
    const planned = aggregatePlan([init, addByInput(this.#inputs), options])
    return cogroupTable(flowsOf(this.#inputs), name as string, planned)
  }

  /**
   * In sessions, all streams together:
   * `.windowedBy(session('30m')).aggregate('visits', () => 0, (a, b) => a + b)`.
   */
  windowedBy(windows: SessionWindows<'updates'>): CogroupedSessions<K, A>
  /** In windows of any other kind: `.windowedBy(tumbling('1h')).aggregate('hourly', () => 0)`. */
  windowedBy(
    windows: Windows<WindowShape, false, 'updates'> | SlidingWindows<'updates'> | UnlimitedWindows
  ): CogroupedWindows<K, A>
  windowedBy(windows: WindowSpec | RecordWindowSpec): unknown {
    return windows.shape === 'session'
      ? new CogroupedSessions(this.#inputs, windows)
      : new CogroupedWindows(this.#inputs, windows)
  }
}

/** In windows of any kind but sessions. */
export class CogroupedWindows<K, A> {
  readonly #inputs: readonly CogroupInput[]
  readonly #windows: Exclude<WindowSpec | RecordWindowSpec, { readonly shape: 'session' }>

  constructor(
    inputs: readonly CogroupInput[],
    windows: Exclude<WindowSpec | RecordWindowSpec, { readonly shape: 'session' }>
  ) {
    this.#inputs = inputs
    this.#windows = windows
    Object.freeze(this)
  }

  /** A row by key and window: `aggregate('hourly-balances', () => 0)`. */
  aggregate(
    name: string,
    init: () => State<A>,
    options?: WindowedOptions
  ): WindowedKTable<K, A, 'updates'>
  aggregate(name: string, init: () => A, options: WindowedSerde<A>): WindowedKTable<K, A, 'updates'>
  aggregate(unnamed: Unnamed<".aggregate('balances', () => 0)">): never
  aggregate(name: unknown, init?: unknown, options?: unknown): unknown {
    const planned = aggregatePlan([init, addByInput(this.#inputs), options])
    return cogroupTable(flowsOf(this.#inputs), name as string, planned, this.#windows)
  }
}

/** In sessions: what merges two of them comes after the start. */
export class CogroupedSessions<K, A> {
  readonly #inputs: readonly CogroupInput[]
  readonly #windows: SessionSpec

  constructor(inputs: readonly CogroupInput[], windows: SessionSpec) {
    this.#inputs = inputs
    this.#windows = windows
    Object.freeze(this)
  }

  /** With what merges two sessions: `aggregate('visits', () => 0, (a, b) => a + b)`. */
  aggregate<M extends StepOf<A>>(
    name: string,
    init: () => State<A>,
    merge: (earlier: A, later: A, key: K) => Step<M>,
    options?: WindowedOptions
  ): SessionKTable<K, A, 'updates'>
  aggregate<M extends StepOf<A>>(
    name: string,
    init: () => A,
    merge: (earlier: A, later: A, key: K) => Step<M>,
    options: WindowedSerde<A>
  ): SessionKTable<K, A, 'updates'>
  aggregate(unnamed: Unnamed<".aggregate('balances', () => 0, (a, b) => a + b)">): never
  aggregate(name: unknown, init?: unknown, merge?: unknown, options?: unknown): unknown {
    const planned = mergingPlan([init, addByInput(this.#inputs), merge, options])
    return cogroupTable(flowsOf(this.#inputs), name as string, planned, this.#windows)
  }
}

function flowsOf(inputs: readonly CogroupInput[]): readonly GroupedFlow[] {
  return inputs.map(({ flow }) => flow)
}

/** The step of whichever stream a value came by. */
function addByInput(inputs: readonly CogroupInput[]): UserFunction {
  type Add = (state: unknown, value: unknown, key: unknown) => unknown
  const steps = inputs.map(({ step }) => step as unknown as Add)
  return (state: unknown, { input, value }: CogroupValue, key: unknown): unknown =>
    (steps[input] as Add)(state, value, key)
}
