/** Which operator runs a logical node, and what it reads of a record. */
import type { Aggregators } from '../../aggregators/aggregator.ts'
import { present } from '../../assert.ts'
import { CounterOperator } from '../../operators/counter.ts'
import { DeduplicateOperator, type DeduplicateSpec } from '../../operators/deduplicate.ts'
import { type Callback, FilterNotOperator, FilterOperator } from '../../operators/filter.ts'
import { ForEachOperator } from '../../operators/for-each.ts'
import { FlatMapOperator, MapOperator } from '../../operators/map.ts'
import { MapAsyncOperator, type MapAsyncSpec } from '../../operators/map-async.ts'
import { FlatMapValuesOperator, MapValuesOperator } from '../../operators/map-values.ts'
import { PeekOperator } from '../../operators/peek.ts'
import {
  type AnyFactory,
  type AnyValueFactory,
  ProcessOperator,
  ProcessValuesOperator,
} from '../../operators/process.ts'
import { SelectKeyOperator } from '../../operators/select-key.ts'
import { ChoosingSinkOperator, SinkOperator, type SinkTopic } from '../../operators/sink.ts'
import type { AggregationPlan } from '../../operators/specs.ts'
import { BranchOperator, SplitOperator } from '../../operators/split.ts'
import type { Operator } from '../../processor/operator.ts'
import { both, type Halves, neither } from '../../topology/blueprint.ts'
import type {
  BranchNode,
  CounterNode,
  DeduplicateNode,
  MapAsyncNode,
  ProcessNode,
  SinkNode,
  SplitNode,
  StatelessNode,
  StatelessOperator,
  UserFunction,
} from '../graph.ts'
import { parametersOf } from './parameters.ts'

/** The running half of a node. */
export interface Runs {
  readonly reads: Halves
  readonly replaces: Halves
  create(): Operator
}

type Stateless = readonly [replaces: Halves, create: (fn: never) => Operator]

const onlyKey: Halves = Object.freeze({ key: true, value: false })
const onlyValue: Halves = Object.freeze({ key: false, value: true })

const stateless: Readonly<Record<StatelessOperator, Stateless>> = {
  filter: [neither, (fn: Callback<boolean>) => new FilterOperator(fn)],
  'filter-not': [neither, (fn: Callback<boolean>) => new FilterNotOperator(fn)],
  map: [both, (fn) => new MapOperator(fn)],
  'flat-map': [both, (fn) => new FlatMapOperator(fn)],
  'map-values': [onlyValue, (fn) => new MapValuesOperator(fn)],
  'flat-map-values': [onlyValue, (fn) => new FlatMapValuesOperator(fn)],
  'select-key': [onlyKey, (fn) => new SelectKeyOperator(fn)],
  'for-each': [neither, (fn: Callback<unknown>) => new ForEachOperator(fn)],
  peek: [neither, (fn) => new PeekOperator(fn)],
}

export function runStateless({ operator, fn }: StatelessNode): Runs {
  const [replaces, create] = stateless[operator]
  return { reads: parametersOf(fn), replaces, create: () => create(fn as never) }
}

export function runMapAsync(node: MapAsyncNode): Runs {
  const { fn, concurrency, timeoutMs, retries, backoffMs } = node
  const map = fn as MapAsyncSpec['map']
  const spec = Object.freeze({ map, concurrency, timeoutMs, retries, backoffMs })
  const create = (): Operator => new MapAsyncOperator(spec)
  return { reads: parametersOf(fn), replaces: onlyValue, create }
}

export function runDeduplicate(node: DeduplicateNode): Runs {
  const { durable: name, withinMs, graceMs, by, others } = node
  const spec: DeduplicateSpec = Object.freeze({
    name,
    by: by as Callback<never>,
    others: others as DeduplicateSpec['others'],
    withinMs,
    graceMs,
  })
  const create = (): Operator => new DeduplicateOperator(spec)
  if (others === undefined) return { reads: parametersOf(by), replaces: neither, create }
  return { reads: anyOf([parametersOf(by), parametersOf(others)]), replaces: onlyValue, create }
}

export function runSplit({ predicates }: SplitNode): Runs {
  const callbacks = predicates as readonly (Callback<boolean> | undefined)[]
  const reads = predicates.map((fn) => (fn === undefined ? neither : parametersOf(fn)))
  return { reads: anyOf(reads), replaces: neither, create: () => new SplitOperator(callbacks) }
}

export function runBranch({ branch }: BranchNode): Runs {
  return { reads: neither, replaces: neither, create: () => new BranchOperator(branch) }
}

export function runCounter({ counter: { name, label } }: CounterNode): Runs {
  const of = label?.of
  return {
    reads: of === undefined ? neither : parametersOf(of),
    replaces: neither,
    create: () => new CounterOperator(name, of as Callback<string> | undefined),
  }
}

export function runSink({ topics, choose }: SinkNode): Runs {
  const topic = present<SinkTopic>(topics[0], 'topic of a sink')
  const create = (): Operator =>
    choose === undefined
      ? new SinkOperator(topic)
      : new ChoosingSinkOperator(choose as Callback<SinkTopic>, topics)
  return { reads: both, replaces: both, create }
}

export function runProcess({ stores, factory, keepsKey }: ProcessNode): Runs {
  const create = (): Operator =>
    keepsKey
      ? new ProcessValuesOperator(stores, factory as UserFunction as AnyValueFactory)
      : new ProcessOperator(stores, factory as UserFunction as AnyFactory)
  return { reads: both, replaces: keepsKey ? onlyValue : both, create }
}

/** What an aggregate reads beside the key it keeps its state by. */
export function readByPlan(plan: AggregationPlan): Halves {
  if (plan.kind === 'count') return onlyKey
  if (plan.kind === 'named') return { key: true, value: readsValue(plan.aggregators) }
  return both
}

/** `count()` without a condition needs to know that there is a record, not what is in it. */
export function readsValue(aggregators: Aggregators<never>): boolean {
  return Object.values(aggregators).some(
    ({ kind, args }) => kind !== 'count' || args.some((arg) => arg !== undefined)
  )
}

function anyOf(halves: readonly Halves[]): Halves {
  return {
    key: halves.some(({ key }) => key),
    value: halves.some(({ value }) => value),
  }
}
