/** Gauges and counters that a topology declares, each series once. */
import type { InstrumentSpec } from '../../topology/topology.ts'
import type { LogicalNode } from '../graph.ts'
import { fault } from './faults.ts'

/** Counters may be fed from several places; a series of a gauge has one owner. */
export function instrumentsOf(nodes: readonly LogicalNode[]): readonly InstrumentSpec[] {
  const specs: InstrumentSpec[] = []
  for (const spec of nodes.flatMap(declared)) {
    const namesakes = specs.filter(({ name }) => name === spec.name)
    for (const other of namesakes) expectAlike(spec, other)
    if (spec.kind === 'gauge' || namesakes.length === 0) specs.push(Object.freeze(spec))
  }
  return specs
}

function declared(node: LogicalNode): readonly InstrumentSpec[] {
  if (node.kind === 'gauge') {
    const { name, help, labels } = node.gauge
    return [{ kind: 'gauge', name, help, labels, label: undefined }]
  }
  if (node.kind === 'counter') {
    const { name, help, label } = node.counter
    return [{ kind: 'counter', name, help, labels: {}, label: label?.name }]
  }
  if (node.kind !== 'source' || node.rejections === undefined) return []
  return [{ kind: 'counter', ...node.rejections, labels: {}, label: 'reason' }]
}

function expectAlike(spec: InstrumentSpec, other: InstrumentSpec): void {
  const names = (one: InstrumentSpec): string => Object.keys(one.labels).sort().join()
  const isAlike =
    spec.kind === other.kind &&
    spec.help === other.help &&
    spec.label === other.label &&
    names(spec) === names(other)
  const series = (one: InstrumentSpec): string =>
    JSON.stringify(Object.entries(one.labels).sort(([a], [b]) => (a < b ? -1 : 1)))
  const isTwin = spec.kind === 'gauge' && series(spec) === series(other)
  if (isAlike && !isTwin) return
  throw fault(
    'nameTaken',
    `The ${spec.kind} '${spec.name}' is declared twice${isTwin ? '' : ', and not alike'}. ` +
      'One name has one kind, help and set of label names, and gauges of one name differ in labels.'
  )
}
