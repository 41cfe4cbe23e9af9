/** From the logical graph to nodes that run: one case per kind, in the order of the calls. */
import { policyOf } from '../../error-policy.ts'
import { GaugeOperator } from '../../operators/gauge.ts'
import { PassThroughOperator } from '../../operators/pass-through.ts'
import { ToStreamOperator } from '../../operators/to-stream.ts'
import {
  type Blueprint,
  both,
  type NodeBlueprint,
  neither,
  type OperatorBlueprint,
  type RepartitionTopic,
  type UserTopic,
} from '../../topology/blueprint.ts'
import { changelogConfig, windowedChangelogConfig } from '../../topology/internal-topics.ts'
import type { SourceTopicSpec, StoreSpec } from '../../topology/topology.ts'
import type {
  AnyTopic,
  DeduplicateNode,
  GaugeNode,
  LateNode,
  LogicalNode,
  ProcessNode,
  SourceNode,
} from '../graph.ts'
import { drawAggregate, drawGlobalAggregate, partialNode } from './aggregates.ts'
import { drawCogroup } from './cogroup.ts'
import { copartitionsOf } from './copartitions.ts'
import { foreignKeyTopics } from './foreign-keys.ts'
import { instrumentsOf } from './instruments.ts'
import { drawStreamJoin } from './joins.ts'
import { handleLayout } from './layouts.ts'
import {
  type Runs,
  runBranch,
  runCounter,
  runDeduplicate,
  runMapAsync,
  runProcess,
  runSink,
  runSplit,
  runStateless,
} from './operators.ts'
import { parametersOf } from './parameters.ts'
import { readableStores } from './readable.ts'
import { drawRecordWindowAggregate } from './record-windows.ts'
import { drawRepartition, orNull, throughOf } from './repartitions.ts'
import { drawSuppress } from './suppress.ts'
import { globalTable } from './table-joins.ts'
import { drawTableNode } from './table-nodes.ts'
import { TablePlan } from './table-plan.ts'

export function drawBlueprint(nodes: readonly LogicalNode[]): Blueprint {
  const tables = new TablePlan(nodes)
  const gauges = nodes.filter((node) => node.kind === 'gauge')
  const drawn = nodes.flatMap((node) => {
    const parents = node.inputs.map(({ name }) => name)
    // Gauges of one table are one node, where the first of them was declared.
    if (node.kind !== 'gauge') return draw(node, parents, tables)
    const alike = gauges.filter(({ inputs }) => inputs[0] === node.inputs[0])
    return alike[0] === node ? [drawGauges(alike, parents)] : []
  })
  return {
    nodes: drawn,
    sources: topicsOf(nodes, 'source'),
    sinks: [...topicsOf(nodes, 'sink'), ...deadLetterTopics(nodes)],
    repartitions: nodes.flatMap(repartitionsOf),
    copartitions: copartitionsOf(nodes),
    globals: nodes.flatMap((node) => (node.kind === 'global-table' ? [globalTable(node)] : [])),
    readable: readableStores(nodes),
    instruments: instrumentsOf(nodes),
  }
}

function draw(
  node: Exclude<LogicalNode, GaugeNode>,
  parents: readonly string[],
  tables: TablePlan
): readonly NodeBlueprint[] {
  switch (node.kind) {
    case 'source':
      return [drawSource(node)]
    case 'stateless':
      return [drawn(node, node.operator, parents, runStateless(node))]
    case 'map-async':
      return [drawn(node, 'map-async', parents, runMapAsync(node))]
    case 'merge':
      return [drawn(node, 'merge', parents, passes)]
    case 'split':
      return [drawn(node, 'split', parents, runSplit(node))]
    case 'branch':
      return [drawn(node, 'branch', parents, runBranch(node))]
    case 'counter':
      return [drawn(node, 'counter', parents, runCounter(node))]
    case 'process':
      return [drawProcess(node, parents)]
    case 'table':
    case 'table-filter':
    case 'table-values':
    case 'stored':
    case 'table-select':
    case 'table-aggregate':
    case 'table-join':
    case 'stream-table-join':
    case 'foreign-key-join':
    case 'stream-global-join':
      return drawTableNode(node, parents, tables)
    case 'to-stream': {
      const create = (): ToStreamOperator => new ToStreamOperator()
      return [drawn(node, 'to-stream', parents, { reads: both, replaces: both, create })]
    }
    case 'global-table':
      return []
    case 'sink': {
      const topic = node.choose === undefined ? node.topics[0]?.name : undefined
      return [{ ...drawn(node, 'to', parents, runSink(node)), kind: 'sink', topic }]
    }
    case 'repartition':
      return drawRepartition(node, parents)
    case 'aggregate':
      return drawAggregate(node, parents)
    case 'record-window-aggregate':
      return drawRecordWindowAggregate(node, parents)
    case 'cogroup':
      return drawCogroup(node, parents)
    case 'suppress':
      return [drawSuppress(node, parents)]
    case 'global-aggregate':
      return drawGlobalAggregate(node, parents)
    case 'deduplicate':
      return [drawDeduplicate(node, parents)]
    case 'late':
      return [drawLate(node)]
    case 'stream-join':
      return drawStreamJoin(node, parents)
  }
}

