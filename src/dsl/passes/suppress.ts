/** Suppressed tables as nodes that run. */
import { present } from '../../assert.ts'
import { SuppressOperator, type SuppressSpec } from '../../operators/suppress.ts'
import { both, type NodeBlueprint } from '../../topology/blueprint.ts'
import { changelogConfig } from '../../topology/internal-topics.ts'
import type { SuppressNode } from '../graph.ts'
import { closeOf } from '../suppress.ts'

export function drawSuppress(node: SuppressNode, parents: readonly string[]): NodeBlueprint {
  const { name, durable, key, value, until } = node
  const limits = { recordsMax: until.maxRecords, bytesMax: until.maxBytes }
  const how = howOf(node)
  const spec: SuppressSpec = Object.freeze({
    name: durable,
    key,
    value,
    logged: true,
    ...how,
    ...limits,
  })
  const layout = `changes by ${how.from}, ${value.name} by ${key.name}`
  return {
    kind: 'processor',
    name,
    operator: 'suppress',
    parents,
    topic: undefined,
    stores: [{ name: durable, logged: true, layout, config: changelogConfig }],
    aggregates: [],
    reads: both,
    replaces: both,
    create: () => new SuppressOperator(spec),
  }
}

function howOf({ durable, until, inputs }: SuppressNode) {
  if (until.kind === 'time-limit') {
    const { waitMs, whenFull } = until
    return { from: 'record', waitMs, whenFull } as const
  }
  const close = closeOf(present(inputs[0], 'the table held back'), durable, until.closing)
  return { from: 'window', ...close, whenFull: 'stop' } as const
}