function drawn(
  { name }: LogicalNode,
  operator: string,
  parents: readonly string[],
  { reads, replaces, create }: Runs
): OperatorBlueprint {
  const rest = { topic: undefined, stores: [], aggregates: [], reads, replaces, create }
  return { kind: 'processor', name, operator, parents, ...rest }
}

/** What goes on as it came. */
const passes: Runs = Object.freeze({
  reads: neither,
  replaces: neither,
  create: () => new PassThroughOperator(),
})

function drawLate(node: LateNode): OperatorBlueprint {
  return { ...drawn(node, 'late', latePorts(node), passes), takesLate: true }
}

function drawDeduplicate(node: DeduplicateNode, parents: readonly string[]): OperatorBlueprint {
  const { name, withinMs } = node
  const layout = `ids by time, within ${withinMs} ms`
  const stores = [{ name, logged: true, layout, config: changelogConfig }]
  return { ...drawn(node, 'deduplicate', parents, runDeduplicate(node)), stores }
}

/** Of windows without a key, the first phase knows what is late. */
function latePorts({ inputs }: LateNode): readonly string[] {
  return inputs.map((input) =>
    input.kind === 'global-aggregate' ? partialNode(input) : input.name
  )
}

function drawSource(node: SourceNode): NodeBlueprint {
  const { name, maxFutureMs, validates, rejections, errors } = node
  const topics = node.topics.map(
    (topic): SourceTopicSpec => ({
      name: topic.name,
      internal: false,
      key: topic.key,
      value: node.isTable ? orNull(topic.value) : topic.value,
      timestamp: topic.timestamp,
      keepsTimeOfNull: node.isTable,
      maxFutureMs,
      rejections: rejections?.name,
      errors: policyOf(errors),
    })
  )
  const reads = node.topics.map(({ timestamp }) =>
    timestamp === undefined ? neither : parametersOf(timestamp)
  )
  const key = validates || reads.some((halves) => halves.key)
  const value = validates || reads.some((halves) => halves.value)
  return { kind: 'source', name, topics, reads: { key, value } }
}

function drawProcess(node: ProcessNode, parents: readonly string[]): NodeBlueprint {
  const operator = node.keepsKey ? 'process-values' : 'process'
  const stores = Object.values(node.stores).map(
    (handle): StoreSpec => ({
      name: handle.name,
      logged: handle.logged,
      layout: handleLayout(handle),
      config:
        handle.retentionMs === undefined
          ? changelogConfig
          : windowedChangelogConfig(handle.retentionMs),
    })
  )
  return { ...drawn(node, operator, parents, runProcess(node)), stores }
}

function drawGauges(nodes: readonly GaugeNode[], parents: readonly string[]): NodeBlueprint {
  const [first] = nodes as readonly [GaugeNode]
  const gauges = nodes.map(({ gauge }) => ({ ...gauge, value: gauge.value as Measure }))
  const store = `${first.durable}-gauges`
  const create = (): GaugeOperator => new GaugeOperator(store, gauges)
  const runs = { reads: both, replaces: both, create }
  const stores = [{ name: store, logged: true, layout: 'gauges', config: changelogConfig }]
  return { ...drawn(first, 'gauge', parents, runs), stores }
}

type Measure = (row: unknown, key: unknown) => number | bigint | null

function repartitionsOf(node: LogicalNode): readonly RepartitionTopic[] {
  if (node.kind === 'global-aggregate') return [{ name: node.durable, partitions: 1 }]
  if (node.kind === 'foreign-key-join') return foreignKeyTopics(node)
  return throughOf(node).map(({ topic, partitions }) => ({ name: topic, partitions }))
}

function deadLetterTopics(nodes: readonly LogicalNode[]): readonly UserTopic[] {
  return nodes.flatMap((node) =>
    node.kind === 'source' && node.errors.deadLetters !== undefined ? [node.errors.deadLetters] : []
  )
}

function topicsOf(nodes: readonly LogicalNode[], kind: 'source' | 'sink'): readonly UserTopic[] {
  const topics = new Map<string, AnyTopic>()
  for (const node of nodes) {
    for (const topic of topicsNamed(node, kind)) {
      const known = topics.get(topic.name)
      // Of two that name the same topic, the one that says how to create it speaks.
      if (known === undefined || (topic.create && !known.create)) topics.set(topic.name, topic)
    }
  }
  return [...topics.values()].map(({ name, partitions, config, create }) => ({
    name,
    partitions,
    config,
    create,
  }))
}

/** Topics of the user that a node reads, or writes. */
function topicsNamed(node: LogicalNode, kind: 'source' | 'sink'): readonly AnyTopic[] {
  if (node.kind === 'global-table') return kind === 'source' ? [node.topic] : []
  return node.kind === kind ? node.topics : []
}
